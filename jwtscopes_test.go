package bearer_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No scope claim makes a token bad. What in it is no scope-token grants nothing,
// and the error of a request that lacks a scope says why.
func TestJWTScopeClaim(t *testing.T) {
	const notListed = " is neither a string nor an array"
	for _, row := range []struct {
		name, setting, claim string
		want                 bearer.Scopes
		cause                string // of a request that lacks a scope
	}{
		{"one", "", `"scope":"a:read"`, "a:read", ""},
		{"two", "", `"scope":"a b"`, "a b", ""},
		{"all", "", `"scope":"*"`, "*", ""},
		{"a family", "", `"scope":"tokens:*"`, "tokens:*", ""},
		{"absent", "", `"x":1`, "", ""},
		{"empty", "", `"scope":""`, "", ""},
		{"another claim is not read", "", `"scp":["a"]`, "", ""},
		{"two spaces", "", `"scope":"a:read  b:read"`, "a:read b:read", ""},
		{"a space in front", "", `"scope":" a:read"`, "a:read", ""},
		{"a space behind", "", `"scope":"a:read "`, "a:read", ""},
		{"a space", "", `"scope":" "`, "", ""},
		{"a tab", "", `"scope":"a\tb c"`, "c", `claim scope has "a\tb", which is no scope-token`},
		{"a line break", "", `"scope":"a\nb"`, "", `claim scope has "a\nb", which is no scope-token`},
		{"a quote", "", `"scope":"a\" b"`, "b", `claim scope has "a\"", which is no scope-token`},
		{"a backslash", "", `"scope":"a\\ b"`, "b", `claim scope has "a\\", which is no scope-token`},
		{"not ASCII", "", `"scope":"é b"`, "b", `claim scope has "é", which is no scope-token`},
		{"half a surrogate pair", "", `"scope":"\ud800 b"`, "b", `claim scope has "�", which is no scope-token`},
		{"a wide space", "", `"scope":"a\u2003b"`, "", `claim scope has "a\u2003b", which is no scope-token`},
		{"commas", "", `"scope":"a:read,b:read"`, "", `claim scope has commas where spaces separate scopes: "a:read,b:read"`},
		{"commas and spaces", "", `"scope":"a:read, b:read"`, "", `claim scope has commas where spaces separate scopes: "a:read, b:read"`},
		{"a comma and all", "", `"scope":"a,* b"`, "", `claim scope has commas where spaces separate scopes: "a,* b"`},
		{"a comma", "", `"scope":","`, "", `claim scope has commas where spaces separate scopes: ","`},
		{"a long text", "", `"scope":"` + strings.Repeat("a", 100) + `\n"`, "", `claim scope has "` + strings.Repeat("a", 40) + `"…, which is no scope-token`},

		{"array", "", `"scope":["a:read","b"]`, "a:read b", ""},
		{"array of one", "", `"scope":["a:read"]`, "a:read", ""},
		{"array of none", "", `"scope":[]`, "", ""},
		{"array: a space", "", `"scope":["a:read","Site Admin"]`, "a:read", `claim scope has "Site Admin", which is no scope-token`},
		{"array: two in one", "", `"scope":["a:read b:read"]`, "", `claim scope has "a:read b:read", which is no scope-token`},
		{"array: all and another in one", "", `"scope":["x *"]`, "", `claim scope has "x *", which is no scope-token`},
		{"array: a space in front", "", `"scope":[" a"]`, "", `claim scope has " a", which is no scope-token`},
		{"array: empty", "", `"scope":["a",""]`, "a", `claim scope has "", which is no scope-token`},
		{"array: a comma is in the scope", "", `"scope":["a,b"]`, "a,b", ""},
		{"array: number", "", `"scope":["a",1]`, "a", "claim scope has an element that is no string"},
		{"array: null", "", `"scope":[null,"a"]`, "a", "claim scope has an element that is no string"},
		{"array: object", "", `"scope":["a",{"b":"c"}]`, "a", "claim scope has an element that is no string"},
		{"array: array", "", `"scope":[["a"]]`, "", "claim scope has an element that is no string"},

		{"an object", "", `"scope":{"a":true}`, "", "claim scope" + notListed},
		{"null", "", `"scope":null`, "", "claim scope" + notListed},
		{"a number", "", `"scope":1`, "", "claim scope" + notListed},
		{"true", "", `"scope":true`, "", "claim scope" + notListed},

		{"set: array", "scp", `"scp":["a:read","b"]`, "a:read b", ""},
		{"set: string", "scp", `"scp":"a b"`, "a b", ""},
		{"set: absent", "scp", `"x":1`, "", ""},
		{"set: scope is not read beside it", "scp", `"scope":"b"`, "", ""},
		{"set: scope", "scope", `"scope":["a","b"]`, "a b", ""},
		{"set: a URL", "https://example.com/scopes", `"https://example.com/scopes":["a"]`, "a", ""},
		{"set: two spaces", "scp", `"scp":"a  b"`, "a b", ""},
		{"set: null", "scp", `"scp":null`, "", "claim scp" + notListed},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.ScopeClaim, config.Cache = row.setting, 10
				guard := jwtGuard(t, config)
				text := jwtMinted(t, jwtClaims.without("scope").and(row.claim))
				for range 2 { // the second finds the first in the cache
					p, err := guard.Check(request(http.MethodGet, "/", text))
					require.NoError(t, err)
					assert.Equal(t, row.want, p.Scopes)
					assert.NoError(t, p.Scopes.Validate())
					if row.want == bearer.FullAccess {
						continue
					}
					_, err = guard.Check(request(http.MethodGet, "/", text), "wanted")
					want := "bearer: forbidden: scope_insufficient"
					if row.cause != "" {
						want += ": " + row.cause
					}
					assert.EqualError(t, err, want)
				}
			})
		})
	}
}

