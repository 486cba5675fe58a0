package bearer_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// issuers are three at one guard: a, which signs with HS256; b, with RS256 and a
// typ of its own; and c, with the key of b and EdDSA.
func issuers() []bearer.JWT {
	k := jwtTestKeys()
	return []bearer.JWT{
		{
			Issuer: "https://a.example", Audiences: []string{"api", "web"}, Algorithms: []string{"HS256"},
			Keyfunc: jwtKeyfunc(k.secret), Cache: 10,
		},
		{
			Issuer: "https://b.example", Audiences: []string{"api"}, Algorithms: []string{"RS256"},
			Keyfunc: jwtKeyfunc(jwtPublic(k.rsa)), Types: []string{"at+jwt"}, Cache: 10,
		},
		{
			Issuer: "https://c.example", Audiences: []string{"api"}, Algorithms: []string{"EdDSA"},
			Keyfunc: jwtKeyfunc(jwt.VerificationKeySet{Keys: []jwt.VerificationKey{jwtPublic(k.rsa), jwtPublic(k.ed)}}),
		},
	}
}

func TestJWTIssuers(t *testing.T) {
	k := jwtTestKeys()
	modulus := k.rsa.N.Bytes()
	const at = `"typ":"at+jwt"`
	for _, row := range []struct {
		name, alg string
		key       any
		iss, aud  string
		typ       string
		want      string
	}{
		{"a", "HS256", k.secret, `"https://a.example"`, `"api"`, `"typ":"JWT"`, jwtGood},
		{"a, for its other audience", "HS256", k.secret, `"https://a.example"`, `["x","web"]`, `"typ":"JWT"`, jwtGood},
		{"a, for another audience", "HS256", k.secret, `"https://a.example"`, `"app"`, `"typ":"JWT"`, jwtBad},
		{"b", "RS256", k.rsa, `"https://b.example"`, `"api"`, at, jwtGood},
		{"b, for the audience of a", "RS256", k.rsa, `"https://b.example"`, `"web"`, at, jwtBad},
		{"b, with the typ of a", "RS256", k.rsa, `"https://b.example"`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"c", "EdDSA", k.ed, `"https://c.example"`, `"api"`, `"typ":"JWT"`, jwtGood},
		{"b says that it is a", "RS256", k.rsa, `"https://a.example"`, `"api"`, at, jwtBad},
		{"a says that it is b", "HS256", k.secret, `"https://b.example"`, `"api"`, at, jwtBad},
		{"a says that it is c", "HS256", k.secret, `"https://c.example"`, `"api"`, at, jwtBad},
		{"the key of b signs for a", "HS256", modulus, `"https://a.example"`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"the key of b signs for b by HS256", "HS256", modulus, `"https://b.example"`, `"api"`, at, jwtBad},
		{"a known key, but not by the algorithm of c", "RS256", k.rsa, `"https://c.example"`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"another", "HS256", k.secret, `"https://d.example"`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"two", "HS256", k.secret, `["https://a.example","https://b.example"]`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"none", "HS256", k.secret, `null`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"empty", "HS256", k.secret, `""`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"other case", "HS256", k.secret, `"https://A.example"`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"a prefix", "HS256", k.secret, `"https://a.exampl"`, `"api"`, `"typ":"JWT"`, jwtBad},
		{"half a surrogate pair behind", "HS256", k.secret, `"https://a.example\ud800"`, `"api"`, `"typ":"JWT"`, jwtBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				guard := newGuard(t, bearer.Config{JWT: issuers()})
				claims := jwtClaims.with(`"iss":`+row.iss, `"aud":`+row.aud).String()
				header := jwtHeader(row.alg).with(row.typ).String()
				text := jwtSigned(t, jwt.GetSigningMethod(row.alg), row.key, header, claims)
				for range 2 { // the second may come from the cache
					if row.want == jwtBad {
						assertJWTRefusal(t, jwtBad, jwtServe(guard, text), text)
						continue
					}
					p, err := guard.Check(request(http.MethodGet, "/", text))
					require.NoError(t, err)
					assert.Equal(t, strings.Trim(row.iss, `"`), p.Issuer)
				}
			})
		})
	}
}

