package bearer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// A Timing is how long a guard took to decide on a request, and on what it
// waited: see [TimingOf].
type Timing struct {
	// Total is the time from the first check to the decision. The handler behind
	// the guard does not count, nor does the writing of a refusal.
	Total time.Duration

	// Lookup is the part of Total in which Config.Keys and JWT.Session were asked.
	// Zero: neither was, or what was asked is a MemoryStore, or a KeyCache that
	// remembered the key.
	Lookup time.Duration

	// Limiter is the part of Total in which Config.Limiter was asked. Zero: it was
	// not, or it is a Buckets.
	Limiter time.Duration

	// Source is what answered the look-ups. If there were several, by old peppers,
	// it is the greatest. Zero: nothing was looked up.
	Source Source
}

// A Source is what answered the look-up of a key or of a JWT's session. The zero
// value is none. A greater one takes longer.
type Source int

const (
	// FromMemory is a MemoryStore.
	FromMemory Source = iota + 1
	// FromCache is a KeyCache that remembered the answer: that there is no such
	// key, too. It counts for a KeyStore or a JWT.Session that passes its context on
	// to a KeyCache as it is: behind one that derives another, such as with a
	// timeout or a span, it is FromStore.
	FromCache
	// FromStore is a KeyStore or a JWT.Session that was asked, or a KeyCache that
	// asked its store or waited for who did.
	FromStore
)

// String returns "memory", "cache" or "store", and "" for the zero value.
func (s Source) String() string {
	switch s {
	case 0:
		return ""
	case FromMemory:
		return "memory"
	case FromCache:
		return "cache"
	case FromStore:
		return "store"
	default:
		return "Source(" + strconv.Itoa(int(s)) + ")"
	}
}

// TimingOf returns how long the guard took that decided on r. It is for
// Config.Observe, and handlers behind the guard may call it too. Of several
// guards, that counts whose Observe is called, or in a handler, the last one. It
// is the zero Timing if none has an Observe: only those measure.
func TimingOf(r *http.Request) Timing {
	if t, ok := r.Context().Value(timingKey{}).(*Timing); ok {
		return *t
	}
	return Timing{}
}

type timingKey struct{}

// A timed is the context of a request while a guard with an Observe decides on it,
// and afterwards. It is nil at a guard without one: then nothing is measured.
type timed struct {
	context.Context //nolint:containedctx // of the request that came in

	began  time.Time
	timing Timing

	// A KeyCache that is given this context notes how it answered. A function of the
	// application's may call it later, and in goroutines of its own.
	remembered, asked atomic.Bool
}

// newTimed begins to measure a decision.
func newTimed(ctx context.Context) *timed {
	t := &timed{Context: ctx}
	t.began = time.Now()
	return t
}

// decided ends what newTimed began.
func (t *timed) decided() { t.timing.Total = time.Since(t.began) }

// Value finds the timing.
func (t *timed) Value(key any) any {
	if key == (timingKey{}) {
		return &t.timing
	}
	return t.Context.Value(key)
}

// Format implements [fmt.Formatter], as that of an admission does.
func (t *timed) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearer.Guard context") }

// timedOf returns the timed that a context is, or nil. It looks no further, which
// would cost every request.
func timedOf(ctx context.Context) *timed {
	t, _ := ctx.(*timed)
	return t
}

// observed returns what Observe sees of a request that was refused, or checked.
func (d *decision) observed(r *http.Request) *http.Request {
	if d.timed != nil {
		return r.WithContext(d.timed)
	}
	return r
}

// now returns the clock reading that a measurement begins with.
func (t *timed) now() time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Now()
}

// limited adds a call of the limiter.
func (t *timed) limited(began time.Time) {
	if t != nil {
		t.timing.Limiter += time.Since(began)
	}
}

// askStore is the function of that name, and measures it.
func (d *decision) askStore(ctx context.Context, store KeyStore, hash KeyHash) (*Key, error) {
	if d.timed == nil {
		return askStore(ctx, store, hash)
	}
	defer d.timed.looked(time.Now())
	return askStore(d.timed, store, hash)
}

// askSession is the function of that name, and measures it.
func (d *decision) askSession(ctx context.Context, j *JWT, p *Principal) (Session, error) {
	if d.timed == nil {
		return askSession(ctx, j, p)
	}
	defer d.timed.looked(time.Now())
	return askSession(d.timed, j, p)
}

// looked adds a call of a key store, or of Session.
func (t *timed) looked(began time.Time) {
	t.timing.Lookup += time.Since(began)
	if t.remembered.Load() && !t.asked.Load() {
		t.answered(FromCache)
	} else {
		t.answered(FromStore)
	}
}

// answered notes what answered a look-up.
func (t *timed) answered(by Source) { t.timing.Source = max(t.timing.Source, by) }

// remember notes that a KeyCache answered what it remembered.
func (t *timed) remember() {
	if t != nil {
		t.remembered.Store(true)
	}
}

// ask notes that a KeyCache asked its store, or waited for who did.
func (t *timed) ask() {
	if t != nil {
		t.asked.Store(true)
	}
}
