package issuer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// mayWrite reports whether a token passes a route that needs the scope write.
func (w *loginWorld) mayWrite(token string) bool {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	_, err := w.guard.Check(r, "write")
	return err == nil
}

// In every order of two logins and a change of the key, at two replicas with
// caches of 30 seconds, no token does more than the key may: at the replica that
// changed it at once, at the other within 30 seconds (S3.6, S1.8).
func TestOrdersOfLoginsAndChanges(t *testing.T) {
	operator := issuer.Operator("acme")
	changes := []struct {
		name   string
		change func(w *loginWorld, id string) error
	}{
		{"revoke", func(w *loginWorld, id string) error {
			_, err := w.RevokeKey(w.t.Context(), operator, id, "")
			return err
		}},
		{"rotate at once", func(w *loginWorld, id string) error {
			_, _, err := w.RotateKey(w.t.Context(), operator, id, 0)
			return err
		}},
		{"fewer scopes", func(w *loginWorld, id string) error {
			w.update(id, func(k *issuer.APIKey) { k.Scopes = "read" })
			return nil
		}},
		{"disable", func(w *loginWorld, id string) error {
			w.update(id, func(k *issuer.APIKey) { k.Disabled = true })
			return nil
		}},
		{"expire", func(w *loginWorld, id string) error {
			w.update(id, func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Millisecond) })
			return nil
		}},
	}
	const login, otherLogin, change = "login", "login elsewhere", "change"
	orders := [][]string{
		{login, otherLogin, change}, {otherLogin, login, change}, {login, change, otherLogin},
		{otherLogin, change, login}, {change, login, otherLogin}, {change, otherLogin, login},
	}
	for _, c := range changes {
		for _, order := range orders {
			t.Run(fmt.Sprintf("%s: %s", c.name, strings.Join(order, ", ")), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newLoginWorld(t)
					replicas := map[string]*loginWorld{login: w, otherLogin: w.replica()}
					text, key := w.key()
					tokens := []string{w.token(loginOf(text, "before"))}
					for _, step := range order {
						if step == change {
							require.NoError(t, c.change(w, key.ID))
							time.Sleep(time.Millisecond)
						} else if r := replicas[step].login(loginOf(text, step)); r.code == http.StatusOK {
							tokens = append(tokens, r.member("access_token"))
						}
						for _, token := range tokens { // and they are remembered
							replicas[login].verdict(token)
							replicas[otherLogin].verdict(token)
						}
					}
					for _, token := range tokens {
						assert.False(t, w.mayWrite(token), "at once")
					}
					time.Sleep(30 * time.Second)
					for _, token := range tokens {
						assert.False(t, replicas[otherLogin].mayWrite(token), "within 30 seconds")
					}
				})
			})
		}
	}
}

// otherSessions is a store that opens another session than it was asked for.
type otherSessions struct {
	issuer.Store
	change func(*issuer.Session)
}

func (s *otherSessions) OpenSession(_ context.Context, session issuer.Session, _ int) (issuer.Session, error) {
	s.change(&session)
	return session, nil
}

func TestKeyLoginOfCarelessStore(t *testing.T) { // S3.3: another's session is an outage
	tests := []struct {
		name   string
		change func(*issuer.Session)
		code   int
	}{
		{"that session", func(*issuer.Session) {}, 200},
		{"another name", func(s *issuer.Session) { s.Name = strings.ToUpper(s.Name) }, 503},
		{"another subject", func(s *issuer.Session) { s.Subject += "x" }, 503},
		{"one that ended", func(s *issuer.Session) { s.EndedAt = time.Now() }, 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t, func(c *issuer.Config) {
				c.Store = &otherSessions{issuer.NewMemoryStore(), tt.change}
			})
			text, _ := w.key(func(k *issuer.APIKey) { k.Kind = bearer.SecretKey })
			r := w.login(loginOf(text, "s"))
			assert.Equal(t, tt.code, r.code, r.text)
		})
	}
}

func BenchmarkKeyLogin(b *testing.B) { // one session, from many goroutines
	iss, err := issuer.New(issuer.Config{Tokens: &issuer.Tokens{
		Issuer: "https://id.example", Audience: "api",
		SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
	}})
	require.NoError(b, err)
	text, _, err := iss.CreateKey(b.Context(), issuer.Operator("acme"), issuer.APIKey{Name: "k", Kind: bearer.SecretKey})
	require.NoError(b, err)
	h, body := iss.Route("POST /auth/login"), loginOf(text, "s")
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(http.MethodPost, "/auth/login", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if rec.Code != http.StatusOK {
				b.Error(rec.Body)
			}
		}
	})
}
