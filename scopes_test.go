package bearer_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScopesContain(t *testing.T) {
	for _, row := range []struct {
		name   string
		scopes bearer.Scopes
		wanted []bearer.Scope
		want   bool
	}{
		{"S4.7 the scope itself", "tokens:read", []bearer.Scope{"tokens:read"}, true},
		{"S2.1 a name without a colon", "social-read-posts", []bearer.Scope{"social-read-posts"}, true},
		{"the first of two", "tokens:read wallets:read", []bearer.Scope{"tokens:read"}, true},
		{"the last of two", "tokens:read wallets:read", []bearer.Scope{"wallets:read"}, true},
		{"both", "tokens:read wallets:read", []bearer.Scope{"wallets:read", "tokens:read"}, true},
		{"one twice", "tokens:read", []bearer.Scope{"tokens:read", "tokens:read"}, true},
		{"one of two is missing", "tokens:read wallets:read", []bearer.Scope{"tokens:read", "tokens:write"}, false},
		{"another action", "tokens:read", []bearer.Scope{"tokens:write"}, false},
		{"another resource", "tokens:read", []bearer.Scope{"wallets:read"}, false},
		{"case", "tokens:read", []bearer.Scope{"Tokens:read"}, false},
		{"a prefix of what is held", "tokens:read", []bearer.Scope{"tokens:rea"}, false},
		{"held is a prefix", "tokens:rea", []bearer.Scope{"tokens:read"}, false},
		{"held without an action", "tokens", []bearer.Scope{"tokens:read"}, false},
		{"wanted without an action", "tokens:read", []bearer.Scope{"tokens"}, false},
		{"two scopes as one", "tokens:read wallets:read", []bearer.Scope{"tokens:read wallets:read"}, false},
		{"none wanted", "tokens:read", nil, true},
		{"none wanted, none held", "", nil, true},
		{"none held", "", []bearer.Scope{"tokens:read"}, false},
		{"empty wanted", "tokens:read", []bearer.Scope{""}, false},
		{"empty wanted, none held", "", []bearer.Scope{""}, false},
		{"empty wanted among others", "*", []bearer.Scope{"tokens:read", ""}, false},
		{"S4.8 full access", bearer.FullAccess, []bearer.Scope{"tokens:read", "x", "*", "a:*"}, true},
		{"full access among others", "x * y", []bearer.Scope{"tokens:read"}, true},
		{"a star inside is no wildcard", "tok*", []bearer.Scope{"tokens:read"}, false},
		{"two stars are no wildcard", "**", []bearer.Scope{"tokens:read"}, false},
		{"wanted star", "tokens:read", []bearer.Scope{"*"}, false},
		{"resource wildcard", "tokens:*", []bearer.Scope{"tokens:read", "tokens:write"}, true},
		{"resource wildcard, last", "x tokens:*", []bearer.Scope{"tokens:read"}, true},
		{"resource wildcard, deeper", "tokens:*", []bearer.Scope{"tokens:read:own"}, true},
		{"resource wildcard holds itself", "tokens:*", []bearer.Scope{"tokens:*"}, true},
		{"trap: a longer resource", "tokens:*", []bearer.Scope{"tokensx:read"}, false},
		{"trap: no action", "tokens:*", []bearer.Scope{"tokens:"}, false},
		{"trap: no colon", "tokens:*", []bearer.Scope{"tokens"}, false},
		{"trap: shorter than the wildcard", "tokens:*", []bearer.Scope{"tok"}, false},
		{"trap: another resource", "tokens:*", []bearer.Scope{"wallets:read"}, false},
		{"trap: case", "tokens:*", []bearer.Scope{"Tokens:read"}, false},
		{"trap: the parent of a wildcard", "tokens:own:*", []bearer.Scope{"tokens:read"}, false},
		{"trap: wildcard of no resource", ":*", []bearer.Scope{"tokens:read"}, false},
		{"trap: wildcard action in front", "*:read", []bearer.Scope{"tokens:read"}, false},
		{"trap: star that is not alone", "tokens:*x", []bearer.Scope{"tokens:read"}, false},
		{"spaces around", "  tokens:read  ", []bearer.Scope{"tokens:read"}, true},
		{"only spaces", "   ", []bearer.Scope{"tokens:read"}, false},
		{"tab is no separator", "tokens:read\tx", []bearer.Scope{"tokens:read"}, false},
		{"comma is no separator", "tokens:read,x", []bearer.Scope{"tokens:read"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, row.scopes.Contain(row.wanted...))
		})
	}
}

// The grammar of RFC 6749 section 3.3, byte by byte:
// scope-token = 1*( %x21 / %x23-5B / %x5D-7E ).
func TestScopesValidateBytes(t *testing.T) {
	for c := range 256 {
		token := c == 0x21 || c >= 0x23 && c <= 0x5B || c >= 0x5D && c <= 0x7E
		for _, text := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c)}) + "b"} {
			assert.Equal(t, token, bearer.Scope(text).Validate() == nil, "%q", text)
			inner := token || c == ' ' && len(text) > 1 // a space parts two scopes
			assert.Equal(t, inner, bearer.Scopes(text).Validate() == nil, "%q", text)
		}
	}
}

