package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
)

// A watchedStore hands the caches that watch it to the test.
type watchedStore struct {
	issuer.Store
	watch func(context.Context, issuer.Cache) error
}

func (w *watchedStore) Watch(ctx context.Context, c issuer.Cache) error { return w.watch(ctx, c) }

// cache runs the issuer until the test ends, and returns its cache.
func (s *signed) cache(change func(*issuer.Config)) (*issuer.Issuer, issuer.Cache) {
	s.t.Helper()
	caches := make(chan issuer.Cache, 1)
	store := s.config.Store
	s.config.Store = &watchedStore{store, func(ctx context.Context, c issuer.Cache) error {
		caches <- c
		<-ctx.Done()
		return nil
	}}
	defer func() { s.config.Store = store }()
	if change != nil {
		change(&s.config)
	}
	iss := s.issuer()
	s.run(iss)
	return iss, <-caches
}

// run runs an issuer until the test ends.
func (s *signed) run(iss *issuer.Issuer) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- iss.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(s.t, <-done)
	})
	s.t.Cleanup(stop)
	return stop
}

// What a change names is asked for again, and nothing else is (S1.8, S3.5).
func TestForget(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(key issuer.APIKey, session issuer.Session) issuer.Change
		open   func(s *signed, key issuer.APIKey) (string, issuer.Session)
		asked  string
	}{
		{"a key", func(k issuer.APIKey, _ issuer.Session) issuer.Change { return issuer.Change{Key: k.Secrets[0].Hash} }, nil, "KeyByHash"},
		{"another key", func(issuer.APIKey, issuer.Session) issuer.Change { return issuer.Change{Key: hashOf("another")} }, nil, ""},
		{"a session", func(_ issuer.APIKey, x issuer.Session) issuer.Change { return issuer.Change{Session: x.ID} }, nil, "GetSession"},
		{"another session", func(_ issuer.APIKey, x issuer.Session) issuer.Change { return issuer.Change{Session: x.ID + "x"} }, nil, ""},
		{"a session ID of 33 bytes", func(issuer.APIKey, issuer.Session) issuer.Change {
			return issuer.Change{Session: strings.Repeat("x", 33)}
		}, nil, ""},
		{"a subject", func(_ issuer.APIKey, x issuer.Session) issuer.Change { return issuer.Change{Subject: x.Subject} }, nil, "GetSession"},
		{"another subject", func(_ issuer.APIKey, x issuer.Session) issuer.Change {
			return issuer.Change{Subject: x.Subject + "x"}
		}, nil, ""},
		{"a client", func(issuer.APIKey, issuer.Session) issuer.Change { return issuer.Change{Client: "c"} },
			func(s *signed, _ issuer.APIKey) (string, issuer.Session) {
				s.client(issuer.Client{ID: "c", Secrets: []issuer.Secret{{Hash: hashOf("a")}}})
				return s.session("client:c", func(x *issuer.Session) { x.SecretHash = hashOf("a") })
			}, "GetSession FindClient c"},
		{"a credential", func(issuer.APIKey, issuer.Session) issuer.Change { return issuer.Change{Client: "c"} },
			func(s *signed, _ issuer.APIKey) (string, issuer.Session) {
				s.client(issuer.Client{ID: "c", Credential: true})
				return s.session("credential:c", nil)
			}, "GetSession FindClient c"},
		{"another client", func(issuer.APIKey, issuer.Session) issuer.Change { return issuer.Change{Client: "d"} }, nil, ""},
		{"nothing", func(issuer.APIKey, issuer.Session) issuer.Change { return issuer.Change{} }, nil, ""},
	} {
		s := newSigned(t)
		var asked []string
		s.config.Store = &brokenStore{MemoryStore: s.store, before: func(_ context.Context, call string) error {
			asked = append(asked, call)
			return nil
		}}
		iss, cache := s.cache(nil)
		guard := s.tokens(iss)
		_, key := s.key(nil)
		if row.open == nil {
			row.open = func(s *signed, key issuer.APIKey) (string, issuer.Session) {
				return s.session("key:"+key.ID, func(x *issuer.Session) { x.SecretHash = key.Secrets[0].Hash })
			}
		}
		text, session := row.open(s, key)
		require.Equal(t, "ok", guard(text), row.name)
		asked = nil
		require.Equal(t, "ok", guard(text), row.name)
		require.Empty(t, asked, "%s: all is remembered", row.name)
		cache.Forget(row.change(key, session))
		assert.Equal(t, "ok", guard(text), row.name)
		assert.Equal(t, row.asked, strings.Join(asked, " "), row.name)
		asked = nil
		assert.Equal(t, "ok", guard(text), row.name)
		assert.Empty(t, asked, "%s: it is remembered again", row.name)
	}
}

