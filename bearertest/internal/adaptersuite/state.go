package adaptersuite

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// sequence sends requests with different credentials.
func (s *suite) sequence() {
	send := s.sender("after other requests", ruleState)
	for _, credential := range []string{"reader", "", "admin", "unknown", "two scopes", "wallets", "token", ""} {
		send(credential)
	}
}

// again sends credentials several times, which are revoked meanwhile.
func (s *suite) again() {
	send := s.sender("sent again", ruleAnew)
	for _, revoked := range []bool{false, false, true, false} {
		s.fakes.revoked.Store(revoked)
		send("reader")
		send("token")
	}
}

// sender returns a function that sends a request with a credential: always to
// the same handler, on the same connection.
func (s *suite) sender(name string, broken report.Rule) func(credential string) {
	r := row{rule: broken, scopes: tokensRead}
	g := s.guard(nil)
	reference, wrapped := s.handlers(g, &r)
	client := newClient(1)
	n := 0
	return func(credential string) {
		n++
		r := r
		r.name, r.as = fmt.Sprintf("%s, request %d (%s)", name, n, orNone(credential)), credential
		want := s.send(s.client, s.exchange(&r, g, reference))
		s.judge(s.send(client, s.exchange(&r, g, wrapped)), want)
	}
}

// concurrent sends requests with different credentials to one handler at the
// same time. In the first round, each waits for its turn within the guard, when
// the adapter has begun with it, and has its turn until it is answered: if the
// adapter keeps something of one where another finds it, it mixes them up. Only
// if all is well they then run freely: an adapter that mixes up responses could
// end the process, by concurrent writes to a map.
func (s *suite) concurrent() {
	var turn chan struct{} // is full while a request has its turn; nil: all have
	g := s.guard(func(c *bearer.Config) {
		c.Limiter = limiter(func(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			runtime.Gosched() // to the other requests
			if e := exchangeOf(ctx); turn != nil && e != nil && e.inTurn.CompareAndSwap(false, true) {
				turn <- struct{}{}
			}
			return full(ctx, b, n, l)
		})
	})
	reference, wrapped := s.handlers(g, &row{scopes: tokensRead})
	serve := func(r *row, h http.Handler) *exchange {
		e := s.serve(s.exchange(r, g, h))
		if e.inTurn.Load() {
			<-turn
		}
		return e
	}
	for _, turn = range []chan struct{}{make(chan struct{}, 1), nil} {
		var all sync.WaitGroup
		for _, as := range []string{"reader", "wallets", "admin", "events", "two scopes", "publishable", "token"} {
			r := &row{name: "at the same time, " + as, rule: ruleState, as: as}
			want := serve(r, reference)
			all.Go(func() {
				start := time.Now()
				for n := 0; s.Clean() && (n < 20 || time.Since(start) < 50*time.Millisecond); n++ {
					s.judge(serve(r, wrapped), want)
				}
			})
		}
		all.Wait()
		if !s.Clean() {
			return
		}
	}
}
