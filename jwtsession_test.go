package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJWTSession(t *testing.T) {
	type call func(context.Context, *bearer.Principal) (bool, error)
	for _, row := range []struct {
		name    string
		revoked call
		claims  jwtMembers
		want    string
	}{
		{"not revoked", func(context.Context, *bearer.Principal) (bool, error) { return false, nil }, jwtClaims, jwtGood},
		{"revoked by its jti", func(_ context.Context, p *bearer.Principal) (bool, error) { return p.Claims["jti"] == "token_1", nil }, jwtClaims, jwtRevoked},
		{"another jti is revoked", func(_ context.Context, p *bearer.Principal) (bool, error) { return p.Claims["jti"] == "token_2", nil }, jwtClaims, jwtGood},
		{"outage", func(context.Context, *bearer.Principal) (bool, error) { return false, errors.New("offline") }, jwtClaims, jwtNoStore},
		{"revoked and outage", func(context.Context, *bearer.Principal) (bool, error) { return true, errors.New("offline") }, jwtClaims, jwtNoStore},
		{"panic", func(context.Context, *bearer.Principal) (bool, error) { panic("offline") }, jwtClaims, jwtNoStore},
		{"revoked and expired", func(context.Context, *bearer.Principal) (bool, error) { return true, nil }, jwtClaims.with(`"exp":` + jwtPast), jwtRevoked},
		{"expired", func(context.Context, *bearer.Principal) (bool, error) { return false, nil }, jwtClaims.with(`"exp":` + jwtPast), jwtExpired},
		{"not asked about bad tokens", func(context.Context, *bearer.Principal) (bool, error) { panic("asked") }, jwtClaims.with(`"aud":"other"`), jwtBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Session, config.Cache = endedBy(row.revoked), 10
				guard := jwtGuard(t, config)
				for range 2 {
					w := jwtServe(guard, jwtMinted(t, row.claims))
					assert.Equal(t, row.want, jwtAnswer(w))
					assert.NotContains(t, w.Body.String(), "offline")
				}
			})
		})
	}
}

// endedBy returns a JWT.Session that tells only whether a session has ended.
func endedBy(
	ended func(context.Context, *bearer.Principal) (bool, error),
) func(context.Context, *bearer.Principal) (bearer.Session, error) {
	return func(ctx context.Context, p *bearer.Principal) (bearer.Session, error) {
		is, err := ended(ctx, p)
		return bearer.Session{Ended: is}, err
	}
}

func TestJWTSessionSeesTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		config := jwtConfig()
		var seen any
		config.Session = func(ctx context.Context, _ *bearer.Principal) (bearer.Session, error) {
			seen = ctx.Value(key{})
			return bearer.Session{}, nil
		}
		r := request(http.MethodGet, "/v1/tokens", jwtMinted(t, jwtClaims))
		_, err := jwtGuard(t, config).Check(r.WithContext(context.WithValue(t.Context(), key{}, "request")))
		require.NoError(t, err)
		assert.Equal(t, "request", seen)
	})
}

// A token of another environment, or a read-only one at a guard for secret keys,
// is refused whatever stands behind it, so that nothing is asked.
func TestJWTSessionIsNotAskedInVain(t *testing.T) {
	for _, row := range []struct {
		name   string
		config bearer.Config
		claims jwtMembers
		asked  bool
		want   string
	}{
		{"of the environment", bearer.Config{Environment: bearer.Live}, jwtClaims.and(`"env":"live"`), true, jwtGood},
		{"of another", bearer.Config{Environment: bearer.Live}, jwtClaims.and(`"env":"test"`), false, "403 forbidden environment_mismatch"},
		{"of none", bearer.Config{Environment: bearer.Live}, jwtClaims, false, "403 forbidden environment_mismatch"},
		{"of another, and expired", bearer.Config{Environment: bearer.Live}, jwtClaims.with(`"exp":` + jwtPast), false, jwtExpired},
		{"read-only", bearer.Config{SecretOnly: true}, jwtClaims.and(`"read_only":true`), false, "403 forbidden secret_key_required"},
		{"not read-only", bearer.Config{SecretOnly: true}, jwtClaims, true, jwtGood},
		{"bad signature", bearer.Config{}, nil, false, jwtBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := false
				j := jwtConfig()
				j.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
					asked = true
					return bearer.Session{}, nil
				}
				row.config.JWT = []bearer.JWT{j}
				text := mistyped(jwtMinted(t, jwtClaims))
				if row.claims != nil {
					text = jwtMinted(t, row.claims)
				}
				assert.Equal(t, row.want, jwtAnswer(jwtServe(newGuard(t, row.config), text)))
				assert.Equal(t, row.asked, asked)
			})
		})
	}
}

