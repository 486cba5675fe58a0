package benchmarks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
)

// Each key stack has to do what is measured: a comparison with one that does
// less would not be honest.
func TestKeyStacksDoTheWork(t *testing.T) {
	for _, stack := range keyStacks {
		t.Run(stack.name, func(t *testing.T) {
			s := newSite(t, 2, tight)
			get := stack.open(t, s)()
			unknown := newSite(t, 1, tight).Fields[0]
			for _, row := range []struct {
				name, field string
				want        int
			}{
				{"a good key", s.Fields[0], http.StatusOK},
				{"once more", s.Fields[0], http.StatusOK},
				{"beyond the limit", s.Fields[0], http.StatusTooManyRequests},
				{"another key has a limit of its own", s.Fields[1], http.StatusOK},
				{"a key without the scope", s.unscoped, http.StatusForbidden},
				{"a key that nobody made", unknown, http.StatusUnauthorized},
				{"no credential", "", http.StatusUnauthorized},
				{"another scheme", "Basic eDp5", http.StatusUnauthorized},
			} {
				assert.Equal(t, row.want, get(row.field), row.name)
			}
		})
	}
}

func TestKeyStacksRefuseExpiredAndRevokedKeys(t *testing.T) {
	for _, stack := range keyStacks {
		t.Run(stack.name, func(t *testing.T) {
			s := newSite(t, 2, tight)
			for _, rec := range s.Records {
				switch rec.ID {
				case "key_0":
					rec.Expires = time.Now()
				case "key_1":
					rec.Revoked = true
				}
			}
			s.retire(t)
			get := stack.open(t, s)()
			assert.GreaterOrEqual(t, get(s.Fields[0]), 400)
			assert.GreaterOrEqual(t, get(s.Fields[1]), 400)
		})
	}
}

// The stacks that write fields write them on every answer, also in a benchmark.
func TestKeyStacksWriteFields(t *testing.T) {
	for _, row := range []struct {
		name, field string
		handler     func(testing.TB, *site) http.Handler
	}{
		{"bearer", "Ratelimit", bearerNetHTTP},
		{"httprate-alone", "X-Ratelimit-Remaining", httprateOnly},
		{"httprate", "X-Ratelimit-Remaining", homemadeHTTPRate},
		{"ulule", "X-Ratelimit-Remaining", homemadeUlule},
		{"throttled", "X-Ratelimit-Remaining", homemadeThrottled},
		{"sethvargo", "X-Ratelimit-Remaining", homemadeSethvargo},
		{"tollbooth", "Ratelimit-Remaining", homemadeTollbooth},
		{"echo", "X-Ratelimit-Remaining", echoStack},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, 1, tight)
			w := &discard{header: make(http.Header)}
			r, _ := http.NewRequest(http.MethodGet, route, nil)
			r.RemoteAddr = "192.0.2.1:1234"
			r.Header.Set("Authorization", s.Fields[0])
			row.handler(t, s).ServeHTTP(w, r)
			assert.NotEmpty(t, w.header.Get(row.field))
		})
	}
}

func TestHTTPRateAloneLimits(t *testing.T) {
	s := newSite(t, 2, tight)
	get := over(httprateOnly(t, s))
	var got []int
	for _, i := range []int{0, 0, 0, 1} {
		got = append(got, get(s.Fields[i]))
	}
	assert.Equal(t, []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests, http.StatusOK}, got)
}

func TestJWTPeersDoTheWork(t *testing.T) {
	issuers, strangers := newIssuers(t), newIssuers(t)
	for i, from := range issuers {
		other := issuers[(i+1)%len(issuers)]
		for _, peer := range jwtPeers {
			t.Run(from.alg+"/"+peer.name, func(t *testing.T) {
				get := over(peer.handler(t, from))
				assert.Equal(t, http.StatusOK, get(from.field(t, nil)))
				assert.Equal(t, http.StatusOK, get(from.field(t, nil)), "again")
				for _, row := range []struct {
					name, field string
				}{
					{"another key", strangers[i].field(t, nil)},
					{"another algorithm", other.field(t, nil)},
					{"another issuer", from.field(t, jwt.MapClaims{"iss": "https://other.example"})},
					{"no issuer", from.field(t, jwt.MapClaims{"iss": nil})},
					{"another audience", from.field(t, jwt.MapClaims{"aud": "web"})},
					{"expired", from.field(t, jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()})},
					{"not yet", from.field(t, jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()})},
				} {
					assert.GreaterOrEqual(t, get(row.field), 400, row.name)
				}
				if peer.name != "golang-jwt-parse" { // which is less than a route
					assert.GreaterOrEqual(t, get(from.field(t, jwt.MapClaims{"scope": "wallets:read"})), 400, "another scope")
					assert.GreaterOrEqual(t, get(""), 400, "no credential")
				}
			})
		}
	}
}

func TestLimitersDoTheWork(t *testing.T) {
	for _, peer := range limiters {
		if peer.name == "uber" { // waits instead
			continue
		}
		t.Run(peer.name, func(t *testing.T) {
			take := peer.open(t, tight)
			var got []bool
			for _, id := range []string{"a", "a", "a", "b"} {
				got = append(got, take(id))
			}
			assert.Equal(t, []bool{true, true, false, true}, got)
		})
	}
}
