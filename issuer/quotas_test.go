package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// someUsers returns users a@example.com, … whose password is "correct horse".
func someUsers(names ...string) *issuertest.Users {
	users := new(issuertest.Users)
	for _, name := range names {
		users.Add(issuer.User{ID: name, Email: name + "@example.com"}, "correct horse")
	}
	return users
}

// S4.15: ten a minute of an account from an address, whatever comes of them.
func TestLoginQuotaOfAccount(t *testing.T) {
	for _, row := range []struct {
		name            string
		password        string // of the ten before
		addr, mail, pwd string // of the eleventh
		want            int
	}{
		{"right", "wrong horse", home, "ada@example.com", "correct horse", http.StatusTooManyRequests},
		{"wrong", "wrong horse", home, "ada@example.com", "wrong horse", http.StatusTooManyRequests},
		{"after right ones", "correct horse", home, "ada@example.com", "correct horse", http.StatusTooManyRequests},
		{"in another spelling", "wrong horse", home, " Ada@Example.COM ", "correct horse", http.StatusTooManyRequests},
		{"from another port", "wrong horse", "192.0.2.1:1", "ada@example.com", "correct horse", http.StatusTooManyRequests},
		{"from the mapped address", "wrong horse", "[::ffff:192.0.2.1]:1", "ada@example.com", "correct horse", http.StatusTooManyRequests},
		{"of another account", "wrong horse", home, "bob@example.com", "correct horse", http.StatusOK},
		{"from another address: nobody is locked out", "wrong horse", "192.0.2.2:1", "ada@example.com", "correct horse", http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newUserWorld(t, issuer.Config{Users: someUsers("ada", "bob")})
				for range 10 {
					rec := w.login(home, "ada@example.com", row.password)
					require.Contains(t, []int{http.StatusOK, http.StatusUnauthorized}, rec.Code, rec.Body)
				}
				rec := w.login(row.addr, row.mail, row.pwd)
				require.Equal(t, row.want, rec.Code, rec.Body)
				if row.want == http.StatusOK {
					return
				}
				assert.Equal(t, "rate_limit_exceeded", refusal(t, rec, "code"), "S4.12")
				assert.Equal(t, "6", rec.Header().Get("Retry-After"), "S4.12")
				assert.Equal(t, `"login";r=0;t=6`, rec.Header().Get("RateLimit"))

				time.Sleep(6 * time.Second)
				assert.Equal(t, http.StatusOK, w.login(home, "ada@example.com", "correct horse").Code)
			})
		})
	}
}

// A hundred a minute of an address, over all accounts.
func TestLoginQuotaOfAddress(t *testing.T) {
	for _, row := range []struct {
		name         string
		first, other string // addresses
		want         int
	}{
		{"IPv4", "192.0.2.1:1", "192.0.2.1:2", http.StatusTooManyRequests},
		{"another IPv4", "192.0.2.1:1", "192.0.2.2:1", http.StatusOK},
		{"IPv6 of one network", "[2001:db8::1]:1", "[2001:db8::ffff:2]:1", http.StatusTooManyRequests},
		{"IPv6 of another network", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", http.StatusOK},
		{"unknown", "pipe", "@", http.StatusTooManyRequests},
		{"unknown and unspecified", "@", "[::]:1", http.StatusTooManyRequests},
		{"unspecified", "0.0.0.0:1", "[::]:1", http.StatusTooManyRequests},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newUserWorld(t, issuer.Config{Users: someUsers("ada")})
				for n := range 100 {
					rec := w.login(row.first, strconv.Itoa(n)+"@example.com", "wrong horse")
					require.Equal(t, http.StatusUnauthorized, rec.Code)
				}
				assert.Equal(t, row.want, w.login(row.other, "ada@example.com", "correct horse").Code)
			})
		})
	}
}

// Ten registrations a minute of an address; those that could not be do not count.
func TestRegisterQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		w := newUserWorld(t, issuer.Config{Registrar: usersFunc(func(_ context.Context, email, _ string) (issuer.User, error) {
			asked.Add(1)
			return issuer.User{ID: email}, nil
		})})
		for range 20 {
			require.Equal(t, http.StatusBadRequest, w.register("ada@example.com", "short").Code)
		}
		for n := range 10 {
			require.Equal(t, http.StatusCreated, w.register(strconv.Itoa(n)+"@example.com", "correct horse").Code)
		}
		rec := w.register("ada@example.com", "correct horse")
		assert.Equal(t, http.StatusTooManyRequests, rec.Code)
		assert.Equal(t, "6", rec.Header().Get("Retry-After"))
		assert.EqualValues(t, 10, asked.Load(), "hashed after all")
		rec = w.from("192.0.2.2:1", "/auth/register", mailAndPassword("ada@example.com", "correct horse"))
		assert.Equal(t, http.StatusCreated, rec.Code)
	})
}

type limiterFunc func(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error)

func (f limiterFunc) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	return f(ctx, b, n, l)
}

