package bearer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A jwtKeyRecorder is a Keyfunc that sees whether a token comes from the cache:
// it is then asked about the same *jwt.Token again.
type jwtKeyRecorder struct {
	mu    sync.Mutex
	key   any
	err   error
	calls int
	seen  map[*jwt.Token]bool
	again bool // the last token was seen before
}

func (r *jwtKeyRecorder) keyfunc(t *jwt.Token) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = make(map[*jwt.Token]bool)
	}
	r.calls++
	r.again = r.seen[t]
	r.seen[t] = true
	return r.key, r.err
}

func jwtKeySet(secrets ...[]byte) jwt.VerificationKeySet {
	var set jwt.VerificationKeySet
	for _, secret := range secrets {
		set.Keys = append(set.Keys, secret)
	}
	return set
}

// jwtCached returns a guard with a cache for so many tokens.
func jwtCached(t *testing.T, most int, change func(*bearer.JWT)) (*bearer.Guard, *jwtKeyRecorder) {
	t.Helper()
	r := &jwtKeyRecorder{key: slices.Clone(jwtTestKeys().secret)}
	config := jwtConfig()
	config.Keyfunc, config.Cache = r.keyfunc, most
	if change != nil {
		change(&config)
	}
	return jwtGuard(t, config), r
}

func TestJWTCacheEnds(t *testing.T) {
	for _, row := range []struct {
		name  string
		exp   int // seconds from now
		after time.Duration
		want  string
		again bool
	}{
		{"at once", 3600, 0, jwtGood, true},
		{"a moment before a minute", 3600, time.Minute - 1, jwtGood, true},
		{"after a minute", 3600, time.Minute, jwtGood, false},
		{"a moment before exp", 10, 10*time.Second - 1, jwtGood, true},
		{"at exp", 10, 10 * time.Second, jwtExpired, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				guard, r := jwtCached(t, 10, nil)
				text := jwtMinted(t, jwtClaims.with(fmt.Sprintf(`"exp":%d`, time.Now().Unix()+int64(row.exp))))
				require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
				require.False(t, r.again)
				time.Sleep(row.after)
				assert.Equal(t, row.want, jwtAnswer(jwtServe(guard, text)))
				assert.Equal(t, row.again, r.again)
			})
		})
	}
}

// A hit does not prolong an entry, and a token past its exp is not remembered
// even where a leeway lets it through.
func TestJWTCacheIsNotProlonged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard, r := jwtCached(t, 10, nil)
		text := jwtMinted(t, jwtClaims)
		var verified []int
		for second := range 121 {
			require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
			if !r.again {
				verified = append(verified, second)
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, []int{0, 60, 120}, verified)
		assert.Equal(t, 122, r.calls, "New asks once, and each request")
	})
	synctest.Test(t, func(t *testing.T) {
		guard, r := jwtCached(t, 10, func(j *bearer.JWT) { j.Leeway = time.Hour })
		text := jwtMinted(t, jwtClaims.with(`"exp":`+jwtPast))
		for range 3 {
			assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
			assert.False(t, r.again)
		}
	})
}

func TestJWTNoCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard, r := jwtCached(t, 0, nil)
		text := jwtMinted(t, jwtClaims)
		for range 3 {
			assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
			assert.False(t, r.again)
		}
	})
}

func TestJWTCacheIsBounded(t *testing.T) {
	for _, most := range []int{1, 10, 200} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				guard, r := jwtCached(t, most, nil)
				texts := make([]string, 3*most)
				for i := range texts {
					texts[i] = jwtMinted(t, jwtClaims.with(fmt.Sprintf(`"sub":"user_%d"`, i)))
					require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, texts[i])))
				}
				hits := 0
				for _, text := range texts {
					require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
					if r.again {
						hits++
					}
				}
				assert.LessOrEqual(t, hits, most)
				require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, texts[0])))
				require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, texts[0])))
				assert.True(t, r.again, "the newest is always remembered")
			})
		})
	}
}

