package bearer_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/blockauth/bearer"
	"golang.org/x/time/rate"
)

// perDay returns the limit of n requests a day, n of them at once.
func perDay(n int) bearer.Limit {
	return bearer.Limit{Rate: rate.Every(24*time.Hour) * rate.Limit(n), Burst: n}
}

// A request must pass both: two at once of each key, and three a day of its
// owner, whichever of the owner's keys it has.
func ExamplePolicy() {
	store := new(bearer.MemoryStore)
	first := addKey(store, bearer.Key{ID: "key_1", Owner: "acme", Kind: bearer.SecretKey})
	second := addKey(store, bearer.Key{ID: "key_2", Owner: "acme", Kind: bearer.SecretKey})
	guard, err := bearer.New(bearer.Config{
		Keys:  store,
		Limit: bearer.PerMinute(2),
		Policies: []bearer.Policy{
			{Name: "minute"},
			{
				Name:   "day",
				Limit:  func(*http.Request, *bearer.Principal) bearer.Limit { return perDay(3) },
				Bucket: func(_ *http.Request, p *bearer.Principal) string { return p.Owner },
			},
		},
		Observe: func(_ *http.Request, p *bearer.Principal, e *bearer.Error) {
			if e != nil {
				fmt.Println(p, "is refused by the policy", e.Policy)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	app := guard.Handler(emptyAnswer)
	for _, text := range []string{first, first, first, second, second} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, request("GET", "/v1/tokens", text))
		fmt.Println(w.Code, w.Header().Get("RateLimit-Policy"))
	}
	// Output:
	// 204 "minute";q=2;w=60, "day";q=3;w=86400
	// 204 "minute";q=2;w=60, "day";q=3;w=86400
	// secret "key_1" is refused by the policy minute
	// 429 "minute";q=2;w=60, "day";q=3;w=86400
	// 204 "minute";q=2;w=60, "day";q=3;w=86400
	// secret "key_2" is refused by the policy day
	// 429 "minute";q=2;w=60, "day";q=3;w=86400
}

// The plan decides the limit. A key carries it as its Data, a JWT as a claim.
// After an upgrade, Reset makes the new plan's tokens be there at once.
func ExamplePolicy_plan() {
	store := new(bearer.MemoryStore)
	key := bearer.Key{ID: "key_1", Owner: "acme", Kind: bearer.SecretKey, Environment: bearer.Live, Data: "free"}
	text, hash := bearer.KeyFormat{}.Generate(key.Kind, key.Environment)
	key.Hash = hash
	if err := store.Add(key); err != nil {
		log.Fatal(err)
	}
	limits := map[any]bearer.Limit{"free": perDay(1), "paid": perDay(1000), "partner": bearer.Unlimited}
	buckets := new(bearer.Buckets)
	guard, err := bearer.New(bearer.Config{
		Keys:    store,
		Limiter: buckets,
		Policies: []bearer.Policy{{
			Name: "plan",
			Limit: func(_ *http.Request, p *bearer.Principal) bearer.Limit {
				plan := any("free")
				switch {
				case p.Key != nil && p.Key.Data != nil:
					plan = p.Key.Data
				case p.Claims["plan"] != nil:
					plan = p.Claims["plan"]
				}
				return limits[plan] // zero for a plan that is none: no limit, so check what you store
			},
			Bucket: func(_ *http.Request, p *bearer.Principal) string { return p.Owner },
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	app := guard.Handler(emptyAnswer)
	show := func() {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, request("GET", "/v1/tokens", text))
		fmt.Println(w.Code, w.Header().Get("RateLimit-Policy"))
	}
	show()
	show()
	key.Data = "paid"
	if err := store.Update(key); err != nil {
		log.Fatal(err)
	}
	buckets.Reset(bearer.Bucket{Policy: "plan", Class: "policy", ID: "acme"})
	show()
	// Output:
	// 204 "plan";q=1;w=86400
	// 429 "plan";q=1;w=86400
	// 204 "plan";q=1000;w=86400
}

// A route has a limit of its own, for each caller. On other routes the policy does
// not apply.
func ExamplePolicy_route() {
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Limit: bearer.PerSecond(1000)})
	guard, err := bearer.New(bearer.Config{
		Keys: store,
		Policies: []bearer.Policy{{}, {
			Name: "exports",
			Limit: func(r *http.Request, _ *bearer.Principal) bearer.Limit {
				if r.URL.Path == "/v1/exports" {
					return perDay(1)
				}
				return bearer.Limit{}
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	app := guard.Handler(emptyAnswer)
	for _, path := range []string{"/v1/tokens", "/v1/exports", "/v1/exports"} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, request("GET", path, text))
		fmt.Println(path, w.Code, w.Header().Get("RateLimit-Policy"))
	}
	// Output:
	// /v1/tokens 204 "default";q=1000;w=1
	// /v1/exports 204 "default";q=1000;w=1, "exports";q=1;w=86400
	// /v1/exports 429 "default";q=1000;w=1, "exports";q=1;w=86400
}

// A monthlyCount is a Limiter that counts the policy "month" in a table of the
// application's own, so that a restart forgets nothing. All else is in Buckets.
type monthlyCount struct {
	bearer.Buckets
	mu   sync.Mutex
	used map[string]int // a table by account and month, in an application
}

// Take implements [bearer.Limiter]. In SQL, one statement counts and decides:
// UPDATE … SET used = used + $1 WHERE used + $1 <= $2 RETURNING used.
func (m *monthlyCount) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	if b.Policy != "month" {
		return m.Buckets.Take(ctx, b, n, l)
	}
	now := time.Now().UTC()
	next := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	row := b.ID + now.Format(" 2006-01")
	m.mu.Lock()
	defer m.mu.Unlock()
	u := bearer.Usage{Allowed: m.used[row]+n <= l.Burst, Reset: next.Sub(now)}
	switch {
	case u.Allowed:
		m.used[row] += n
	case n <= l.Burst:
		u.Wait = u.Reset
	default:
		u.Wait = -1
	}
	u.Remaining = max(l.Burst-m.used[row], 0)
	if u.Remaining == 0 && n == 0 {
		u.Wait = u.Reset // a look: the guard cannot calculate it, since a month's tokens come at once
	}
	return u, nil
}

// Return implements [bearer.Returner].
func (m *monthlyCount) Return(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) error {
	if b.Policy != "month" {
		return m.Buckets.Return(ctx, b, n, l)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used[b.ID+time.Now().UTC().Format(" 2006-01")] -= n
	return nil
}

// A month's quota is counted in a table, beside a limit for each second in memory.
// The limit of the policy says how many; the Limiter says when the month is over.
func ExamplePolicy_month() {
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Owner: "acme", Kind: bearer.SecretKey})
	guard, err := bearer.New(bearer.Config{
		Keys:    store,
		Limiter: &monthlyCount{used: make(map[string]int)},
		Policies: []bearer.Policy{{Name: "second"}, {
			Name: "month",
			Limit: func(*http.Request, *bearer.Principal) bearer.Limit {
				return bearer.Limit{Rate: rate.Every(30 * 24 * time.Hour / 2), Burst: 2}
			},
			Bucket: func(_ *http.Request, p *bearer.Principal) string { return p.Owner },
		}},
		ErrorHandler: bearer.WriteProblem,
	})
	if err != nil {
		log.Fatal(err)
	}
	app := guard.Handler(emptyAnswer)
	for range 3 {
		fmt.Println(statusOf(app, "GET", "/v1/tokens", text))
	}
	w := httptest.NewRecorder()
	app.ServeHTTP(w, request("GET", "/v1/tokens", text))
	fmt.Print(w.Header().Get("RateLimit-Policy"), "\n", w.Body)
	// Output:
	// 204
	// 204
	// 429
	// "second";q=100;w=1, "month";q=2;w=2592000
	// {"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Too Many Requests","status":429,"detail":"Too many requests. Try again later.","code":"rate_limit_exceeded","reason":"rate_limit_exceeded","violated-policies":["month"]}
}
