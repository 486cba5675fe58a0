package issuer

import (
	"context"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

const (
	mostTouches  = 100_000 // secrets whose uses wait to be written; of more, the uses are lost
	touchesBatch = 1000    // uses in one call of TouchKeys
)

// Touches are the secrets that were used since they were last written. The zero
// value has none.
type touches struct {
	mu   sync.Mutex
	used map[bearer.KeyHash]time.Time
}

// add notes that a secret was used.
func (t *touches) add(hash bearer.KeyHash, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(hash, at)
}

// put is add with mu held.
func (t *touches) put(hash bearer.KeyHash, at time.Time) {
	if t.used == nil {
		t.used = make(map[bearer.KeyHash]time.Time)
	}
	before, isThere := t.used[hash]
	if at.After(before) && (isThere || len(t.used) < mostTouches) {
		t.used[hash] = at
	}
}

// take takes up to a batch of uses out; nil: there are none.
func (t *touches) take() map[bearer.KeyHash]time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.used) <= touchesBatch {
		all := t.used
		t.used = nil
		return all
	}
	batch := make(map[bearer.KeyHash]time.Time, touchesBatch)
	for hash, at := range t.used {
		if len(batch) == touchesBatch {
			break
		}
		batch[hash] = at
		delete(t.used, hash)
	}
	return batch
}

// putBack puts uses back that could not be written.
func (t *touches) putBack(batch map[bearer.KeyHash]time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for hash, at := range batch {
		t.put(hash, at)
	}
}

// write writes all uses, batch by batch, until the store fails.
func (t *touches) write(ctx context.Context, store KeyStore) {
	for ctx.Err() == nil {
		batch := t.take()
		if len(batch) == 0 {
			return
		}
		if err := store.TouchKeys(ctx, batch); err != nil {
			t.putBack(batch)
			return
		}
	}
}