// What the cache remembers is not used once the key has changed.
func TestJWTCacheKeyChanges(t *testing.T) {
	k := jwtTestKeys()
	rsaKey := &rsa.PublicKey{N: new(big.Int).Set(k.rsa.N), E: k.rsa.E}
	ecKey := *jwtPublic(k.p256).(*ecdsa.PublicKey)
	secret := slices.Clone(k.secret)
	ed := slices.Clone(jwtPublic(k.ed).(ed25519.PublicKey))
	for _, row := range []struct {
		name   string
		alg    string
		sign   any
		verify any
		change func(r *jwtKeyRecorder)
		want   string
	}{
		{"HMAC: rotated away", "HS256", k.secret, k.secret, func(r *jwtKeyRecorder) { r.key = k.otherSecret }, jwtBad},
		{"HMAC: overwritten in place", "HS256", k.secret, secret, func(*jwtKeyRecorder) { clear(secret) }, jwtBad},
		{"RSA: rotated away", "RS256", k.rsa, jwtPublic(k.rsa), func(r *jwtKeyRecorder) { r.key = jwtPublic(k.otherRSA) }, jwtBad},
		{"RSA: overwritten in place", "RS256", k.rsa, rsaKey, func(*jwtKeyRecorder) { rsaKey.N.Set(k.otherRSA.N) }, jwtBad},
		{"ECDSA: rotated away", "ES256", k.p256, jwtPublic(k.p256), func(r *jwtKeyRecorder) { r.key = jwtPublic(k.otherP256) }, jwtBad},
		{"ECDSA: overwritten in place", "ES256", k.p256, &ecKey, func(*jwtKeyRecorder) { ecKey = k.otherP256.PublicKey }, jwtBad},
		{"EdDSA: rotated away", "EdDSA", k.ed, jwtPublic(k.ed), func(r *jwtKeyRecorder) { r.key = jwtPublic(k.otherEd) }, jwtBad},
		{"EdDSA: overwritten in place", "EdDSA", k.ed, ed, func(*jwtKeyRecorder) { copy(ed, jwtPublic(k.otherEd).(ed25519.PublicKey)) }, jwtBad},
		{"a set that lost the key", "HS256", k.secret, jwtKeySet(k.secret, k.otherSecret), func(r *jwtKeyRecorder) { r.key = jwtKeySet(k.otherSecret) }, jwtBad},
		{"a set that gained a key", "HS256", k.secret, jwtKeySet(k.secret), func(r *jwtKeyRecorder) { r.key = jwtKeySet(k.otherSecret, k.secret) }, jwtGood},
		{"an equal key", "ES256", k.p256, jwtPublic(k.p256), func(r *jwtKeyRecorder) { c := k.p256.PublicKey; r.key = &c }, jwtGood},
		{"the empty set", "HS256", k.secret, k.secret, func(r *jwtKeyRecorder) { r.key = jwtKeySet() }, jwtBad},
		{"nil", "HS256", k.secret, k.secret, func(r *jwtKeyRecorder) { r.key = nil }, jwtBad},
		{"nil RSA key", "RS256", k.rsa, jwtPublic(k.rsa), func(r *jwtKeyRecorder) { r.key = (*rsa.PublicKey)(nil) }, jwtBad},
		{"empty RSA key", "RS256", k.rsa, jwtPublic(k.rsa), func(r *jwtKeyRecorder) { r.key = &rsa.PublicKey{} }, jwtBad},
		{"nil ECDSA key", "ES256", k.p256, jwtPublic(k.p256), func(r *jwtKeyRecorder) { r.key = (*ecdsa.PublicKey)(nil) }, jwtBad},
		{"empty ECDSA key", "ES256", k.p256, jwtPublic(k.p256), func(r *jwtKeyRecorder) { r.key = &ecdsa.PublicKey{Curve: elliptic.P256()} }, jwtBad},
		{"no longer known", "HS256", k.secret, k.secret, func(r *jwtKeyRecorder) { r.err = bearer.ErrKeyNotFound }, jwtBad},
		{"out of order", "HS256", k.secret, k.secret, func(r *jwtKeyRecorder) { r.err = errors.New("offline") }, jwtNoKeys},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				guard, r := jwtCached(t, 10, func(j *bearer.JWT) { j.Algorithms = []string{row.alg} })
				r.key = row.verify
				text := jwtSigned(t, jwt.GetSigningMethod(row.alg), row.sign, jwtHeader(row.alg).String(), jwtClaims.String())
				for range 2 {
					require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
				}
				require.True(t, r.again)
				row.change(r)
				assert.Equal(t, row.want, jwtAnswer(jwtServe(guard, text)))
			})
		})
	}
}

