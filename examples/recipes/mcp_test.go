package recipes_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// An authServer is an authorization server with dynamic registration and PKCE.
// Its tokens are for the resource and hold the scopes that were asked for.
type authServer struct {
	*httptest.Server
	tokens bearertest.Tokens

	mu    sync.Mutex
	codes map[string]url.Values // the authorization requests, by code
	asked []string              // the paths that were asked for
}

func newAuthServer(t *testing.T) *authServer {
	t.Helper()
	s := &authServer{codes: make(map[string]url.Values)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	mux.HandleFunc("POST /register", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusCreated, map[string]any{
			"client_id": "client_1", "token_endpoint_auth_method": "none",
			"redirect_uris": []string{"http://127.0.0.1/callback"},
		})
	})
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path)
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *authServer) metadata(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token",
		"jwks_uri": s.URL + "/jwks", "registration_endpoint": s.URL + "/register",
		"response_types_supported": []string{"code"}, "code_challenge_methods_supported": []string{"S256"},
	})
}

// authorize redirects at once, as if the user had agreed.
func (s *authServer) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query()
	code := "code_" + query.Get("state")
	s.codes[code] = query
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+url.Values{
		"code": {code}, "state": {query.Get("state")},
	}.Encode(), http.StatusFound)
}

func (s *authServer) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query, known := s.codes[r.PostFormValue("code")]
	delete(s.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || base64.RawURLEncoding.EncodeToString(sum[:]) != query.Get("code_challenge") ||
		r.PostFormValue("resource") != query.Get("resource") {
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"access_token": s.issue(query.Get("resource"), bearer.Scopes(query.Get("scope"))),
		"token_type":   "Bearer", "expires_in": 3600, "scope": query.Get("scope"),
	})
}

// issue returns a token of alice's.
func (s *authServer) issue(resource string, scopes bearer.Scopes) string {
	claims := s.tokens.Claims("alice", scopes)
	claims["iss"], claims["aud"] = s.URL, resource
	return s.tokens.Sign(claims, map[string]any{"typ": "at+jwt"})
}

// visit is the user's browser: it follows the authorization URL to the redirect.
func visit(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, nil)
	if err != nil {
		return nil, err
	}
	answer, err := browser.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	to, err := answer.Location()
	if err != nil {
		return nil, err
	}
	return &auth.AuthorizationResult{Code: to.Query().Get("code"), State: to.Query().Get("state")}, nil
}

// newMCPServer serves one tool, whoami, and returns the URL of the server, which
// is all that clients are given, and what the guard answered before.
func newMCPServer(t *testing.T, issuer *authServer) (resource string, refusals *[]string) {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "acme", Version: "v1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "whoami"},
		func(_ context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			p := r.Extra.TokenInfo.Extra["principal"].(*bearer.Principal)
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: p.ID}}}, nil, nil
		})
	const usual, elsewhere = "/.well-known/oauth-protected-resource/mcp", "/elsewhere"
	var app http.Handler
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case usual: // where clients look who have not read the challenge
			r.URL.Path = "/nowhere"
		case elsewhere:
			r.URL.Path = usual
		}
		app.ServeHTTP(w, r)
	}))
	t.Cleanup(listener.Close)
	resource = listener.URL + "/mcp"
	trusted := issuer.tokens.JWT()
	trusted.Issuer, trusted.Audiences = issuer.URL, []string{resource}
	refusals = new([]string)
	guard := newGuard(t, bearer.Config{
		JWT:              []bearer.JWT{trusted},
		ResourceMetadata: listener.URL + elsewhere,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
			*refusals = append(*refusals, w.Header().Get("WWW-Authenticate"))
			bearer.WriteError(w, r, e)
		},
	})
	app = recipes.MCPServer(guard, server, resource, issuer.URL)
	return resource, refusals
}

func TestMCPClientDiscoversTheIssuer(t *testing.T) {
	issuer := newAuthServer(t)
	resource, refusals := newMCPServer(t, issuer)
	metadata := `resource_metadata="` + strings.TrimSuffix(resource, "/mcp") + `/elsewhere"`
	for _, row := range []struct {
		name    string
		initial oauth2.TokenSource
		refusal string
	}{
		{"without a token", nil, `Bearer realm="api", ` + metadata},
		{
			"with a token that lacks the scope",
			oauth2.StaticTokenSource(&oauth2.Token{AccessToken: issuer.issue(resource, "profile")}),
			`Bearer realm="api", error="insufficient_scope", scope="tools:call", ` + metadata,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			*refusals, issuer.asked = nil, nil
			login, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
				DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{
					Metadata: &oauthex.ClientRegistrationMetadata{RedirectURIs: []string{"http://127.0.0.1/callback"}},
				},
				AuthorizationCodeFetcher: visit,
				InitialTokenSource:       row.initial,
			})
			require.NoError(t, err)
			client := mcp.NewClient(&mcp.Implementation{Name: "client", Version: "v1"}, nil)
			session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: resource, OAuthHandler: login}, nil)
			require.NoError(t, err)
			answer, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
			require.NoError(t, err)
			require.Len(t, answer.Content, 1)
			assert.Equal(t, "alice", answer.Content[0].(*mcp.TextContent).Text)
			require.NoError(t, session.Close())
			assert.Equal(t, []string{row.refusal}, *refusals)
			assert.Equal(t, []string{
				"/.well-known/oauth-authorization-server", "/register", "/authorize", "/token",
			}, issuer.asked)
		})
	}
}

func TestMCPMetadata(t *testing.T) {
	assert.Equal(t, "https://api.example/.well-known/oauth-protected-resource/mcp",
		recipes.MCPMetadata("https://api.example/mcp"))
}

func TestMCPSessionIsOfOneCaller(t *testing.T) {
	issuer := newAuthServer(t)
	resource, _ := newMCPServer(t, issuer)
	alice := issuer.issue(resource, "tools:call")
	claims := issuer.tokens.Claims("mallory", "tools:call")
	claims["iss"], claims["aud"] = issuer.URL, resource
	mallory := issuer.tokens.Sign(claims, nil)

	transport := &mcp.StreamableClientTransport{Endpoint: resource, HTTPClient: &http.Client{
		Transport: &oauth2.Transport{Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: alice})},
	}}
	client := mcp.NewClient(&mcp.Implementation{Name: "client", Version: "v1"}, nil)
	session, err := client.Connect(t.Context(), transport, nil)
	require.NoError(t, err)
	defer session.Close()
	require.NotEmpty(t, session.ID())
	r, err := http.NewRequest(http.MethodDelete, resource, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+mallory)
	r.Header.Set("Mcp-Session-Id", session.ID())
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusForbidden, answer.StatusCode)
	assert.NoError(t, session.Ping(t.Context(), nil))
}