// behind returns a JWT.Session that finds a key behind every token.
func behind(key *bearer.Key) func(context.Context, *bearer.Principal) (bearer.Session, error) {
	return func(context.Context, *bearer.Principal) (bearer.Session, error) {
		return bearer.Session{Key: key}, nil
	}
}

// A token that was made from a key lives and dies with it. The rows have an
// instant each for the end of the token and of the key, in seconds from now.
func TestJWTSessionKey(t *testing.T) {
	const (
		revoked     = "401 unauthorized key_revoked"
		keyExpired  = "403 key_expired " + "key_expired"
		wrongIP     = "403 ip_not_allowed " + "ip_not_allowed"
		mismatch    = "403 forbidden environment_mismatch"
		needsSecret = "403 forbidden secret_key_required"
	)
	in := func(seconds int) time.Time { return time.Unix(946684800+int64(seconds), 0) }
	exp := func(seconds int) jwtMembers { return jwtClaims.with(fmt.Sprintf(`"exp":%d`, 946684800+seconds)) }
	good := bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: "*"}
	with := func(change func(*bearer.Key)) bearer.Key {
		key := good
		change(&key)
		return key
	}
	for _, row := range []struct {
		name   string
		config bearer.Config
		key    bearer.Key
		claims jwtMembers
		want   string
	}{
		{"good", bearer.Config{}, good, jwtClaims, jwtGood},
		{"revoked", bearer.Config{}, with(func(k *bearer.Key) { k.RevokedAt = in(-1) }), jwtClaims, revoked},
		{"revoked from the future on", bearer.Config{}, with(func(k *bearer.Key) { k.RevokedAt = in(9) }), jwtClaims, revoked},
		{"ended", bearer.Config{}, with(func(k *bearer.Key) { k.EndsAt = in(0) }), jwtClaims, revoked},
		{"not ended yet", bearer.Config{}, with(func(k *bearer.Key) { k.EndsAt = in(1) }), jwtClaims, jwtGood},
		{"expired", bearer.Config{}, with(func(k *bearer.Key) { k.ExpiresAt = in(0) }), jwtClaims, keyExpired},
		{"not expired yet", bearer.Config{}, with(func(k *bearer.Key) { k.ExpiresAt = in(1) }), jwtClaims, jwtGood},
		{"the token has expired", bearer.Config{}, good, exp(0), jwtExpired},
		{"the token has expired, and the key is revoked", bearer.Config{}, with(func(k *bearer.Key) { k.RevokedAt = in(-1) }), exp(0), revoked},
		{"the token has expired, and the key has ended", bearer.Config{}, with(func(k *bearer.Key) { k.EndsAt = in(0) }), exp(0), revoked},
		{"both expire at once", bearer.Config{}, with(func(k *bearer.Key) { k.ExpiresAt = in(0) }), exp(0), jwtExpired},
		{"the key expired first", bearer.Config{}, with(func(k *bearer.Key) { k.ExpiresAt = in(-9) }), exp(0), jwtExpired},
		{"the token has expired, at the wrong address", bearer.Config{}, with(func(k *bearer.Key) { k.AllowedIPs = prefixes("10.0.0.0/8") }), exp(0), jwtExpired},
		{"from an address of the key", bearer.Config{}, with(func(k *bearer.Key) { k.AllowedIPs = prefixes("192.0.2.0/24") }), jwtClaims, jwtGood},
		{"from another address", bearer.Config{}, with(func(k *bearer.Key) { k.AllowedIPs = prefixes("10.0.0.0/8") }), jwtClaims, wrongIP},
		{"a publishable key reads", bearer.Config{}, with(func(k *bearer.Key) { k.Kind = bearer.PublishableKey }), jwtClaims, jwtGood},
		{"a publishable key at a guard for secret keys", bearer.Config{SecretOnly: true}, with(func(k *bearer.Key) { k.Kind = bearer.PublishableKey }), jwtClaims, needsSecret},
		{"no kind", bearer.Config{}, with(func(k *bearer.Key) { k.Kind = 0 }), jwtClaims, jwtNoStore},
		{"the kind of a token", bearer.Config{}, with(func(k *bearer.Key) { k.Kind = bearer.Token }), jwtClaims, jwtNoStore},
		{"no such kind", bearer.Config{}, with(func(k *bearer.Key) { k.Kind = 9 }), jwtClaims, jwtNoStore},
		{"of the guard's environment", bearer.Config{Environment: bearer.Live}, with(func(k *bearer.Key) { k.Environment = bearer.Live }), jwtClaims.and(`"env":"live"`), jwtGood},
		{"of another environment than its token", bearer.Config{Environment: bearer.Live}, with(func(k *bearer.Key) { k.Environment = bearer.Test }), jwtClaims.and(`"env":"live"`), mismatch},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := jwtConfig()
				j.Session, j.Cache = behind(&row.key), 10
				row.config.JWT = []bearer.JWT{j}
				guard := newGuard(t, row.config)
				for range 2 {
					text := jwtMinted(t, row.claims)
					assert.Equal(t, row.want, jwtAnswer(jwtServe(guard, text)))
					_, err := guard.Check(request(http.MethodGet, "/", text))
					var refused *bearer.Error
					if errors.As(err, &refused) {
						assert.Equal(t, "user_1", refused.ID, "the subject, also where the key is at fault")
					}
				}
			})
		})
	}
}

