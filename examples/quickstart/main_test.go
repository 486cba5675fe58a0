//go:build unix

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "quickstart")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	return m.Run()
}

// A buffer is what a program writes while a test reads it.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// A program is the quickstart while it runs.
type program struct {
	command     *exec.Cmd
	out, errors buffer
}

// start runs the program until it has printed the text ready.
func start(t *testing.T, ready string, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	p := &program{command: exec.CommandContext(ctx, binary, args...)}
	p.command.Stdout, p.command.Stderr = &p.out, &p.errors
	require.NoError(t, p.command.Start())
	require.Eventually(t, func() bool { return strings.Contains(p.out.String(), ready) },
		30*time.Second, 5*time.Millisecond, "the program printed nothing")
	return p
}

// stop sends a signal and returns how the program ended.
func (p *program) stop(t *testing.T, signal os.Signal) error {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(signal))
	return p.command.Wait()
}

// An answer is what the program said to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(t *testing.T, method, url, credential string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func TestJSON(t *testing.T) {
	p := start(t, "\n", "-addr", "127.0.0.1:0", "-json")
	var c map[string]string
	require.NoError(t, json.Unmarshal([]byte(p.out.String()), &c))
	require.Len(t, c, 7)
	host, port, err := net.SplitHostPort(c["addr"])
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
	require.NotEqual(t, "0", port)
	require.Equal(t, 1, strings.Count(p.out.String(), "\n"), "one line")

	for _, test := range []struct {
		name, method, path, credential string
		status                         int
		body                           string
	}{
		{"secret key reads tokens", "GET", "/v1/tokens", "secret_key", 200, `{"route":"GET /v1/tokens","id":"key_secret","owner":"user_1","kind":"secret","scopes":"*"}`},
		{"secret key writes tokens", "POST", "/v1/tokens", "secret_key", 201, `{"route":"POST /v1/tokens","id":"key_secret","owner":"user_1","kind":"secret","scopes":"*"}`},
		{"secret key reads wallets", "GET", "/v1/wallets", "secret_key", 200, `{"route":"/v1/wallets","id":"key_secret","owner":"user_1","kind":"secret","scopes":"*"}`},
		{"secret key writes wallets", "PUT", "/v1/wallets", "secret_key", 200, `{"route":"/v1/wallets","id":"key_secret","owner":"user_1","kind":"secret","scopes":"*"}`},
		{"secret key reads events", "GET", "/v1/events", "secret_key", 200, `{"route":"GET /v1/events","id":"key_secret","owner":"user_1","kind":"secret","scopes":"*"}`},
		{"publishable key reads", "GET", "/v1/tokens", "publishable_key", 200, `{"route":"GET /v1/tokens","id":"key_publishable","owner":"user_1","kind":"publishable","scopes":"tokens:read wallets:read"}`},
		{"S4.2 publishable key writes tokens", "POST", "/v1/tokens", "publishable_key", 403, `{"error":{"type":"permission_error","code":"forbidden","reason":"secret_key_required","message":"This operation needs a secret API key.","status":403}}`},
		{"S4.2 publishable key writes wallets", "POST", "/v1/wallets", "publishable_key", 403, `{"error":{"type":"permission_error","code":"forbidden","reason":"secret_key_required","message":"This operation needs a secret API key.","status":403}}`},
		{"publishable key lacks a scope", "GET", "/v1/events", "publishable_key", 403, `{"error":{"type":"permission_error","code":"forbidden","reason":"scope_insufficient","message":"The credential lacks a required scope.","status":403}}`},
		{"S4.10 expired key", "GET", "/v1/tokens", "expired_key", 403, `{"error":{"type":"permission_error","code":"key_expired","reason":"key_expired","message":"The API key has expired.","status":403}}`},
		{"S4.10 key of another address", "GET", "/v1/tokens", "ip_bound_key", 403, `{"error":{"type":"permission_error","code":"ip_not_allowed","reason":"ip_not_allowed","message":"The API key may not be used from this address.","status":403}}`},
		{"nothing", "GET", "/v1/tokens", "", 401, `{"error":{"type":"authentication_error","code":"unauthorized","reason":"missing_credentials","message":"This resource needs a bearer credential.","status":401}}`},
		{"JWT at the dashboard", "GET", "/auth/me", "token", 200, `{"route":"GET /auth/me","id":"user_1","owner":"user_1","kind":"token","scopes":""}`},
		{"S4.4 JWT at the API", "GET", "/v1/tokens", "token", 401, `{"error":{"type":"authentication_error","code":"unauthorized","reason":"wrong_credential_type","message":"This resource does not accept this type of credential.","status":401}}`},
		{"S4.4 key at the dashboard", "GET", "/auth/me", "secret_key", 401, `{"error":{"type":"authentication_error","code":"unauthorized","reason":"wrong_credential_type","message":"This resource does not accept this type of credential.","status":401}}`},
		{"limited key, first", "GET", "/v1/tokens", "limited_key", 200, `{"route":"GET /v1/tokens","id":"key_limited","owner":"user_1","kind":"secret","scopes":"tokens:read"}`},
		{"limited key, second", "GET", "/v1/tokens", "limited_key", 200, `{"route":"GET /v1/tokens","id":"key_limited","owner":"user_1","kind":"secret","scopes":"tokens:read"}`},
		{"limited key, third", "GET", "/v1/tokens", "limited_key", 200, `{"route":"GET /v1/tokens","id":"key_limited","owner":"user_1","kind":"secret","scopes":"tokens:read"}`},
		{"limited key, fourth", "GET", "/v1/tokens", "limited_key", 429, `{"error":{"type":"rate_limit_error","code":"rate_limit_exceeded","reason":"rate_limit_exceeded","message":"Too many requests. Try again later.","status":429}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := send(t, test.method, "http://"+c["addr"]+test.path, c[test.credential])
			assert.Equal(t, test.status, got.status)
			assert.Equal(t, test.body+"\n", got.body)
			assert.Equal(t, test.status == 401 || strings.Contains(test.body, "scope_insufficient"), got.header.Get("WWW-Authenticate") != "")
			assert.Equal(t, test.status == 429, got.header.Get("Retry-After") != "")
		})
	}
	assert.NoError(t, p.stop(t, os.Interrupt), "exit code")
	for name, secret := range c {
		if name != "addr" {
			assert.NotContains(t, p.errors.String(), secret, "the log shows the %s", name)
		}
	}
}

// A curl is one printed request, with what it promises.
var curl = regexp.MustCompile(`(?m)^# (\d+)(?: (\w+))?: .*\n` +
	`(?:for i in \$\(seq (\d+)\); do )?curl -i(?: -X (\w+))?(?: -H 'Authorization: Bearer (\S+)')? (http://\S+?)(?:; done)?$`)

func TestPrintedRequests(t *testing.T) {
	p := start(t, "; done\n", "-addr", "127.0.0.1:0")
	printed := curl.FindAllStringSubmatch(p.out.String(), -1)
	require.Len(t, printed, strings.Count(p.out.String(), "curl "), "all lines are understood")
	shown := make(map[string]bool)
	for _, line := range printed {
		t.Run(line[1]+" "+line[2]+" "+line[4]+line[6], func(t *testing.T) {
			method, times := line[4], 1
			if method == "" {
				method = "GET"
			}
			if line[3] != "" {
				times, _ = strconv.Atoi(line[3])
			}
			for range times - 1 {
				assert.Equal(t, 200, send(t, method, line[6], line[5]).status)
			}
			got := send(t, method, line[6], line[5])
			assert.Equal(t, line[1], strconv.Itoa(got.status))
			assert.Contains(t, got.body, line[2])
		})
		shown[line[1]] = true
	}
	assert.Equal(t, map[string]bool{"200": true, "201": true, "401": true, "403": true, "429": true}, shown)
	assert.NoError(t, p.stop(t, syscall.SIGTERM), "exit code")
}

func TestAnyAddress(t *testing.T) {
	p := start(t, "\n", "-addr", ":0", "-json")
	var c map[string]string
	require.NoError(t, json.Unmarshal([]byte(p.out.String()), &c))
	assert.Regexp(t, `^localhost:[1-9]\d*$`, c["addr"])
	assert.Equal(t, 200, send(t, "GET", "http://"+c["addr"]+"/v1/tokens", c["secret_key"]).status)
	assert.NoError(t, p.stop(t, os.Interrupt), "exit code")
}

func TestTakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	out, err := exec.Command(binary, "-addr", listener.Addr().String()).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, string(out), "quickstart: listen tcp "+listener.Addr().String())
	assert.Contains(t, string(out), "address already in use")
}
