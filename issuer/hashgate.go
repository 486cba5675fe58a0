package issuer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/blockauth/bearer"
)

// ourParams are those of new hashes: the second choice of OWASP's cheat sheet on
// password storage, 19 MiB and two passes.
var ourParams = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// The most that a stored hash may cost, and how long it may be.
const (
	maxMemory      = 64 << 10 // KiB
	maxIterations  = 10
	maxParallelism = 4
	maxHashLen     = 512
)

const (
	waitersPerSlot = 4
	waitersOfOne   = 2 // of one address
	longestWait    = 2 * time.Second
)

var (
	errBusy    = errors.New("issuer: too many passwords are waiting to be hashed")
	errBadHash = errors.New("issuer: a stored hash is no argon2id hash, or costs more than is allowed")
)

// A gate lets a bounded number of slow hashes run at a time: 19 MiB and one
// processor each. Some more wait, first come, first served, and few of them come
// from one address: a flood from there leaves room for others.
type gate struct {
	slots int    // how many run at a time
	decoy string // a hash that no secret has, as costly as ours

	mu      sync.Mutex
	running int
	queue   []*waiter // empty unless all slots are taken
}

// A waiter waits for a slot. Whoever leaves a slot to it closes admitted.
type waiter struct {
	network  string // "": Go code of the application, of which any number may wait
	admitted chan struct{}
}

func newGate() *gate {
	random := make([]byte, ourParams.SaltLength+ourParams.KeyLength)
	_, _ = rand.Read(random) // never fails
	salt, key := random[:ourParams.SaltLength], random[ourParams.SaltLength:]
	text := base64.RawStdEncoding.EncodeToString
	return &gate{
		slots: max(1, runtime.GOMAXPROCS(0)/2),
		decoy: fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s",
			ourParams.Memory, ourParams.Iterations, ourParams.Parallelism, text(salt), text(key)),
	}
}

// gateOf returns the gate of the Passwords that are users or registrar, also if
// they are embedded, so that one gate bounds all hashes of an application, or a
// new one.
func gateOf(users Users, registrar Registrar) *gate {
	type gated interface{ hashes() *gate }
	if p, ok := users.(gated); ok {
		return p.hashes()
	}
	if p, ok := registrar.(gated); ok {
		return p.hashes()
	}
	return newGate()
}

// Format implements [fmt.Formatter].
func (*gate) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "issuer.gate") }

// hash returns the argon2id hash of a secret, or a refusal (503) if too many wait.
func (g *gate) hash(ctx context.Context, secret string) (string, error) {
	if err := g.enter(ctx); err != nil {
		return "", err
	}
	defer g.leave()
	hash, err := argon2id.CreateHash(secret, &ourParams)
	if err != nil {
		return "", outage(err)
	}
	return hash, nil
}

// matches reports whether a secret has the hash, or returns a refusal (503). The
// empty hash is that of an unknown user: it costs as much, and never matches.
func (g *gate) matches(ctx context.Context, secret, hash string) (bool, error) {
	isKnown := hash != ""
	if !isKnown {
		hash = g.decoy
	}
	if !isAffordable(hash) {
		return false, outage(errBadHash)
	}
	if err := g.enter(ctx); err != nil {
		return false, err
	}
	defer g.leave()
	isEqual, err := argon2id.ComparePasswordAndHash(secret, hash)
	if err != nil {
		return false, outage(errBadHash)
	}
	return isEqual && isKnown, nil
}

// isAffordable reports whether a stored hash is well-formed, and costs no more
// than is allowed. An empty key would match any secret.
func isAffordable(hash string) bool {
	if len(hash) > maxHashLen {
		return false
	}
	p, _, _, err := argon2id.DecodeHash(hash)
	return err == nil && p.Memory <= maxMemory &&
		p.Iterations >= 1 && p.Iterations <= maxIterations &&
		p.Parallelism >= 1 && p.Parallelism <= maxParallelism &&
		p.SaltLength >= 8 && p.KeyLength >= 16
}

// enter takes a slot, or waits for one. After each enter, leave must be called.
func (g *gate) enter(ctx context.Context) error {
	from := ""
	if isRequest(ctx) {
		from = site(ctx)
	}
	w, err := g.join(from)
	if err != nil {
		return err
	}
	timer := time.NewTimer(longestWait)
	defer timer.Stop()
	select {
	case <-w.admitted:
		err = ctx.Err()
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errBusy
	}
	if err == nil {
		return nil
	}
	g.withdraw(w)
	return busy(err)
}

// join returns a waiter that is admitted or in the queue, or a refusal (503) if
// there is no room.
func (g *gate) join(network string) (*waiter, error) {
	w := &waiter{network, make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running < g.slots {
		g.running++
		close(w.admitted)
		return w, nil
	}
	others := 0
	for _, other := range g.queue {
		if network != "" && other.network == network {
			others++
		}
	}
	if others >= waitersOfOne || len(g.queue) >= waitersPerSlot*g.slots {
		return nil, busy(errBusy)
	}
	g.queue = append(g.queue, w)
	return w, nil
}

// withdraw takes a waiter out of the queue, or gives back the slot if it got one
// meanwhile.
func (g *gate) withdraw(w *waiter) {
	g.mu.Lock()
	at := slices.Index(g.queue, w)
	if at >= 0 {
		g.queue = slices.Delete(g.queue, at, at+1)
	}
	g.mu.Unlock()
	if at < 0 {
		g.leave()
	}
}

// leave passes a slot on to the first in the queue.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.running--
		return
	}
	close(g.queue[0].admitted)
	g.queue = slices.Delete(g.queue, 0, 1)
}

// busy says that a hash would have had to wait for too long (503).
func busy(cause error) error {
	e := refuse(bearer.CodeServiceUnavailable)
	e.RetryAfter = longestWait
	return e.WithCause(cause)
}