// A limiter that fails is 503, and no password is verified.
func TestLimiterFails(t *testing.T) {
	for _, row := range []struct {
		name string
		take limiterFunc
	}{
		{"error", func(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
			return bearer.Usage{Allowed: true}, errors.New("connection refused")
		}},
		{"panic", func(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
			panic("correct horse")
		}},
		{"too slow", func(ctx context.Context, _ bearer.Bucket, _ int, _ bearer.Limit) (bearer.Usage, error) {
			<-ctx.Done()
			return bearer.Usage{}, ctx.Err()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				users := usersFunc(func(context.Context, string, string) (issuer.User, error) {
					asked.Add(1)
					return issuer.User{ID: "ada"}, nil
				})
				w := newUserWorld(t, issuer.Config{Users: users, Registrar: users, Limiter: row.take})
				for _, path := range []string{"/auth/login", "/auth/register"} {
					rec := w.from(home, path, mailAndPassword("ada@example.com", "correct horse"))
					assert.Equal(t, http.StatusServiceUnavailable, rec.Code)
					assert.Equal(t, "limiter_unavailable", refusal(t, rec, "reason"))
					assert.Equal(t, "1", rec.Header().Get("Retry-After"))
					assert.NotContains(t, rec.Body.String(), "horse")
				}
				assert.Zero(t, asked.Load())
			})
		})
	}
}

// Each bucket that is empty refuses by itself, before anything is looked up; and
// so do addresses that no one can tell apart.
func TestEachQuotaRefuses(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	var empty string
	users := usersFunc(func(context.Context, string, string) (issuer.User, error) {
		store.Calls()
		return issuer.User{}, errors.New("asked after all")
	})
	w := newUserWorld(t, issuer.Config{
		Store: store, Users: users, Registrar: users,
		Limiter: limiterFunc(func(_ context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			return bearer.Usage{Allowed: b.Policy != empty, Remaining: l.Burst - n, Wait: 7 * time.Second}, nil
		}),
	})
	g, err := w.StartSession(t.Context(), issuer.User{ID: "ada"}, "")
	require.NoError(t, err)
	pair := pairBody(uuidA, chosenSecret)
	for _, row := range []struct {
		policy, path, body string
		calls              []string
	}{
		{"login-address", "/auth/login", mailAndPassword("ada@example.com", "correct horse"), nil},
		{"login", "/auth/login", mailAndPassword("ada@example.com", "correct horse"), nil},
		{"login-address", "/auth/token", pair, nil},
		{"login", "/auth/token", pair, nil},
		{"register", "/auth/register", mailAndPassword("ada@example.com", "correct horse"), nil},
		{"refresh", "/auth/refresh", `{"refresh_token":"` + g.RefreshToken + `"}`, []string{"GetSession"}},
	} {
		t.Run(row.policy+" "+row.path, func(t *testing.T) {
			empty = row.policy
			store.Calls()
			rec := w.from(home, row.path, row.body)
			assert.Equal(t, http.StatusTooManyRequests, rec.Code, rec.Body)
			assert.Equal(t, "7", rec.Header().Get("Retry-After"))
			assert.Equal(t, row.calls, store.Calls())
		})
	}
}

// A limiter sees neither emails nor addresses, and no two lists of names share a
// bucket.
func TestBucketsAreHashed(t *testing.T) {
	var buckets []bearer.Bucket
	w := newUserWorld(t, issuer.Config{
		Users: someUsers(),
		Limiter: limiterFunc(func(_ context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			buckets = append(buckets, b)
			return bearer.Usage{Allowed: true, Remaining: l.Burst - n}, nil
		}),
	})
	w.login(home, "ada@example.com", "wrong horse")
	w.login(home, "bob@example.com", "wrong horse")
	require.Len(t, buckets, 4)
	for _, b := range buckets {
		assert.Regexp(t, "^[0-9a-f]{64}$", b.ID)
		assert.Equal(t, "issuer", b.Class, "no caller's")
	}
	assert.Equal(t, "login-address", buckets[0].Policy)
	assert.Equal(t, "login", buckets[1].Policy)
	assert.Equal(t, buckets[0], buckets[2], "of the address")
	assert.NotEqual(t, buckets[1], buckets[3], "of the accounts")
}

// A flood of logins over a shared limiter evicts no bucket of an API key.
func TestFloodEvictsNoCaller(t *testing.T) {
	buckets := &bearer.Buckets{Max: 8}
	w := newUserWorld(t, issuer.Config{Users: someUsers(), Limiter: buckets})
	spent := bearer.Bucket{Policy: "default", Class: "key", ID: "ak_1"}
	limit := bearer.PerMinute(1)
	u, err := buckets.Take(t.Context(), spent, 1, limit)
	require.NoError(t, err)
	require.True(t, u.Allowed)
	for n := range 200 {
		w.login(fmt.Sprintf("198.51.100.%d:1", n), strconv.Itoa(n)+"@example.com", "wrong horse")
	}
	u, err = buckets.Take(t.Context(), spent, 1, limit)
	require.NoError(t, err)
	assert.False(t, u.Allowed)
}