// A look-up that began before Forget answers no request that comes after it.
func TestForgetDuringALookUp(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(issuer.Session) issuer.Change
	}{
		{"the session", func(x issuer.Session) issuer.Change { return issuer.Change{Session: x.ID} }},
		{"its subject", func(x issuer.Session) issuer.Change { return issuer.Change{Subject: x.Subject} }},
		{"its client", func(issuer.Session) issuer.Change { return issuer.Change{Client: "c"} }},
		{"its key", func(x issuer.Session) issuer.Change { return issuer.Change{Key: x.SecretHash} }},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSigned(t)
			var slow atomic.Bool
			slow.Store(true)
			wait := func(context.Context, string) error {
				if slow.CompareAndSwap(true, false) {
					time.Sleep(time.Second)
				}
				return nil
			}
			s.config.Store = &brokenStore{MemoryStore: s.store, after: wait}
			iss, cache := s.cache(nil)
			guard := s.tokens(iss)
			text, session, end := s.endable(row.name == "its client", row.name == "its key")
			if row.name == "its key" { // the session is known: the look-up is that of the key
				slow.Store(false)
				require.Equal(t, "ok", guard(text))
				cache.Forget(row.change(session))
				slow.Store(true)
			}
			answers := make(chan string, 1)
			go func() { answers <- guard(text) }()
			time.Sleep(time.Second / 2) // the store has been read
			end()
			cache.Forget(row.change(session))
			assert.Contains(t, []string{"token_revoked", "key_revoked"}, guard(text), row.name)
			<-answers // either: it began before
			assert.Contains(t, []string{"token_revoked", "key_revoked"}, guard(text), row.name)
		})
	}
}

// endable opens a session, and returns how what opened it ends.
func (s *signed) endable(ofClient, ofKey bool) (text string, session issuer.Session, end func()) {
	ctx := s.t.Context()
	switch {
	case ofClient:
		client := s.client(issuer.Client{ID: "c", Credential: true})
		text, session = s.session("credential:c", nil)
		return text, session, func() {
			client.DeletedAt = time.Now()
			assert.NoError(s.t, s.store.ReplaceClient(ctx, client))
		}
	case ofKey:
		_, key := s.key(nil)
		text, session = s.session("key:"+key.ID, func(x *issuer.Session) { x.SecretHash = key.Secrets[0].Hash })
		return text, session, func() {
			key.RevokedAt = time.Now()
			assert.NoError(s.t, s.store.ReplaceKey(ctx, key))
		}
	}
	text, session = s.session("user:42", nil)
	return text, session, func() { assert.NoError(s.t, s.store.EndSessions(ctx, session.Subject, "")) }
}

// Without the news of changes, the bound is CacheTTL: 30 seconds if the config does
// not say. With them, and without a cache, it is the very next request (S1.8).
func TestReplicasMissChangesForCacheTTLAtMost(t *testing.T) {
	for _, row := range []struct {
		name  string
		ttl   time.Duration
		runs  bool
		bound time.Duration
	}{
		{"by default", 0, false, 30 * time.Second},
		{"30 seconds", 30 * time.Second, false, 30 * time.Second},
		{"a minute", time.Minute, false, time.Minute},
		{"no cache", -1, false, 0},
		{"news of changes", 30 * time.Second, true, 0},
	} {
		for _, kind := range []string{"user", "client", "key", "key alone"} {
			name := row.name + ", " + kind
			synctest.Test(t, func(t *testing.T) {
				s := newSigned(t)
				s.config.CacheTTL = row.ttl
				one, two := s.issuer(), s.issuer()
				if row.runs {
					s.run(one)
					s.run(two)
					synctest.Wait()
				}
				text, _, end := s.endable(kind == "client", kind == "key")
				guards := []ask{s.tokens(one), s.tokens(two)}
				if kind == "key alone" {
					var key issuer.APIKey
					text, key = s.key(nil)
					guards = []ask{s.keys(one), s.keys(two)}
					end = func() {
						key.RevokedAt = time.Now()
						assert.NoError(t, s.store.ReplaceKey(t.Context(), key))
					}
				}
				for _, guard := range guards {
					require.Equal(t, "ok", guard(text), name)
				}
				end()
				for _, guard := range guards {
					if row.bound > 0 {
						assert.Equal(t, "ok", guard(text), name)
					}
				}
				time.Sleep(max(row.bound-time.Nanosecond, 0))
				for _, guard := range guards {
					assert.Equal(t, row.bound > 0, guard(text) == "ok", name)
				}
				time.Sleep(min(row.bound, time.Nanosecond))
				for _, guard := range guards {
					assert.Contains(t, []string{"token_revoked", "key_revoked"}, guard(text), name)
				}
			})
		}
	}
}

