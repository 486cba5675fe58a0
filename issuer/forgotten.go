package issuer

import (
	"sync"
	"sync/atomic"
	"time"
)

// Forgotten says which subjects were forgotten, and when: in moments, which are
// counted. A cache finds sessions by their IDs alone, so that those of a subject
// are not removed from it, but not used any more.
//
// Say that moment 7 is now. A look-up of a session of user:42 begins and notes 7.
// Meanwhile user:42 is forgotten: that is moment 8. What the look-up finds is from
// before, since 7 is less than 8, and is not used. The next one notes 8, and is.
type forgotten struct {
	moment   atomic.Uint64
	floor    atomic.Uint64 // what began before it is not used, whatever its subject
	subjects sync.Map      // string → uint64

	mu    sync.Mutex // held to forget
	queue []forgetting
}

// A forgetting is one subject that was forgotten.
type forgetting struct {
	subject string
	moment  uint64
	at      time.Time
}

// forget makes all be stale that is known of a subject. It drops what has become
// too old to matter: what began before that is remembered no more.
func (f *forgotten) forget(subject string, ttl time.Duration) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	moment := f.moment.Add(1)
	f.subjects.Store(subject, moment)
	f.queue = append(f.queue, forgetting{subject, moment, now})
	for len(f.queue) > mostRemembered || now.Sub(f.queue[0].at) > ttl {
		oldest := f.queue[0]
		f.floor.Store(oldest.moment)
		f.subjects.CompareAndDelete(oldest.subject, oldest.moment)
		f.queue = f.queue[1:]
	}
}

// isStale reports whether a session was read before its subject was forgotten.
func (f *forgotten) isStale(o *opening) bool {
	if o.began == f.moment.Load() {
		return false
	}
	moment, _ := f.subjects.Load(o.name)
	at, _ := moment.(uint64)
	return o.began < max(at, f.floor.Load()) // the floor last: forget raises it before it drops a subject
}
