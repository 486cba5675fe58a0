package issuer

import (
	"context"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

const (
	maxUses   = 100_000 // secrets whose uses wait to be written; of more, the uses are lost
	usesBatch = 1000    // uses in one call of TouchKeys
)

// The lastUses are when secrets were used since they were last written. The zero
// value has none.
type lastUses struct {
	mu   sync.Mutex
	used map[bearer.KeyHash]time.Time
}

// add notes that a secret was used.
func (l *lastUses) add(hash bearer.KeyHash, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(hash, at.Truncate(time.Microsecond)) // as all times that are stored
}

// put is add with mu held.
func (l *lastUses) put(hash bearer.KeyHash, at time.Time) {
	if l.used == nil {
		l.used = make(map[bearer.KeyHash]time.Time)
	}
	before, isThere := l.used[hash]
	if at.After(before) && (isThere || len(l.used) < maxUses) {
		l.used[hash] = at
	}
}

// nextBatch takes out up to a batch of uses; nil: there are none.
func (l *lastUses) nextBatch() map[bearer.KeyHash]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.used) <= usesBatch {
		all := l.used
		l.used = nil
		return all
	}
	batch := make(map[bearer.KeyHash]time.Time, usesBatch)
	for hash, at := range l.used {
		if len(batch) == usesBatch {
			break
		}
		batch[hash] = at
		delete(l.used, hash)
	}
	return batch
}

// putBack puts uses back that could not be written.
func (l *lastUses) putBack(batch map[bearer.KeyHash]time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for hash, at := range batch {
		l.put(hash, at)
	}
}

// write writes all uses, batch by batch, until the store fails.
func (l *lastUses) write(ctx context.Context, store KeyStore) {
	for ctx.Err() == nil {
		batch := l.nextBatch()
		if len(batch) == 0 {
			return
		}
		if err := store.TouchKeys(ctx, batch); err != nil {
			l.putBack(batch)
			return
		}
	}
}