// The cache says that a signature is good, not that a request is allowed.
func TestJWTCacheJudgesAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revoked bool
		guard, r := jwtCached(t, 10, func(j *bearer.JWT) {
			j.Session = func(_ context.Context, p *bearer.Principal) (bearer.Session, error) {
				return bearer.Session{Ended: revoked && p.Claims["jti"] == "token_1"}, nil
			}
		})
		text := jwtMinted(t, jwtClaims)
		require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
		revoked = true
		assert.Equal(t, jwtRevoked, jwtAnswer(jwtServe(guard, text)))
		assert.True(t, r.again)
		revoked = false
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
	})
	synctest.Test(t, func(t *testing.T) { // nbf: looked at before the signature
		guard, r := jwtCached(t, 10, nil)
		text := jwtMinted(t, jwtClaims.with(`"nbf":946684830`))
		require.Equal(t, jwtBad, jwtAnswer(jwtServe(guard, text)))
		time.Sleep(30*time.Second - 1)
		assert.Equal(t, jwtBad, jwtAnswer(jwtServe(guard, text)))
		assert.Equal(t, 1, r.calls, "New asked; a token that has not begun is refused for nothing")
		time.Sleep(time.Nanosecond)
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
		assert.True(t, r.again)
	})
	synctest.Test(t, func(t *testing.T) { // limits and scopes
		config := jwtConfig()
		config.Cache = 10
		guard := newGuard(t, bearer.Config{JWT: []bearer.JWT{config}, Limit: bearer.PerMinute(2)})
		text := jwtMinted(t, jwtClaims)
		_, err := guard.Check(request(http.MethodGet, "/v1/tokens", text), "tokens:write")
		assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
		assert.Equal(t, jwtLimited, jwtAnswer(jwtServe(guard, text)))
	})
}

// Of an ECDSA signature (r, s), (r, n-s) is another spelling. Neither the cache
// nor a revocation list takes it for another token.
func TestJWTCacheMalleability(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := jwtTestKeys()
		revoked := false
		guard, r := jwtCached(t, 10, func(j *bearer.JWT) {
			j.Algorithms = []string{"ES256"}
			j.Session = func(_ context.Context, p *bearer.Principal) (bearer.Session, error) {
				return bearer.Session{Ended: revoked && p.Claims["jti"] == "token_1"}, nil
			}
		})
		r.key = jwtPublic(k.p256)
		text := jwtSigned(t, jwt.SigningMethodES256, k.p256, jwtHeader("ES256").String(), jwtClaims.String())
		i := strings.LastIndexByte(text, '.') + 1
		signature, err := base64.RawURLEncoding.DecodeString(text[i:])
		require.NoError(t, err)
		s := new(big.Int).SetBytes(signature[32:])
		s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
		twin := text[:i] + base64.RawURLEncoding.EncodeToString(signature)
		require.NotEqual(t, text, twin)

		require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, twin)))
		assert.False(t, r.again, "another spelling is verified by itself")
		revoked = true
		assert.Equal(t, jwtRevoked, jwtAnswer(jwtServe(guard, text)))
		assert.Equal(t, jwtRevoked, jwtAnswer(jwtServe(guard, twin)))
	})
}

