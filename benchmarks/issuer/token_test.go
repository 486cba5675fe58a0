package issuer_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/blockauth/bearer/issuer"
	"github.com/go-jose/go-jose/v3"
	"github.com/go-oauth2/oauth2/v4"
	oautherrors "github.com/go-oauth2/oauth2/v4/errors"
	"github.com/go-oauth2/oauth2/v4/generates"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	"github.com/go-oauth2/oauth2/v4/store"
	"github.com/golang-jwt/jwt/v5"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	fositeoauth2 "github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/storage"
	fositejwt "github.com/ory/fosite/token/jwt"
	"github.com/stretchr/testify/require"
)

const (
	tokenPath = "/oauth/token"
	tokenForm = "grant_type=client_credentials&scope=" + scope
)

// A tokenEndpoint is one token endpoint with n clients, for client_credentials.
type tokenEndpoint struct {
	handler http.Handler
	fields  []string                 // what the clients send as Authorization
	check   func(token string) error // whether a token is good
}

var tokenPeers = []struct {
	name string
	open func(tb testing.TB, n int) tokenEndpoint
}{
	{"bearer", bearerTokens(1 << 30)},
	{"bearer-bounded", bearerTokens(0)},
	{"fosite", fositeJWT},
	{"fosite-opaque", fositeOpaque},
	{"go-oauth2", goOAuth2JWT},
	{"go-oauth2-opaque", goOAuth2Opaque},
}

// BenchmarkToken is the token endpoint: of one client that asks again and again,
// and of a thousand in turn.
func BenchmarkToken(b *testing.B) {
	for _, n := range []int{1, 1000} {
		for _, peer := range tokenPeers {
			what := fmt.Sprintf("clients=%d/", n)
			measure(b, what, peer.name, func(tb testing.TB) func() turn {
				tb.Helper()
				return peer.open(tb, n).turns
			})
		}
	}
}

func (e tokenEndpoint) turns() turn {
	s := newSender(e.handler, tokenPath, formMedia)
	return func(i int) int { return s.send(e.fields[i%len(e.fields)], tokenForm) }
}

func clientID(i int) string { return "client" + strconv.Itoa(i) }

func basicField(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// bearerTokens has clients with so many sessions at most. The peers' clients have
// no bound, and so has "bearer"; "bearer-bounded" has the default, and ends an old
// session for each new one beyond a thousand of a client.
func bearerTokens(most int) func(testing.TB, int) tokenEndpoint {
	return func(tb testing.TB, n int) tokenEndpoint {
		tb.Helper()
		key := newSigningKey()
		made := newIssuer(tb, key, most, nil)
		e := tokenEndpoint{handler: made.Route("POST " + tokenPath), check: checkJWT(key)}
		for i := range n {
			client := issuer.Client{ID: clientID(i), Scopes: scope}
			secret, _, err := made.CreateClient(tb.Context(), issuer.Operator("acme"), client)
			require.NoError(tb, err)
			e.fields = append(e.fields, basicField(client.ID, secret))
		}
		return e
	}
}

// checkJWT returns what checks tokens of HS256: the signature and the end.
func checkJWT(key []byte) func(string) error {
	return func(token string) error {
		_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return key, nil },
			jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
		return err
	}
}

// A sha256Hasher stands in for the bcrypt of fosite.
type sha256Hasher struct{}

func (sha256Hasher) Hash(_ context.Context, text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	return sum[:], nil
}

func (sha256Hasher) Compare(_ context.Context, hash, text []byte) error {
	if !equalText(hash, string(text)) {
		return errors.New("another secret")
	}
	return nil
}

func fositeJWT(tb testing.TB, n int) tokenEndpoint {
	tb.Helper()
	key, config := newSigningKey(), fositeConfig()
	signing := &jose.JSONWebKey{Key: key, KeyID: "1", Algorithm: string(jose.HS256)}
	strategy := compose.NewOAuth2JWTStrategy(
		func(context.Context) (any, error) { return signing, nil }, compose.NewOAuth2HMACStrategy(config), config)
	e, _ := fositeTokens(n, config, strategy, func(id string) fosite.Session {
		return &fositeoauth2.JWTSession{JWTClaims: &fositejwt.JWTClaims{Subject: id}, JWTHeader: &fositejwt.Headers{}}
	})
	e.check = checkJWT(key)
	return e
}

// fositeOpaque has tokens of fosite's own, which are looked up in its store.
func fositeOpaque(_ testing.TB, n int) tokenEndpoint {
	config := fositeConfig()
	e, provider := fositeTokens(n, config, compose.NewOAuth2HMACStrategy(config), func(id string) fosite.Session {
		return &fosite.DefaultSession{Subject: id}
	})
	e.check = func(token string) error {
		_, _, err := provider.IntrospectToken(context.Background(), token, fosite.AccessToken, new(fosite.DefaultSession))
		return err
	}
	return e
}