// A subject that is forgotten stays so for every session that was read before, also
// when it is forgotten again and again, and for no other subject.
func TestForgetSubjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigned(t)
		var asked int
		s.config.Store = &brokenStore{MemoryStore: s.store, before: func(context.Context, string) error {
			asked++
			return nil
		}}
		iss, cache := s.cache(nil)
		guard := s.tokens(iss)
		var texts []string
		for n := range 3 {
			texts = append(texts, first(s.session("user:42", nil)))
			texts = append(texts, first(s.session(fmt.Sprintf("user:%d", n), nil)))
		}
		askAll := func() int {
			asked = 0
			for _, text := range texts {
				require.Equal(t, "ok", guard(text))
			}
			return asked
		}
		assert.Equal(t, 6, askAll())
		assert.Equal(t, 0, askAll())
		for range 3 {
			cache.Forget(issuer.Change{Subject: "user:42"})
			cache.Forget(issuer.Change{Subject: "user:42"})
			assert.Equal(t, 3, askAll(), "those of user:42")
			assert.Equal(t, 0, askAll())
			time.Sleep(9 * time.Second)
		}
		time.Sleep(time.Hour / 2)
		assert.Equal(t, 6, askAll(), "all are too old")
		cache.Forget(issuer.Change{Subject: "user:0"}) // what was forgotten half an hour ago goes
		assert.Equal(t, 1, askAll())
		cache.ForgetAll()
		assert.Equal(t, 6, askAll())
	})
}

// While the feed is lost, each request asks the store; what was remembered before
// is not used after it (Fleet).
func TestSuspend(t *testing.T) {
	s := newSigned(t)
	var asked []string
	s.config.Store = &brokenStore{MemoryStore: s.store, before: func(_ context.Context, call string) error {
		asked = append(asked, call)
		return nil
	}}
	iss, cache := s.cache(nil)
	guard, text := s.tokens(iss), s.keySession(nil, nil)
	calls := func() int {
		asked = nil
		require.Equal(t, "ok", guard(text))
		return len(asked)
	}
	assert.Equal(t, 2, calls())
	assert.Equal(t, 0, calls())
	assert.NoError(t, iss.Healthy())
	cache.Suspend()
	assert.Error(t, iss.Healthy())
	assert.Equal(t, 2, calls())
	assert.Equal(t, 2, calls())
	cache.Forget(issuer.Change{Subject: "key:x"})
	cache.ForgetAll()
	assert.Equal(t, 2, calls())
	cache.Resume()
	assert.NoError(t, iss.Healthy())
	assert.Equal(t, 2, calls())
	assert.Equal(t, 0, calls())
	cache.Resume()
	assert.Equal(t, 2, calls(), "the feed has begun: what was remembered before is not used")
	assert.Equal(t, 0, calls())
}

// 64 goroutines ask for one session while its subject is forgotten and ended: once
// EndSessions and Forget have returned, no request is let through.
func TestForgetConcurrently(t *testing.T) {
	s := newSigned(t)
	iss, cache := s.cache(nil)
	guard := s.tokens(iss)
	for range 20 {
		text, session := s.session("user:42", nil)
		var isOver atomic.Bool
		var asking sync.WaitGroup
		stop := make(chan struct{})
		for range 64 {
			asking.Go(func() {
				for {
					over := isOver.Load()
					answer := guard(text)
					if over {
						assert.Equal(t, "token_revoked", answer)
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		for range 20 {
			cache.Forget(issuer.Change{Subject: session.Subject})
		}
		assert.NoError(t, s.store.EndSessions(t.Context(), session.Subject, ""))
		cache.Forget(issuer.Change{Subject: session.Subject})
		isOver.Store(true)
		assert.Equal(t, "token_revoked", guard(text))
		close(stop)
		asking.Wait()
	}
}

// A store that fails while a session is remembered does no harm, and is 503 once it
// is not.
func TestStoreFailsBehindTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigned(t)
		fails := false
		s.config.Store = &brokenStore{MemoryStore: s.store, before: func(context.Context, string) error {
			if fails {
				return errors.New("down")
			}
			return nil
		}}
		guard, text := s.tokens(s.issuer()), s.keySession(nil, nil)
		require.Equal(t, "ok", guard(text))
		fails = true
		time.Sleep(30*time.Second - 1)
		assert.Equal(t, "ok", guard(text))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, "store_unavailable", guard(text))
		fails = false
		assert.Equal(t, "ok", guard(text))
	})
}