// What is remembered is found by the end of a text, and is good for that text
// alone.
func TestJWTCacheComparesTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard, r := jwtCached(t, 10, nil)
		text := jwtMinted(t, jwtClaims)
		require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
		other := map[bool]string{true: "A", false: "B"}
		for i := range len(text) {
			changed := text[:i] + other[text[i] != 'A'] + text[i+1:]
			assert.Equal(t, jwtBad, jwtAnswer(jwtServe(guard, changed)), "changed at %d", i)
		}
		for _, changed := range []string{text[1:], "e" + text, text[len(text)-32:], text[len(text)-43:]} {
			assert.Equal(t, jwtBad, jwtAnswer(jwtServe(guard, changed)))
		}
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
		assert.True(t, r.again)
	})
}

// Revalidate uses what is remembered, too.
func TestJWTCacheRevalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard, r := jwtCached(t, 10, nil)
		h := guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, seen *http.Request) {
			assert.False(t, r.again)
			assert.NoError(t, guard.Revalidate(seen))
			assert.True(t, r.again)
			r.key = jwtTestKeys().otherSecret
			assert.Error(t, guard.Revalidate(seen))
			assert.False(t, r.again)
		}))
		h.ServeHTTP(httptest.NewRecorder(), request(http.MethodGet, "/", jwtMinted(t, jwtClaims)))
		assert.Equal(t, 5, r.calls, "by New once, by the handler once, by Revalidate once and twice")
	})
}

func TestJWTCacheUnverified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard, r := jwtCached(t, 10, nil)
		text := jwtMinted(t, jwtClaims)
		r.key = jwtTestKeys().otherSecret
		for range 3 {
			assert.Equal(t, jwtBad, jwtAnswer(jwtServe(guard, text)))
			assert.False(t, r.again)
		}
		r.key = jwtTestKeys().secret
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
	})
}

func TestJWTCacheHoldsNoForgedTokens(t *testing.T) {
	config := jwtConfig()
	config.Cache = 1 << 20
	guard := jwtGuard(t, config)
	claims := jwtClaims.with(`"iat":0`, `"nbf":0`, `"exp":253402300799`)
	secret := jwtTestKeys().otherSecret
	before := heap()
	for i := range 5000 {
		payload := claims.with(fmt.Sprintf(`"sub":"user_%d"`, i)).String()
		_, err := guard.Check(request(http.MethodGet, "/v1/tokens", jwtSigned(t, jwt.SigningMethodHS256, secret, jwtHeader("HS256").String(), payload)))
		require.Equal(t, bearer.CodeUnauthorized, bearer.CodeOf(err))
	}
	assert.Less(t, heap()-before, int64(1<<20), "random tokens leave nothing behind")
	runtime.KeepAlive(guard)
}

func TestJWTCacheConcurrent(t *testing.T) {
	config := jwtConfig()
	config.Cache = 8
	config.Algorithms = []string{"HS256"}
	guard := newGuard(t, bearer.Config{JWT: []bearer.JWT{config}, Limit: bearer.Unlimited})
	texts := make([]string, 32)
	claims := jwtClaims.with(`"exp":253402300799`)
	for i := range texts {
		texts[i] = jwtMinted(t, claims.with(fmt.Sprintf(`"sub":"user_%d"`, i)))
	}
	forged := texts[0][:len(texts[0])-2] + "AA"
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 150 {
				p, err := guard.Check(request(http.MethodGet, "/v1/tokens", texts[i%len(texts)]), "tokens:read")
				if assert.NoError(t, err) {
					assert.Equal(t, fmt.Sprintf("user_%d", i%len(texts)), p.ID)
				}
				_, err = guard.Check(request(http.MethodGet, "/v1/tokens", forged))
				assert.Equal(t, bearer.CodeUnauthorized, bearer.CodeOf(err))
			}
		})
	}
	wg.Wait()
}

