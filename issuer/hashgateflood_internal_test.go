package issuer

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// passwordIssuer returns an issuer with one user, ada@example.com, and one
// credential, whose secret both is.
func passwordIssuer(t *testing.T, secret string) (*Issuer, *Passwords) {
	t.Helper()
	p := NewPasswords(NewMemoryStore())
	_, err := p.Register(t.Context(), "ada@example.com", secret)
	require.NoError(t, err)
	i, err := New(Config{
		Tokens: &Tokens{Issuer: "https://api.example", Audience: "api", SigningKeys: []SigningKey{NewSigningKey("HS256")}},
		Users:  p,
	})
	require.NoError(t, err)
	require.Same(t, p.gate, i.gate, "one gate bounds all hashes")
	return i, p
}

// post sends JSON from an address, and returns the answer.
func post(ctx context.Context, h http.Handler, addr, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = addr
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// A thousand logins at once from one address: few hashes run, few logins wait, the
// others are told when to come again, and clients from elsewhere log in.
func TestFloodOfLogins(t *testing.T) {
	secret := "a password of the test"
	i, p := passwordIssuer(t, secret)
	h := i.Handler()
	answers := make([]*httptest.ResponseRecorder, 1000)
	var group sync.WaitGroup
	begin := make(chan struct{})
	for n := range answers {
		group.Go(func() {
			<-begin
			body := fmt.Sprintf(`{"email":"%d@example.com","password":"wrong password"}`, n)
			answers[n] = post(t.Context(), h, "192.0.2.1:1", "/auth/login", body)
		})
	}
	var isOver atomic.Bool
	most := make(chan [2]int)
	go func() {
		var running, waiting int
		for !isOver.Load() {
			r, w := p.gate.counts()
			running, waiting = max(running, r), max(waiting, w)
			time.Sleep(100 * time.Microsecond)
		}
		most <- [2]int{running, waiting}
	}()
	close(begin)
	for range 1000 { // until the flood is there
		if running, _ := p.gate.counts(); running > 0 {
			break
		}
		time.Sleep(100 * time.Microsecond)
	}
	good := post(t.Context(), h, "198.51.100.1:1", "/auth/login", `{"email":"ada@example.com","password":"`+secret+`"}`)
	assert.Equal(t, http.StatusOK, good.Code, good.Body)
	group.Wait()
	isOver.Store(true)

	seen := <-most
	assert.LessOrEqual(t, seen[0], max(1, runtime.GOMAXPROCS(0)/2), "hashes at a time")
	assert.LessOrEqual(t, seen[1], waitersOfOne+1, "logins that wait")
	byStatus := map[int]int{}
	for _, rec := range answers {
		byStatus[rec.Code]++
		if rec.Code != http.StatusUnauthorized {
			assert.NotEmpty(t, rec.Header().Get("Retry-After"))
		}
	}
	refused, others := byStatus[http.StatusTooManyRequests], byStatus[http.StatusUnauthorized]+byStatus[http.StatusServiceUnavailable]
	assert.Equal(t, len(answers), refused+others, byStatus)
	assert.InDelta(t, 900, refused, 100, "some tokens flow in meanwhile")
	running, waiting := p.gate.counts()
	assert.Zero(t, running)
	assert.Zero(t, waiting)
}

// S0.5: an unknown name and a wrong secret have the same answer, byte for byte,
// and take as long. Both are measured in turn, and the fastest and the median of
// each are compared: what else the machine does slows both. A test that fails is
// tried again.
func TestUnknownAndWrongAreAlike(t *testing.T) {
	secret := "a secret of more than thirty-two characters"
	i, _ := passwordIssuer(t, secret)
	id := "11111111-2222-4333-8444-555555555555"
	_, _, err := i.CreateClient(t.Context(), Operator("acme"), Client{ID: id, Credential: true, Scopes: "a"})
	require.NoError(t, err)
	h := i.Handler()
	for _, row := range []struct{ name, path, unknown, wrong string }{
		{
			"password", "/auth/login",
			`{"email":"bob@example.com","password":"wrong password"}`,
			`{"email":"ada@example.com","password":"wrong password"}`,
		},
		{
			"credential", "/auth/token",
			`{"apiKey":"99999999-2222-4333-8444-555555555555","apiSecret":"a wrong secret of thirty-two characters"}`,
			`{"apiKey":"` + id + `","apiSecret":"a wrong secret of thirty-two characters"}`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			addresses := 0
			measure := func(body string) (time.Duration, *httptest.ResponseRecorder) {
				addresses++
				start := time.Now()
				rec := post(t.Context(), h, fmt.Sprintf("192.0.2.%d:1", addresses), row.path, body)
				return time.Since(start), rec
			}
			isAlike := false
			for range 4 {
				var unknown, wrong []time.Duration
				for range 7 {
					took, a := measure(row.unknown)
					unknown = append(unknown, took)
					took, b := measure(row.wrong)
					wrong = append(wrong, took)
					require.Equal(t, http.StatusUnauthorized, a.Code, a.Body)
					require.Equal(t, a.Code, b.Code)
					require.Equal(t, a.Body.Bytes(), b.Body.Bytes())
					require.Equal(t, a.Header(), b.Header())
				}
				slices.Sort(unknown)
				slices.Sort(wrong)
				t.Logf("unknown %v, wrong %v", unknown, wrong)
				if isAlike = isNear(unknown[0], wrong[0]) || isNear(unknown[3], wrong[3]); isAlike {
					break
				}
			}
			assert.True(t, isAlike, "the time tells which names there are")
		})
	}
}

// isNear reports whether two durations differ by a quarter at most.
func isNear(a, b time.Duration) bool { return max(a, b)-min(a, b) <= min(a, b)/4 }