// A Session that takes long does not let a token outlive its exp.
func TestJWTSessionThatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := jwtConfig()
		key := bearer.Key{ID: "key_1", Kind: bearer.SecretKey, ExpiresAt: time.Unix(946684801, 0)}
		j.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
			time.Sleep(time.Second)
			return bearer.Session{Key: &key}, nil
		}
		guard := jwtGuard(t, j)
		assert.Equal(t, jwtExpired, jwtAnswer(jwtServe(guard, jwtMinted(t, jwtClaims.with(`"exp":946684801`)))))
	})
	synctest.Test(t, func(t *testing.T) { // made from no key, and remembered
		took := time.Duration(0)
		guard, r := jwtCached(t, 10, func(j *bearer.JWT) {
			j.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
				time.Sleep(took)
				return bearer.Session{}, nil
			}
		})
		text := jwtMinted(t, jwtClaims.with(`"exp":946684801`))
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
		took = time.Second
		assert.Equal(t, jwtExpired, jwtAnswer(jwtServe(guard, text)))
		assert.True(t, r.again)
	})
}

// A token holds what both it and its key hold.
func TestJWTSessionKeyScopes(t *testing.T) {
	for _, row := range []struct {
		token    bearer.Scopes
		key      bearer.Scopes
		kind     bearer.Kind
		readOnly bool // by the token's claim
		want     bearer.Scopes
	}{
		{"a b", "a b", bearer.SecretKey, false, "a b"},
		{"a b", "b a", bearer.SecretKey, false, "a b"},
		{"a b", "b c", bearer.SecretKey, false, "b"},
		{"a", "b", bearer.SecretKey, false, ""},
		{"a", "", bearer.SecretKey, false, ""},
		{"", "*", bearer.SecretKey, false, ""},
		{"*", "a b", bearer.SecretKey, false, "a b"},
		{"a b", "*", bearer.SecretKey, false, "a b"},
		{"*", "*", bearer.SecretKey, false, "*"},
		{"* a", "* b", bearer.SecretKey, false, "* a b"},
		{"tokens:*", "tokens:read", bearer.SecretKey, false, "tokens:read"},
		{"tokens:read", "tokens:*", bearer.SecretKey, false, "tokens:read"},
		{"tokens:*", "tokens:*", bearer.SecretKey, false, "tokens:*"},
		{"tokens:*", "*", bearer.SecretKey, false, "tokens:*"},
		{"*", "tokens:* a", bearer.SecretKey, false, "tokens:* a"},
		{"tokens:*", "wallets:* wallets:read tokens", bearer.SecretKey, false, ""},
		{"tokens:a:*", "tokens:*", bearer.SecretKey, false, "tokens:a:*"},
		{"tokens:* a", "tokens:read b a", bearer.SecretKey, false, "a tokens:read"},
		{"tokens:* tokens:read", "tokens:read", bearer.SecretKey, false, "tokens:read"},
		{"*", "a:read a:write", bearer.PublishableKey, false, "a:read"},
		{"a:write b", "*", bearer.PublishableKey, false, "b"},
		{"*", "a:read a:write", bearer.SecretKey, true, "a:read"},
		{"a:*", "*", bearer.PublishableKey, false, "a:*"},
	} {
		synctest.Test(t, func(t *testing.T) {
			name := fmt.Sprintf("%q with %q", row.token, row.key)
			j := jwtConfig()
			key := bearer.Key{ID: "key_1", Kind: row.kind, Scopes: row.key, Owner: "acme", Environment: bearer.Live}
			before := key
			var asked *bearer.Principal
			j.Session, j.Cache = func(_ context.Context, p *bearer.Principal) (bearer.Session, error) {
				asked = p
				return bearer.Session{Key: &key}, nil
			}, 10
			guard := jwtGuard(t, j)
			text := jwtMinted(t, jwtClaims.with(`"scope":"`+string(row.token)+`"`).and(fmt.Sprintf(`"read_only":%t`, row.readOnly)))
			for range 2 {
				p, err := guard.Check(request(http.MethodGet, "/", text))
				require.NoError(t, err)
				assert.Equal(t, row.want, p.Scopes, name)
				readOnly := row.readOnly || row.kind == bearer.PublishableKey
				assert.Equal(t, readOnly, p.ReadOnly, name)
				assert.False(t, readOnly && p.Holds("a:write"), name)
				assert.Equal(t, bearer.Token, p.Kind)
				assert.Nil(t, p.Key)
				assert.Equal(t, []string{"user_1", "user_1"}, []string{p.ID, p.Owner})
				assert.NotSame(t, asked, p)
				assert.Equal(t, row.readOnly, asked.ReadOnly, "what is remembered is as it was")
			}
			assert.Equal(t, before, key)
		})
	}
}

