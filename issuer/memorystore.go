package issuer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A MemoryStore is a [Store] in memory, the embedded default: it forgets all at
// the end of the process. It is a [Watcher], a [Sweeper] and a [PasswordStore]
// too. Make one with [NewMemoryStore]. It may be shared by several issuers, and is
// safe for concurrent use.
//
// A key takes about 0.7 KB, and a session about 1.2 KB, 0.3 KB of which are its
// Payload. Sessions that ended go when [MemoryStore.Sweep] is called, as
// [Issuer.Run] does.
type MemoryStore struct {
	keys     keyTable
	clients  clientTable
	sessions sessionTable
	users    userTable

	mu      sync.Mutex // guards changes to caches
	watched atomic.Pointer[[]*Cache]
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	m := &MemoryStore{}
	m.keys.init()
	m.clients.init()
	m.sessions.init()
	m.users.init()
	return m
}

// String returns a text without anything that is stored.
func (m *MemoryStore) String() string { return "issuer.MemoryStore" }

// Format implements [fmt.Formatter]: no verb shows what is stored.
func (m *MemoryStore) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, m.String()) }

// LogValue implements [slog.LogValuer].
func (m *MemoryStore) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Watch implements [Watcher]: it tells the cache of each change that is made
// through the store, before the call that made it returns. It never fails.
func (m *MemoryStore) Watch(ctx context.Context, cache Cache) error {
	watcher := &cache
	m.setWatched(func(list []*Cache) []*Cache { return append(list, watcher) })
	cache.Resume() // what changed until now was not told
	<-ctx.Done()
	m.setWatched(func(list []*Cache) []*Cache {
		return slices.DeleteFunc(list, func(c *Cache) bool { return c == watcher })
	})
	return nil
}

// setWatched changes a copy of the list of caches: readers take no lock.
func (m *MemoryStore) setWatched(change func([]*Cache) []*Cache) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*Cache
	if old := m.watched.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = change(list)
	m.watched.Store(&list)
}

// tell tells all caches of changes. No lock is held: a cache may call the store.
func (m *MemoryStore) tell(changes ...Change) {
	list := m.watched.Load()
	if list == nil {
		return
	}
	for _, cache := range *list {
		for _, c := range changes {
			(*cache).Forget(c)
		}
	}
}

// Sweep implements [Sweeper].
func (m *MemoryStore) Sweep(_ context.Context, before time.Time, limit int) (int, error) {
	return m.sessions.sweep(before, limit), nil
}
