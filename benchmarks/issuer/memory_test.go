package issuer_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/stretchr/testify/require"
)

var mostRecords = flag.Int("records", 100_000, "records whose memory is measured, and the most that others have")

// BenchmarkMemory is the heap that a MemoryStore holds for one record, as an
// issuer makes it. It is measured with -benchtime 1x.
func BenchmarkMemory(b *testing.B) {
	for _, row := range []struct {
		name string
		fill func(testing.TB, *issuer.Issuer, int)
	}{
		{"keys", createKeys},
		{"user-sessions", startSessions},
		{"key-sessions", openKeySessions},
	} {
		b.Run(row.name, func(b *testing.B) {
			store := issuer.NewMemoryStore()
			made, err := issuer.New(issuer.Config{
				Store: store,
				Tokens: &issuer.Tokens{
					Issuer: iss, Audience: aud,
					SigningKeys: []issuer.SigningKey{{ID: "1", Algorithm: "HS256", Key: newSigningKey()}},
					MaxSessions: *mostRecords,
				},
				Rules: issuer.KeyRules{MaxKeys: *mostRecords},
			})
			require.NoError(b, err)
			before := liveHeap()
			row.fill(b, made, *mostRecords)
			b.ReportMetric(float64(liveHeap()-before)/float64(*mostRecords), "B/record")
			runtime.KeepAlive(store)
			runtime.KeepAlive(made)
		})
	}
}

func owner(i int) string { return fmt.Sprintf("owner%d", i) }

// createKeys has ten keys for each owner.
func createKeys(tb testing.TB, made *issuer.Issuer, n int) {
	tb.Helper()
	for i := range n {
		createKey(tb, made, owner(i/10))
	}
}

func createKey(tb testing.TB, made *issuer.Issuer, owner string) (text string, hash bearer.KeyHash) {
	tb.Helper()
	text, key, err := made.CreateKey(context.Background(), issuer.Operator(owner), issuer.APIKey{
		Name: "worker", Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: scope,
	})
	require.NoError(tb, err)
	return text, key.Secrets[0].Hash
}

// startSessions has ten sessions for each user, each with a refresh token.
func startSessions(tb testing.TB, made *issuer.Issuer, n int) {
	tb.Helper()
	for i := range n {
		user := issuer.User{ID: fmt.Sprintf("user%d", i/10), Owner: owner(i / 10), Scopes: scope}
		_, err := made.StartSession(context.Background(), user, "Mozilla/5.0 (X11; Linux x86_64)")
		require.NoError(tb, err)
	}
}

// openKeySessions has a hundred sessions for each key. The keys are counted with
// them.
func openKeySessions(tb testing.TB, made *issuer.Issuer, n int) {
	tb.Helper()
	login := newSender(made.Route("POST /auth/login"), "/auth/login", jsonMedia)
	text := ""
	for i := range n {
		if i%100 == 0 {
			text, _ = createKey(tb, made, owner(i/100))
		}
		body := fmt.Sprintf(`{"api_key":%q,"session_id":"worker-%d"}`, text, i%100)
		require.Equal(tb, http.StatusOK, login.send("", body))
	}
}

// liveHeap is what survives a collection, finalizers and pools included.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