func fositeConfig() *fosite.Config {
	return &fosite.Config{
		AccessTokenLifespan: ttl,
		AccessTokenIssuer:   iss,
		GlobalSecret:        newSigningKey(),
		ClientSecretsHasher: sha256Hasher{},
		JWTScopeClaimKey:    fositejwt.JWTScopeFieldString,
		ScopeStrategy:       fosite.ExactScopeStrategy,
	}
}

func fositeTokens(n int, config *fosite.Config, strategy any, session func(string) fosite.Session) (
	tokenEndpoint, fosite.OAuth2Provider,
) {
	var e tokenEndpoint
	clients := storage.NewMemoryStore()
	for i := range n {
		id, secret := clientID(i), newSecret()
		sum := sha256.Sum256([]byte(secret))
		clients.Clients[id] = &fosite.DefaultClient{
			ID: id, Secret: sum[:], GrantTypes: []string{"client_credentials"},
			Scopes: []string{scope}, Audience: []string{aud},
		}
		e.fields = append(e.fields, basicField(id, secret))
	}
	provider := compose.Compose(config, clients, strategy,
		compose.OAuth2ClientCredentialsGrantFactory, compose.OAuth2TokenIntrospectionFactory)
	e.handler = fositeHandler(provider, session)
	return e, provider
}

// fositeHandler is as fosite's documents show it.
func fositeHandler(provider fosite.OAuth2Provider, session func(string) fosite.Session) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		id, _, _ := r.BasicAuth()
		asked, err := provider.NewAccessRequest(ctx, r, session(id))
		if err != nil {
			provider.WriteAccessError(ctx, w, asked, err)
			return
		}
		for _, s := range asked.GetRequestedScopes() {
			asked.GrantScope(s)
		}
		asked.GrantAudience(aud)
		given, err := provider.NewAccessResponse(ctx, asked)
		if err != nil {
			provider.WriteAccessError(ctx, w, asked, err)
			return
		}
		provider.WriteAccessResponse(ctx, w, asked, given)
	})
}

// A hashedClient is a client of go-oauth2 whose secret is stored as its SHA-256.
type hashedClient struct {
	models.Client

	hash []byte
}

var _ oauth2.ClientPasswordVerifier = (*hashedClient)(nil)

func (c *hashedClient) VerifyPassword(text string) bool { return equalText(c.hash, text) }

func goOAuth2JWT(tb testing.TB, n int) tokenEndpoint {
	tb.Helper()
	key := newSigningKey()
	manager := manage.NewDefaultManager()
	manager.MapAccessGenerate(generates.NewJWTAccessGenerate("1", key, jwt.SigningMethodHS256))
	e := goOAuth2Tokens(tb, n, manager)
	e.check = checkJWT(key)
	return e
}

// goOAuth2Opaque has tokens of go-oauth2's own, which are looked up in its store.
func goOAuth2Opaque(tb testing.TB, n int) tokenEndpoint {
	tb.Helper()
	manager := manage.NewDefaultManager()
	e := goOAuth2Tokens(tb, n, manager)
	e.check = func(token string) error {
		_, err := manager.LoadAccessToken(context.Background(), token)
		return err
	}
	return e
}

func goOAuth2Tokens(tb testing.TB, n int, manager *manage.Manager) tokenEndpoint {
	tb.Helper()
	var e tokenEndpoint
	clients := store.NewClientStore()
	for i := range n {
		id, secret := clientID(i), newSecret()
		sum := sha256.Sum256([]byte(secret))
		require.NoError(tb, clients.Set(id, &hashedClient{models.Client{ID: id}, sum[:]}))
		e.fields = append(e.fields, basicField(id, secret))
	}
	manager.MapClientStorage(clients)
	manager.MustTokenStorage(store.NewMemoryTokenStore())
	manager.SetClientTokenCfg(&manage.Config{AccessTokenExp: ttl})
	e.handler = goOAuth2Handler(newGoOAuth2(manager))
	return e
}

func newGoOAuth2(manager *manage.Manager) *server.Server {
	made := server.NewDefaultServer(manager)
	made.SetClientScopeHandler(func(r *oauth2.TokenGenerateRequest) (bool, error) { return r.Scope == scope, nil })
	made.SetInternalErrorHandler(func(err error) *oautherrors.Response {
		if err.Error() == "not found" { // what its own store says of an unknown client
			return oautherrors.NewResponse(oautherrors.ErrInvalidClient, http.StatusUnauthorized)
		}
		return nil
	})
	return made
}

func goOAuth2Handler(made *server.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = made.HandleTokenRequest(w, r) // which has answered
	})
}