// An expired token is verified, and its session asked about, once in ten seconds.
func TestJWTCacheOfExpiredTokens(t *testing.T) {
	for _, row := range []struct {
		name   string
		cache  int
		leeway time.Duration
		end    int // the second after which the session has ended
		fails  int // how many times Session fails first
		asked  []int
		want   string
	}{
		{"once in ten seconds", 10, 0, 99, 0, []int{0, 10, 20}, jwtExpired},
		{"with a leeway", 10, time.Minute, 99, 0, []int{0, 10, 20}, jwtExpired},
		{"a session that ends is seen ten seconds later at most", 10, 0, 3, 0, []int{0, 10, 20}, jwtRevoked},
		{"an outage is not remembered, nor does it prolong", 10, 0, 99, 4, []int{0, 1, 2, 3, 4, 10, 20}, jwtExpired},
		{"no cache", 0, 0, 99, 0, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, jwtExpired},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked, verified []int
				second := 0
				guard, r := jwtCached(t, row.cache, func(j *bearer.JWT) {
					j.Leeway = row.leeway
					j.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
						asked = append(asked, second)
						if len(asked) <= row.fails {
							return bearer.Session{}, errors.New("offline")
						}
						return bearer.Session{Ended: second > row.end}, nil
					}
				})
				text := jwtMinted(t, jwtClaims.with(`"exp":`+jwtPast))
				var answer string
				for ; second <= 20; second++ {
					answer = jwtAnswer(jwtServe(guard, text))
					if !r.again {
						verified = append(verified, second)
					}
					time.Sleep(time.Second)
				}
				assert.Equal(t, row.want, answer)
				assert.Equal(t, row.asked, asked)
				if row.cache > 0 {
					assert.Equal(t, []int{0, 10, 20}, verified)
				}
			})
		})
	}
}

// Any number of expired tokens displace no good one, and leave little behind.
func TestJWTCacheOfExpiredTokensIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		guard, r := jwtCached(t, 4, func(j *bearer.JWT) {
			j.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
				asked++
				return bearer.Session{}, nil
			}
		})
		good := make([]string, 4)
		for i := range good {
			good[i] = jwtMinted(t, jwtClaims.with(fmt.Sprintf(`"sub":"user_%d"`, i)))
			require.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, good[i])))
		}
		expired := make([]string, 40)
		for i := range expired {
			expired[i] = jwtMinted(t, jwtClaims.with(`"exp":`+jwtPast, fmt.Sprintf(`"sub":"user_%d"`, i)))
			require.Equal(t, jwtExpired, jwtAnswer(jwtServe(guard, expired[i])))
		}
		for _, text := range good {
			assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
			assert.True(t, r.again)
		}
		asked = 0
		for _, text := range expired {
			assert.Equal(t, jwtExpired, jwtAnswer(jwtServe(guard, text)))
		}
		assert.GreaterOrEqual(t, asked, len(expired)-4, "four are remembered")
	})
}

// An expired token that is remembered is refused as bad once its key is gone.
func TestJWTCacheOfExpiredTokensSeesKeyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard, r := jwtCached(t, 10, nil)
		text := jwtMinted(t, jwtClaims.with(`"exp":`+jwtPast))
		for range 2 {
			require.Equal(t, jwtExpired, jwtAnswer(jwtServe(guard, text)))
		}
		require.True(t, r.again)
		r.key = jwtTestKeys().otherSecret
		assert.Equal(t, jwtBad, jwtAnswer(jwtServe(guard, text)))
	})
}

// What a Scopes function made of a token is remembered with its signature.
func TestJWTCacheRemembersScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		guard, _ := jwtCached(t, 10, func(j *bearer.JWT) {
			j.Scopes = func(map[string]any) (bearer.Scopes, error) {
				calls++
				return "a", nil
			}
		})
		text := jwtMinted(t, jwtClaims)
		for range 61 {
			_, err := guard.Check(request(http.MethodGet, "/", text), "a")
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		assert.Equal(t, 2, calls, "once a minute")
	})
}