// A token that was made from a key takes from the bucket of the key, by its limit.
func TestJWTSessionKeyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keyText, key := newKey(bearer.SecretKey, bearer.Live, named("key_1"), func(k *bearer.Key) { k.Limit = bearer.PerMinute(3) })
		j := jwtConfig()
		j.Session = behind(&key)
		guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), JWT: []bearer.JWT{j}})
		one, two := jwtMinted(t, jwtClaims), jwtMinted(t, jwtClaims.with(`"sub":"user_2"`))
		for i, credential := range []string{keyText, one, two, keyText, one, two} {
			want := "passed"
			if i > 2 {
				want = "429 rate_limit_exceeded"
			}
			assert.Equal(t, want, verdict(get(guard.Handler(pass), credential)), i)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a key without a limit has the guard's
		var seen []bearer.Bucket
		j := jwtConfig()
		j.Session = behind(&bearer.Key{ID: "key_1", Kind: bearer.SecretKey})
		guard := newGuard(t, bearer.Config{
			JWT: []bearer.JWT{j}, Limit: bearer.PerSecond(7),
			Limiter: limiterFunc(func(b bearer.Bucket, _ int, l bearer.Limit) (bearer.Usage, error) {
				assert.Equal(t, bearer.PerSecond(7), l)
				seen = append(seen, b)
				return bearer.Usage{Allowed: true}, nil
			}),
		})
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, jwtMinted(t, jwtClaims))))
		assert.Equal(t, []bearer.Bucket{{Policy: "default", Class: "key", ID: "key_1"}}, seen)
	})
}

// A publishable key's token does not write, though it does not say so itself.
func TestJWTSessionKeyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := jwtConfig()
		j.Session = behind(&bearer.Key{ID: "key_1", Kind: bearer.PublishableKey, Scopes: "*"})
		guard := jwtGuard(t, j)
		text := jwtMinted(t, jwtClaims.with(`"scope":"*"`))
		assert.Equal(t, "passed", verdict(serve(guard.Resource("tokens")(pass), request(http.MethodGet, "/", text))))
		for _, h := range []http.Handler{guard.Resource("tokens")(pass), guard.Handler(pass)} {
			assert.Equal(t, "403 secret_key_required", verdict(serve(h, request(http.MethodPost, "/", text))))
		}
	})
}

