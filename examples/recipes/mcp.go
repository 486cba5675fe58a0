package recipes

import (
	"context"
	"net/http"
	"net/url"

	"github.com/blockauth/bearer"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// MCPServer serves an MCP server at resource, "https://api.example/mcp", behind a
// guard whose Config.ResourceMetadata is MCPMetadata(resource).
func MCPServer(guard *bearer.Guard, server *mcp.Server, resource, issuer string) http.Handler {
	mux := http.NewServeMux()
	metadata := auth.ProtectedResourceMetadataHandler(&oauthex.ProtectedResourceMetadata{
		Resource: resource, AuthorizationServers: []string{issuer}, ScopesSupported: []string{"tools:call"},
	})
	mux.Handle("/.well-known/oauth-protected-resource/mcp", metadata) // not behind the guard
	tools := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	mux.Handle("/mcp", guard.Require("tools:call")(bindSession(tools)))
	return mux
}

// MCPMetadata returns the URL of the metadata of an MCP server (RFC 9728 section
// 3.1).
func MCPMetadata(resource string) string {
	u, err := url.Parse(resource)
	if err != nil {
		return ""
	}
	u.Path = "/.well-known/oauth-protected-resource" + u.Path
	return u.String()
}

// bindSession tells the SDK whose request it is, so that no other caller can use
// an MCP session whose ID it has learned. Tools find the principal there.
func bindSession(next http.Handler) http.Handler {
	caller := func(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
		p := bearer.FromContext(ctx)
		return &auth.TokenInfo{UserID: p.Issuer + " " + p.ID, Extra: map[string]any{"principal": p}}, nil
	}
	return auth.RequireBearerToken(caller, &auth.RequireBearerTokenOptions{AllowMissingExpiration: true})(next)
}