// The cause is told behind a handler of the guard, too, and never sent.
func TestJWTScopeCauseOfNestedGuards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var causes []string
		guard := newGuard(t, bearer.Config{
			JWT: []bearer.JWT{jwtConfig()},
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err *bearer.Error) {
				causes = append(causes, err.Error())
				bearer.WriteError(w, r, err)
			},
		})
		text := jwtMinted(t, jwtClaims.with(`"scope":"a,b"`))
		w := get(guard.Handler(guard.Require("a")(pass)), text)
		assert.Equal(t, "403 scope_insufficient", verdict(w))
		assert.NotContains(t, w.Body.String(), "comma")
		assert.Equal(t, []string{`bearer: forbidden: scope_insufficient: claim scope has commas where spaces separate scopes: "a,b"`}, causes)
	})
}

// A read-only token loses its writes, wherever its scopes come from.
func TestJWTReadOnlyScopes(t *testing.T) {
	function := func(map[string]any) (bearer.Scopes, error) { return "a:write b", nil }
	for _, row := range []struct {
		claim  string
		scopes func(map[string]any) (bearer.Scopes, error)
		want   bearer.Scopes
	}{
		{`"scope":"a:write b:read"`, nil, "b:read"},
		{`"scope":["a:write","b:read","c"]`, nil, "b:read c"},
		{`"scope":"*"`, nil, "*"},
		{`"scope":"a"`, function, "b"},
	} {
		synctest.Test(t, func(t *testing.T) {
			config := jwtConfig()
			config.Scopes = row.scopes
			text := jwtMinted(t, jwtClaims.with(row.claim).and(`"read_only":true`))
			p, err := jwtGuard(t, config).Check(request(http.MethodGet, "/", text))
			require.NoError(t, err)
			assert.Equal(t, row.want, p.Scopes)
			assert.False(t, p.Holds("a:write"))
		})
	}
}

func TestJWTScopesFunction(t *testing.T) {
	realm := func(claims map[string]any) (bearer.Scopes, error) {
		access, ok := claims["realm_access"].(map[string]any)
		if !ok {
			return "", errors.New("no realm_access")
		}
		var scopes []bearer.Scope
		roles, _ := access["roles"].([]any)
		for _, role := range roles {
			name, _ := role.(string)
			scopes = append(scopes, bearer.Scope(name))
		}
		return bearer.JoinScopes(scopes...), nil
	}
	fixed := func(scopes bearer.Scopes, err error) func(map[string]any) (bearer.Scopes, error) {
		return func(map[string]any) (bearer.Scopes, error) { return scopes, err }
	}
	for _, row := range []struct {
		name   string
		scopes func(map[string]any) (bearer.Scopes, error)
		claim  string
		want   string
		holds  bearer.Scopes
		cause  string // of a request that lacks a scope
	}{
		{"nested", realm, `"realm_access":{"roles":["a","b"]}`, jwtGood, "a b", ""},
		{"an error", realm, `"realm_access":1`, jwtBad, "", ""},
		{"an error that is an outage all the same", fixed("*", errDatabase), `"x":1`, jwtBad, "", ""},
		{"none", fixed("", nil), `"x":1`, jwtGood, "", ""},
		{"scope is not read beside it", fixed("a", nil), `"x":1`, jwtGood, "a", ""},
		{"spaces", fixed("  a  b ", nil), `"x":1`, jwtGood, "a b", ""},
		{"commas are in the scope", fixed("a,b", nil), `"x":1`, jwtGood, "a,b", ""},
		{"no scope-token", fixed("a\tb c", nil), `"x":1`, jwtGood, "c", `: JWT.Scopes has "a\tb", which is no scope-token`},
		{"panic", func(map[string]any) (bearer.Scopes, error) { panic("nil map") }, `"x":1`, jwtNoStore, "", ""},
		{"panic with an error", func(map[string]any) (bearer.Scopes, error) { panic(errDatabase) }, `"x":1`, jwtNoStore, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Scopes, config.Cache = row.scopes, 10
				guard := jwtGuard(t, config)
				text := jwtMinted(t, jwtClaims.with(`"scope":"*"`).and(row.claim))
				for range 2 {
					assert.Equal(t, row.want, jwtAnswer(jwtServe(guard, text)))
					p, err := guard.Check(request(http.MethodGet, "/", text))
					if row.want != jwtGood {
						var refused *bearer.Error
						require.ErrorAs(t, err, &refused)
						assert.Equal(t, "user_1", refused.ID, "the signature is good")
						continue
					}
					require.NoError(t, err)
					assert.Equal(t, row.holds, p.Scopes)
					_, err = guard.Check(request(http.MethodGet, "/", text), "wanted")
					assert.EqualError(t, err, "bearer: forbidden: scope_insufficient"+row.cause)
				}
			})
		})
	}
}

// A Scopes function sees tokens whose signature is good, and no others.
func TestJWTScopesFunctionSeesSignedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []any
		config := jwtConfig()
		config.Scopes = func(claims map[string]any) (bearer.Scopes, error) {
			seen = append(seen, claims["sub"])
			return "", nil
		}
		guard := jwtGuard(t, config)
		good := jwtMinted(t, jwtClaims)
		for _, text := range []string{mistyped(good), jwtMinted(t, jwtClaims.with(`"aud":"web"`)), good} {
			jwtServe(guard, text)
		}
		assert.Equal(t, []any{"user_1"}, seen)
	})
}