// The ID of a refusal is the subject, once the signature is good.
func TestJWTRefusalsNameTheSubject(t *testing.T) {
	ended := func(context.Context, *bearer.Principal) (bearer.Session, error) {
		return bearer.Session{Ended: true}, nil
	}
	offline := func(context.Context, *bearer.Principal) (bearer.Session, error) { return bearer.Session{}, errDatabase }
	for _, row := range []struct {
		name    string
		session func(context.Context, *bearer.Principal) (bearer.Session, error)
		env     bearer.Environment
		claims  jwtMembers
		edit    func(string) string
		want    string
	}{
		{"expired", nil, 0, jwtClaims.with(`"exp":1`), nil, "user_1"},
		{"ended", ended, 0, jwtClaims, nil, "user_1"},
		{"outage", offline, 0, jwtClaims, nil, "user_1"},
		{"of another environment", nil, bearer.Live, jwtClaims, nil, "user_1"},
		{"not signed", nil, 0, jwtClaims, mistyped, ""},
		{"for another audience", nil, 0, jwtClaims.with(`"aud":"x"`), nil, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			j := jwtConfig()
			j.Session = row.session
			text := jwtMinted(t, row.claims)
			if row.edit != nil {
				text = row.edit(text)
			}
			_, err := newGuard(t, bearer.Config{JWT: []bearer.JWT{j}, Environment: row.env}).Check(request(http.MethodGet, "/", text))
			var refused *bearer.Error
			if assert.ErrorAs(t, err, &refused, row.name) {
				assert.Equal(t, row.want, refused.ID, row.name)
			}
		})
	}
}

// A token that is remembered is bound by what its key is at each request, also if
// that is changed in place and changed back.
func TestJWTSessionKeyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var key bearer.Key
		guard, r := jwtCached(t, 10, func(j *bearer.JWT) { j.Session = behind(&key) })
		text := jwtMinted(t, jwtClaims.with(`"scope":"a:read a:write b"`))
		good := bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: "a:read a:write"}
		with := func(change func(*bearer.Key)) bearer.Key {
			key := good
			change(&key)
			return key
		}
		for _, row := range []struct {
			name string
			key  bearer.Key
			want bearer.Scopes
			code bearer.Code // of the refusal
		}{
			{"at first", good, "a:read a:write", ""},
			{"fewer scopes", with(func(k *bearer.Key) { k.Scopes = "a:read" }), "a:read", ""},
			{"no scopes", with(func(k *bearer.Key) { k.Scopes = "" }), "", ""},
			{"all scopes", with(func(k *bearer.Key) { k.Scopes = "*" }), "a:read a:write b", ""},
			{"read-only", with(func(k *bearer.Key) { k.Kind = bearer.PublishableKey }), "a:read", ""},
			{"of no kind", with(func(k *bearer.Key) { k.Kind = 0 }), "", bearer.CodeServiceUnavailable},
			{"another key", with(func(k *bearer.Key) { k.ID = "key_2" }), "a:read a:write", ""},
			{"revoked", with(func(k *bearer.Key) { k.RevokedAt = time.Unix(1, 0) }), "", bearer.CodeUnauthorized},
			{"as at first", good, "a:read a:write", ""},
		} {
			key = row.key
			p, err := guard.Check(request(http.MethodGet, "/", text))
			if row.code != "" {
				assert.Equal(t, row.code, bearer.CodeOf(err), row.name)
				continue
			}
			require.NoError(t, err, row.name)
			assert.Equal(t, row.want, p.Scopes, row.name)
			assert.Equal(t, row.key.Kind == bearer.PublishableKey, p.ReadOnly, row.name)
		}
		assert.True(t, r.again, "the signature was remembered")
	})
}

// While what binds it does not change, a token that is remembered has one principal.
func TestJWTSessionKeyUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: "a b"}
		guard, _ := jwtCached(t, 10, func(j *bearer.JWT) { j.Session = behind(&key) })
		text := jwtMinted(t, jwtClaims.with(`"scope":"b c"`))
		first, err := guard.Check(request(http.MethodGet, "/", text))
		require.NoError(t, err)
		second, err := guard.Check(request(http.MethodGet, "/", text))
		require.NoError(t, err)
		assert.Same(t, first, second)
	})
}
