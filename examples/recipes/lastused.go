package recipes

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// A LastUsed notes when each key was last used, and writes that down now and
// then. Its zero value works.
type LastUsed struct {
	mu   sync.Mutex
	seen map[string]time.Time // by ID
}

// Observe is a Config.Observe.
func (l *LastUsed) Observe(_ *http.Request, p *bearer.Principal, e *bearer.Error) {
	if e != nil || p == nil || p.Key == nil {
		return // only keys that were let through, so that no others fill memory
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = make(map[string]time.Time)
	}
	l.seen[p.ID] = time.Now()
}

// Run writes until ctx is done, and then once more.
func (l *LastUsed) Run(ctx context.Context, every time.Duration, write func(map[string]time.Time) error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			l.flush(write)
			return
		case <-ticker.C:
			l.flush(write)
		}
	}
}

func (l *LastUsed) flush(write func(map[string]time.Time) error) {
	l.mu.Lock()
	batch := l.seen
	l.seen = nil
	l.mu.Unlock()
	if len(batch) == 0 || write(batch) == nil {
		return
	}
	l.mu.Lock() // for the next time, with what was seen meanwhile
	defer l.mu.Unlock()
	maps.Copy(batch, l.seen)
	l.seen = batch
}
