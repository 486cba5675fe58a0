package issuer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
)

// A userWorld is an issuer whose users log in from several addresses.
type userWorld struct {
	*issuer.Issuer
	t      *testing.T
	routes http.Handler
}

// newUserWorld returns an issuer of JWTs with the config.
func newUserWorld(t *testing.T, c issuer.Config) *userWorld {
	t.Helper()
	if c.Tokens == nil {
		c.Tokens = tokens()
	}
	iss, err := issuer.New(c)
	require.NoError(t, err)
	return &userWorld{iss, t, iss.Handler()}
}

// from sends a body of JSON from an address.
func (w *userWorld) from(addr, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = addr
	rec := httptest.NewRecorder()
	w.routes.ServeHTTP(rec, r)
	return rec
}

const home = "192.0.2.1:4711" // where users usually are

// login logs in with email and password.
func (w *userWorld) login(addr, email, password string) *httptest.ResponseRecorder {
	return w.from(addr, "/auth/login", mailAndPassword(email, password))
}

// register registers from the usual address.
func (w *userWorld) register(email, password string) *httptest.ResponseRecorder {
	return w.from(home, "/auth/register", mailAndPassword(email, password))
}

// refresh uses a refresh token.
func (w *userWorld) refresh(token string) *httptest.ResponseRecorder {
	return w.from(home, "/auth/refresh", `{"refresh_token":"`+token+`"}`)
}

func mailAndPassword(email, password string) string {
	body, _ := json.Marshal(map[string]string{"email": email, "password": password})
	return string(body)
}

// member returns a member of an answer as text.
func member(t *testing.T, rec *httptest.ResponseRecorder, name string) string {
	t.Helper()
	text, _ := decoded(t, rec)[name].(string)
	return text
}

// refusal returns a member of the error that an answer holds.
func refusal(t *testing.T, rec *httptest.ResponseRecorder, name string) string {
	t.Helper()
	e, _ := decoded(t, rec)["error"].(map[string]any)
	text, _ := e[name].(string)
	return text
}