// Only the Keyfunc of the token's issuer is asked, and only about a token that
// could be good.
func TestJWTIssuersAskOneKeyfunc(t *testing.T) {
	secret := jwtTestKeys().secret
	for _, row := range []struct {
		name   string
		header jwtMembers
		claims jwtMembers
		asked  []string
	}{
		{"a", jwtHeader("HS256"), jwtClaims.with(`"iss":"https://a.example"`), []string{"a"}},
		{"b", jwtHeader("HS256"), jwtClaims.with(`"iss":"https://b.example"`), []string{"b"}},
		{"another issuer", jwtHeader("HS256"), jwtClaims.with(`"iss":"https://c.example"`), nil},
		{"no issuer", jwtHeader("HS256"), jwtClaims.without("iss"), nil},
		{"another algorithm", jwtHeader("HS384"), jwtClaims.with(`"iss":"https://a.example"`), nil},
		{"another type", jwtHeader("HS256").with(`"typ":"x"`), jwtClaims.with(`"iss":"https://a.example"`), nil},
		{"another audience", jwtHeader("HS256"), jwtClaims.with(`"iss":"https://a.example"`, `"aud":"x"`), nil},
		{"not begun", jwtHeader("HS256"), jwtClaims.with(`"iss":"https://a.example"`, `"nbf":946684801`), nil},
		{"no subject", jwtHeader("HS256"), jwtClaims.with(`"iss":"https://a.example"`).without("sub"), nil},
		{"expired: that is told if the signature is good", jwtHeader("HS256"), jwtClaims.with(`"iss":"https://a.example"`, `"exp":1`), []string{"a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				var config bearer.Config
				for _, name := range []string{"a", "b"} {
					j := jwtConfig()
					j.Issuer, j.Keyfunc = "https://"+name+".example", func(*jwt.Token) (any, error) {
						asked = append(asked, name)
						return secret, nil
					}
					config.JWT = append(config.JWT, j)
				}
				guard := newGuard(t, config)
				asked = nil
				text := jwtSigned(t, jwt.SigningMethodHS256, secret, row.header.String(), row.claims.String())
				jwtServe(guard, text)
				assert.Equal(t, row.asked, asked)
			})
		})
	}
}

// The settings of one issuer say nothing about the tokens of another.
func TestJWTIssuersHaveSettingsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := jwtConfig(), jwtConfig()
		a.Issuer, b.Issuer = "https://a.example", "https://b.example"
		a.SubjectClaim, a.AudienceClaim, a.OwnerClaim = "client_id", "azp", "org"
		a.ScopeClaim = "permissions"
		b.Scopes = func(map[string]any) (bearer.Scopes, error) { return "b", nil }
		guard := newGuard(t, bearer.Config{JWT: []bearer.JWT{a, b}})
		claims := jwtClaims.and(`"client_id":"client_1"`, `"azp":"api"`, `"org":"acme"`, `"permissions":["a"]`)
		type seen struct {
			id, owner, issuer string
			scopes            bearer.Scopes
		}
		for _, want := range []seen{
			{"client_1", "acme", a.Issuer, "a"},
			{"user_1", "user_1", b.Issuer, "b"},
		} {
			p, err := guard.Check(request(http.MethodGet, "/", jwtMinted(t, claims.with(`"iss":"`+want.issuer+`"`))))
			require.NoError(t, err)
			assert.Equal(t, want, seen{p.ID, p.Owner, p.Issuer, p.Scopes})
		}
	})
}

