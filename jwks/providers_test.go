package jwks_test

import (
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/jwks"
)

// The settings of providers, as docs/jwks.md shows them.

func auth0(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("https://api.example.com") // the identifier of the API
	j.ScopeClaim = "permissions"             // with RBAC and its permissions in the token
	return j
}

func okta(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("api://default") // the audience of the authorization server
	j.ScopeClaim = "scp"
	return j
}

func entra(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("11111111-2222-3333-4444-555555555555") // the client ID of the API
	j.SubjectClaim = "oid"                                // sub is another for each application
	j.OwnerClaim = "tid"
	j.Scopes = func(claims map[string]any) (bearer.Scopes, error) {
		if claims["azp"] == nil { // ID tokens have the same audience and roles
			return "", errors.New("not an access token")
		}
		if roles, ok := claims["roles"].([]any); ok { // of an application, or of a user
			return joined(roles), nil
		}
		scopes, _ := claims["scp"].(string) // of an application that acts for a user
		return bearer.Scopes(scopes), nil
	}
	return j
}

func cognito(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("1example23456789") // the app client
	j.AudienceClaim = "client_id"     // which ID tokens do not have
	j.Scopes = func(claims map[string]any) (bearer.Scopes, error) {
		if aud, there := claims["aud"]; there && aud != "https://api.example.com" {
			return "", errors.New("for another API") // of those that the client asks for
		}
		scopes, _ := claims["scope"].(string)
		return bearer.Scopes(scopes), nil
	}
	return j
}

func keycloak(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("wallets-api") // by an audience mapper of the client or its scope
	j.Scopes = func(claims map[string]any) (bearer.Scopes, error) {
		access, _ := claims["resource_access"].(map[string]any)
		api, _ := access["wallets-api"].(map[string]any)
		roles, _ := api["roles"].([]any)
		return joined(roles), nil
	}
	return j
}

func google(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("1234567890-abc.apps.googleusercontent.com") // the client that asked
	j.Scopes = func(claims map[string]any) (bearer.Scopes, error) {
		if claims["hd"] != "example.com" || claims["email_verified"] != true {
			return "", errors.New("not an account of example.com") // every Google user has a token
		}
		return "wallets:read", nil
	}
	return j
}

func clerk(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("https://app.example.com") // the origins of the front ends
	j.AudienceClaim = "azp"
	j.Leeway = 5 * time.Second // the tokens last a minute
	j.Scopes = func(claims map[string]any) (bearer.Scopes, error) {
		organization, _ := claims["o"].(map[string]any)
		if organization["id"] == "org_2a1b" && organization["rol"] == "admin" {
			return "wallets:*", nil
		}
		return "wallets:read", nil
	}
	return j
}

func supabase(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("authenticated")
	j.Scopes = func(claims map[string]any) (bearer.Scopes, error) {
		if claims["is_anonymous"] == true {
			return "", nil
		}
		granted, _ := claims["app_metadata"].(map[string]any) // users can edit user_metadata
		scopes, _ := granted["scopes"].([]any)
		return joined(scopes), nil
	}
	return j
}

func githubActions(keys *jwks.Source) bearer.JWT {
	j := keys.JWT("https://api.example.com") // what the workflow asks for
	j.OwnerClaim = "repository"
	j.Scopes = func(claims map[string]any) (bearer.Scopes, error) {
		if claims["repository_owner_id"] != "65" { // names can be taken by others later
			return "", errors.New("not a repository of ours") // every workflow can ask for our audience
		}
		if claims["ref"] == "refs/heads/main" && claims["event_name"] == "push" {
			return "wallets:read wallets:write", nil
		}
		return "wallets:read", nil
	}
	return j
}

// joined returns the strings in a claim that is an array.
func joined(claim []any) bearer.Scopes {
	var scopes []bearer.Scope
	for _, v := range claim {
		if s, ok := v.(string); ok {
			scopes = append(scopes, bearer.Scope(s))
		}
	}
	return bearer.JoinScopes(scopes...)
}

// guard returns a guard with the settings of a provider, and what signs its
// tokens. The provider answers in memory, under its own name.
func (p *provider) guard(t *testing.T) (g *bearer.Guard, sign func(change members) string) {
	t.Helper()
	method, key, jwk := jwt.SigningMethod(jwt.SigningMethodRS256), any(rsaKey()), rsaJWK("k1")
	if p.config.Algorithms != nil {
		method, key, jwk = jwt.SigningMethodES256, ecKey(), jwkOf("k1", &ecKey().PublicKey, nil)
	}
	i := newIssuer()
	i.bodies[setURL] = setOf(jwk)
	if p.config.URL != "" {
		i.bodies[p.config.URL] = setOf(jwk)
	}
	i.bodies[trimSlash(p.config.Issuer)+"/.well-known/openid-configuration"] =
		`{"issuer":"` + p.config.Issuer + `","jwks_uri":"` + setURL + `"}`
	keys, _ := newSource(t, i, p.config)
	g, err := bearer.New(bearer.Config{JWT: []bearer.JWT{p.jwt(keys)}})
	require.NoError(t, err)
	return g, func(change members) string {
		claims := jwt.MapClaims{"iss": p.config.Issuer, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
		maps.Copy(claims, p.claims)
		maps.Copy(claims, change)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		token := &jwt.Token{Method: method, Claims: claims, Header: map[string]any{"alg": method.Alg(), "kid": "k1"}}
		maps.Copy(token.Header, p.header)
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
}

func trimSlash(issuer string) string {
	if issuer[len(issuer)-1] == '/' {
		return issuer[:len(issuer)-1]
	}
	return issuer
}

func TestProviders(t *testing.T) {
	for _, p := range providers {
		t.Run(p.name, func(t *testing.T) {
			g, sign := p.guard(t)
			check := func(token string) (*bearer.Principal, error) {
				return g.Check(bearertest.Request(http.MethodGet, "/", token), p.scope)
			}
			principal, err := check(sign(nil))
			require.NoError(t, err)
			assert.Equal(t, p.id, principal.ID)
			assert.Equal(t, p.scopes, principal.Scopes)
			if p.owner != "" {
				assert.Equal(t, p.owner, principal.Owner)
			}
			for _, row := range append(p.wrong,
				wrongToken{"that has expired", members{"exp": time.Now().Add(-time.Minute).Unix()}, "token_expired"},
				wrongToken{"without exp", members{"exp": nil}, badToken},
				wrongToken{"without a subject", members{"sub": nil, "oid": nil}, badToken},
				wrongToken{"of an issuer that is not listed", members{"iss": "https://evil.example"}, badToken},
			) {
				_, err := check(sign(row.change))
				var refusal *bearer.Error
				require.ErrorAs(t, err, &refusal, row.name)
				assert.Equal(t, row.want, refusal.Reason, row.name)
			}
		})
	}
}
