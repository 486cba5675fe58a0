package clients_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// binary is the platform's program, which TestMain builds.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "platform")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "platform")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.FromSlash("../../examples/platform")
	build.Env = append(os.Environ(), "GOWORK=off")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	return m.Run()
}

// A platform is a running examples/platform.
type platform struct {
	line string // what -json printed

	Addr         string `json:"addr"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// start starts the platform, which ends with the test.
func start(t *testing.T, arguments ...string) platform {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, binary, append([]string{"-json", "-addr", "127.0.0.1:0"}, arguments...)...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		_ = command.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	p := platform{line: line}
	require.NoError(t, json.Unmarshal([]byte(line), &p))
	return p
}

func (p platform) url(path string) string { return "http://" + p.Addr + path }

// get returns the status of a request with the client.
func (p platform) get(t *testing.T, client *http.Client, path string) int {
	t.Helper()
	response, err := client.Get(p.url(path))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// S1.4, S1.5, S1.6, S1.7.
func TestOAuth2ClientCredentials(t *testing.T) {
	p := start(t)
	for _, row := range []struct {
		name   string
		style  oauth2.AuthStyle
		secret string
		scopes []string
		want   string // the error code
	}{
		{name: "detected", style: oauth2.AuthStyleAutoDetect, secret: p.ClientSecret, scopes: []string{"read"}},
		{name: "header", style: oauth2.AuthStyleInHeader, secret: p.ClientSecret, scopes: []string{"read", "write"}},
		{name: "parameters", style: oauth2.AuthStyleInParams, secret: p.ClientSecret},
		{name: "a wrong secret, detected", style: oauth2.AuthStyleAutoDetect, secret: "wrong", want: "invalid_client"},
		{name: "a wrong secret, header", style: oauth2.AuthStyleInHeader, secret: "wrong", want: "invalid_client"},
		{name: "a wrong secret, parameters", style: oauth2.AuthStyleInParams, secret: "wrong", want: "invalid_client"},
		{
			name: "a scope that it does not have", style: oauth2.AuthStyleInHeader, secret: p.ClientSecret,
			scopes: []string{"wallets:write"}, want: "invalid_scope",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := clientcredentials.Config{
				ClientID: p.ClientID, ClientSecret: row.secret, TokenURL: p.url("/oauth/token"),
				Scopes: row.scopes, AuthStyle: row.style,
			}
			token, err := config.Token(t.Context())
			if row.want != "" {
				var refused *oauth2.RetrieveError
				require.ErrorAs(t, err, &refused)
				assert.Equal(t, row.want, refused.ErrorCode)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "Bearer", token.Type())
			assert.InDelta(t, 3600, time.Until(token.Expiry).Seconds(), 15)
			assert.Equal(t, http.StatusOK, p.get(t, config.Client(t.Context()), "/api/v1/users/me"))
		})
	}
}

// A client of the Model Context Protocol finds the authorization server by the
// challenge of a 401 (RFC 9728 section 5).
func TestProtectedResourceMetadata(t *testing.T) {
	p := start(t)
	response, err := http.Get(p.url("/auth/me"))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	challenges, err := oauthex.ParseWWWAuthenticate(response.Header.Values("WWW-Authenticate"))
	require.NoError(t, err)
	require.Len(t, challenges, 1)
	metadata, err := oauthex.GetProtectedResourceMetadata(
		t.Context(), challenges[0].Params["resource_metadata"], p.url(""), http.DefaultClient)
	require.NoError(t, err)
	assert.Equal(t, []string{p.url("")}, metadata.AuthorizationServers)
	assert.Contains(t, metadata.ScopesSupported, "tokens:read")
}

// node returns the program that runs JavaScript, with what npm has installed.
// Where either is missing, the test is skipped, or fails if it must not be.
func node(t *testing.T) string {
	t.Helper()
	skip := t.Skip
	if os.Getenv("BEARER_REQUIRE_CLIENTS") != "" {
		skip = t.Fatal
	}
	path, err := exec.LookPath("node")
	if err != nil {
		skip("there is no node")
	}
	if _, err := os.Stat("node_modules"); err != nil {
		skip("npm ci was not run in test/clients")
	}
	return path
}

// script runs one of the scripts of this directory, and returns what it printed.
func script(t *testing.T, env []string, arguments ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, node(t), arguments...)
	command.Env = append(os.Environ(), env...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	require.NoError(t, err, "%s", out)
	return out
}

// S1.4, S1.5, S1.6, S1.7.
func TestJavaScriptClients(t *testing.T) {
	for _, name := range []string{"oauth4webapi", "openid-client", "simple-oauth2"} {
		t.Run(name, func(t *testing.T) {
			node(t)
			t.Logf("%s", script(t, []string{"BEARER_PLATFORM=" + start(t).line}, "--test", name+".test.mjs"))
		})
	}
}

func TestJose(t *testing.T) {
	for _, algorithm := range []string{"HS256", "EdDSA", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "signing-keys.json")
			require.NoError(t, os.WriteFile(file, script(t, nil, "signing-keys.mjs", algorithm), 0o600))
			p := start(t, "-signing-keys", file)
			t.Logf("%s", script(t, []string{"BEARER_PLATFORM=" + p.line, "BEARER_SIGNING_KEYS=" + file}, "--test", "jose.test.mjs"))
		})
	}
}