// A claim that a config names instead of another is required as that is.
func TestJWTNamedClaims(t *testing.T) {
	subject := func(j *bearer.JWT) { j.SubjectClaim = "uid" }
	owner := func(j *bearer.JWT) { j.OwnerClaim = "org" }
	audience := func(j *bearer.JWT) { j.AudienceClaim = "client_id" }
	for _, row := range []struct {
		name   string
		change func(*bearer.JWT)
		claims jwtMembers
		want   string
	}{
		{"subject", subject, jwtClaims.without("sub").and(`"uid":"u"`), jwtGood},
		{"subject: absent", subject, jwtClaims, jwtBad},
		{"subject: empty", subject, jwtClaims.and(`"uid":""`), jwtBad},
		{"subject: number", subject, jwtClaims.and(`"uid":1`), jwtBad},
		{"subject: null", subject, jwtClaims.and(`"uid":null`), jwtBad},
		{"subject: half a surrogate pair", subject, jwtClaims.and(`"uid":"\ud800"`), jwtBad},
		{"subject: sub does not decide", subject, jwtClaims.with(`"sub":"\ud800"`).and(`"uid":"u"`), jwtGood},
		{"owner", owner, jwtClaims.and(`"org":"acme"`), jwtGood},
		{"owner: absent", owner, jwtClaims, jwtBad},
		{"owner: empty", owner, jwtClaims.and(`"org":""`), jwtBad},
		{"owner: array", owner, jwtClaims.and(`"org":["acme"]`), jwtBad},
		{"owner: half a surrogate pair", owner, jwtClaims.and(`"org":"\udfff"`), jwtBad},
		{"owner: a name within is none", owner, jwtClaims.and(`"x":{"org":"acme"}`), jwtBad},
		{"audience", audience, jwtClaims.without("aud").and(`"client_id":"api"`), jwtGood},
		{"audience: array", audience, jwtClaims.without("aud").and(`"client_id":["x","api"]`), jwtGood},
		{"audience: absent", audience, jwtClaims, jwtBad},
		{"audience: another", audience, jwtClaims.and(`"client_id":"web"`), jwtBad},
		{"audience: number", audience, jwtClaims.and(`"client_id":1`), jwtBad},
		{"audience: half a surrogate pair", audience, jwtClaims.and(`"client_id":["api","\ud800"]`), jwtBad},
		{"audience: aud is not looked at", audience, jwtClaims.with(`"aud":"web"`).and(`"client_id":"api"`), jwtGood},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				row.change(&config)
				assert.Equal(t, row.want, jwtAnswer(jwtServe(jwtGuard(t, config), jwtMinted(t, row.claims))))
			})
		})
	}
}

func TestJWTIssuersConfig(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func([]bearer.JWT)
		want   []string // none: no error
	}{
		{"three issuers", func([]bearer.JWT) {}, nil},
		{"two with one issuer", func(j []bearer.JWT) { j[2].Issuer = j[0].Issuer }, []string{
			`bearer: Config.JWT.Issuer: "https://a.example" is that of another JWT (in JWT[2])`,
		}},
		{"a fault in each of two", func(j []bearer.JWT) { j[0].Audiences, j[1].Issuer = nil, "" }, []string{
			"bearer: Config.JWT.Audiences: required (in JWT[0])",
			"bearer: Config.JWT.Issuer: required (in JWT[1])",
		}},
		{"two without an issuer", func(j []bearer.JWT) { j[0].Issuer, j[1].Issuer = "", "" }, []string{
			"bearer: Config.JWT.Issuer: required (in JWT[0])",
			"bearer: Config.JWT.Issuer: required (in JWT[1])",
		}},
	} {
		config := bearer.Config{JWT: issuers()}
		row.change(config.JWT)
		_, err := bearer.New(config)
		if row.want == nil {
			assert.NoError(t, err, row.name)
			continue
		}
		assert.EqualError(t, err, strings.Join(row.want, "\n"), row.name)
	}
}

// What becomes of the slices of a config later changes nothing.
func TestNewCopiesTheJWTs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := jwtConfig()
		j.Types = []string{"JWT"}
		config := bearer.Config{JWT: []bearer.JWT{j}}
		guard := newGuard(t, config)
		j.Audiences[0], j.Algorithms[0], j.Types[0] = "x", "RS256", "x"
		config.JWT[0] = bearer.JWT{}
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, jwtMinted(t, jwtClaims))))
	})
}

// A token that is remembered is that of its issuer, however many there are.
func TestJWTIssuersCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var config bearer.Config
		recorders := make([]*jwtKeyRecorder, 3)
		texts := make([]string, 3)
		for i, name := range []string{"a", "b", "c"} {
			recorders[i] = &jwtKeyRecorder{key: jwtTestKeys().secret}
			j := jwtConfig()
			j.Issuer, j.Keyfunc, j.Cache = name, recorders[i].keyfunc, i // a has no cache
			config.JWT = append(config.JWT, j)
			texts[i] = jwtMinted(t, jwtClaims.with(`"iss":"`+name+`"`))
		}
		guard := newGuard(t, config)
		for range 2 {
			for _, text := range texts {
				assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
			}
		}
		again := []bool{recorders[0].again, recorders[1].again, recorders[2].again}
		assert.Equal(t, []bool{false, true, true}, again)
		assert.Equal(t, []int{3, 3, 3}, []int{recorders[0].calls, recorders[1].calls, recorders[2].calls}, "New, and two tokens")
	})
}
