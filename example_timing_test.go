package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/blockauth/bearer"
)

// A database is asked once, and then the cache remembers the key.
func ExampleTimingOf() {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	keys := bearer.NewMemoryStore(bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live})
	database := storeFunc(func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
		time.Sleep(time.Millisecond)
		return keys.FindKey(ctx, hash)
	})
	guard, err := bearer.New(bearer.Config{
		Keys: bearer.CachedStore(database, bearer.CacheConfig{}),
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) {
			t := bearer.TimingOf(r)
			fmt.Println(t.Source, t.Lookup >= time.Millisecond, t.Total > t.Lookup)
		},
	})
	if err != nil {
		panic(err)
	}
	for range 2 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		guard.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// store true true
	// cache false true
}