func TestScopesValidate(t *testing.T) {
	for _, row := range []struct {
		name   string
		scopes bearer.Scopes
		want   string // "": no error
	}{
		{"none", "", ""},
		{"one", "tokens:read", ""},
		{"two", "tokens:read wallets:read", ""},
		{"wildcards", "* tokens:*", ""},
		{"a space", " ", `bearer: scopes " " have a space too many`},
		{"leading space", " a", `bearer: scopes " a" have a space too many`},
		{"trailing space", "a ", `bearer: scopes "a " have a space too many`},
		{"two spaces", "a  b", `bearer: scopes "a  b" have a space too many`},
		{"quote", `a b"`, `bearer: scope "b\"" has a character that RFC 6749 does not allow`},
		{"line break", "a\r\nSet-Cookie:x", `bearer: scope "a\r\nSet-Cookie:x" has a character that RFC 6749 does not allow`},
		{"beyond ASCII", "jetons:été", `bearer: scope "jetons:été" has a character that RFC 6749 does not allow`},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.scopes.Validate()
			if row.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, row.want)
		})
	}
	assert.EqualError(t, bearer.Scope("").Validate(), "bearer: empty scope")
}

func TestJoinScopes(t *testing.T) {
	for _, row := range []struct {
		name   string
		scopes []bearer.Scope
		want   bearer.Scopes
	}{
		{"none", nil, ""},
		{"one", []bearer.Scope{"a"}, "a"},
		{"in order", []bearer.Scope{"b", "a", "c"}, "b a c"},
		{"twice", []bearer.Scope{"a", "a"}, "a a"},
		{"empty ones are left out", []bearer.Scope{"", "a", "", "b", ""}, "a b"},
		{"only empty ones", []bearer.Scope{"", ""}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, bearer.JoinScopes(row.scopes...))
			want := slices.DeleteFunc(slices.Clone(row.scopes), func(s bearer.Scope) bool { return s == "" })
			assert.ElementsMatch(t, want, slices.Collect(row.want.All()))
		})
	}
}

func TestScopesAll(t *testing.T) {
	for _, row := range []struct {
		name   string
		scopes bearer.Scopes
		want   []bearer.Scope
	}{
		{"none", "", nil},
		{"spaces", "  ", nil},
		{"one", "a", []bearer.Scope{"a"}},
		{"as they are written", "b * a:*", []bearer.Scope{"b", "*", "a:*"}},
		{"spaces around and between", "  b   a ", []bearer.Scope{"b", "a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, slices.Collect(row.scopes.All()))
		})
	}
	var seen []bearer.Scope
	for scope := range bearer.Scopes("a b c").All() {
		if seen = append(seen, scope); scope == "b" {
			break
		}
	}
	assert.Equal(t, []bearer.Scope{"a", "b"}, seen, "a loop may stop early")
}

// A read-only principal has none of the scopes that write.
func TestScopesOfReadOnly(t *testing.T) {
	for _, row := range []struct {
		name  string
		scope bearer.Scopes
		want  bearer.Scopes
	}{
		{"none", "", ""},
		{"only reads", "tokens:read x", "tokens:read x"},
		{"only writes", "tokens:write a:b:write", ""},
		{"both", "tokens:write tokens:read wallets:write x", "tokens:read x"},
		{"write is not the last part", "tokens:writes tokens:write:x", "tokens:writes tokens:write:x"},
		{"wildcards stay, and write nothing", "* tokens:*", "* tokens:*"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, hash := bearer.KeyFormat{}.Generate(bearer.PublishableKey, bearer.Live)
			store := bearer.NewMemoryStore(bearer.Key{
				ID: "key_1", Hash: hash, Kind: bearer.PublishableKey, Environment: bearer.Live, Scopes: row.scope,
			})
			p, err := newGuard(t, bearer.Config{Keys: store}).Check(request(http.MethodGet, "/v1/tokens", text))
			if assert.NoError(t, err) {
				assert.Equal(t, row.want, p.Scopes)
				assert.False(t, p.Holds("tokens:write"))
			}
		})
	}
}

func TestScopesAllocations(t *testing.T) {
	scopes := bearer.Scopes(strings.Repeat("wallets:read ", 20) + "tokens:*")
	var held, all bool
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		held = scopes.Contain("tokens:read", "tokens:write", "wallets:read")
		all = bearer.FullAccess.Contain("tokens:read")
	}))
	assert.True(t, held)
	assert.True(t, all)
}

// S4.7: an application that creates keys refuses scopes outside of its catalogue.
func TestScopesWithin(t *testing.T) {
	catalogue := []bearer.Scope{"tokens:read", "tokens:write", "events:read", "social-read-posts"}
	for _, row := range []struct {
		name   string
		scopes bearer.Scopes
		want   string // "": it has all of them
	}{
		{"one", "tokens:read", ""},
		{"several", "events:read tokens:write", ""},
		{"S2.1 no colon", "social-read-posts", ""},
		{"none", "", ""},
		{"S4.8 full access", bearer.FullAccess, ""},
		{"a family", "tokens:*", ""},
		{"S4.7 unknown", "tokens:read nfts:read", `bearer: there is no scope "nfts:read"`},
		{"S4.7 unknown action", "events:write", `bearer: there is no scope "events:write"`},
		{"S4.7 unknown family", "nfts:*", `bearer: there is no scope "nfts:*"`},
		{"a part of a name", "social-read", `bearer: there is no scope "social-read"`},
		{"a star that is no family", "tokens*", `bearer: there is no scope "tokens*"`},
		{"a list in another form", "tokens:read, events:read", `bearer: there is no scope "tokens:read,"`},
		{"not a list", "tokens:read  events:read", `bearer: scopes "tokens:read  events:read" have a space too many`},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.scopes.Within(catalogue...)
			if row.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, row.want)
		})
	}
	require.NoError(t, bearer.FullAccess.Within())
	require.NoError(t, bearer.Scopes("").Within())
	assert.Error(t, bearer.Scopes("tokens:read").Within(), "an empty catalogue has none")
}
