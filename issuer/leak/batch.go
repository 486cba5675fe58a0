package leak

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/blockauth/bearer/issuer"
)

const (
	workers      = 16               // reports at a time
	maxOutages   = 32               // reports that may fail before the rest is left for the next message
	batchTimeout = 25 * time.Second // of the 30 that GitHub waits for an answer with verdicts
	answerTime   = 30 * time.Second
)

var errLate = errors.New("leak: not all matches were seen to in time")

// A batch is what is done about a message.
type batch struct {
	mu       sync.Mutex
	statuses map[string]issuer.LeakStatus // by token
	outages  int
	err      error // the first one
}

// report reports each token of a message once, and returns what they are. If one
// fails, the others are reported all the same: a leaked key that can be revoked
// must not wait for one that cannot. If many fail, the store is out of order.
func (g *gitHub) report(ctx context.Context, matches []match) (map[string]issuer.LeakStatus, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, batchTimeout, errLate)
	defer cancel()
	b := &batch{statuses: make(map[string]issuer.LeakStatus, len(matches))}
	queue := make(chan match)
	var running sync.WaitGroup
	for range min(workers, len(matches)) {
		running.Go(func() {
			for m := range queue {
				report, err := g.iss.ReportLeak(ctx, m.Token, issuer.Leak{
					Source: m.source(), URL: m.URL, Decide: g.config.Decide,
				})
				b.add(m.Token, report.Status, err)
			}
		})
	}
	seen := make(map[string]bool, len(matches))
	for _, m := range matches {
		if seen[m.Token] || m.Token == "" {
			continue
		}
		if ctx.Err() != nil || b.isHopeless() {
			break
		}
		seen[m.Token] = true
		queue <- m
	}
	close(queue)
	running.Wait()
	if b.err == nil && ctx.Err() != nil {
		b.err = outage(context.Cause(ctx))
	}
	return b.statuses, b.err
}

// add notes what became of a token.
func (b *batch) add(token string, status issuer.LeakStatus, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.statuses[token] = status
	if err == nil {
		return
	}
	b.outages++
	if b.err == nil {
		b.err = outage(err)
	}
}

// isHopeless reports whether so many reports failed that more would, too.
func (b *batch) isHopeless() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outages >= maxOutages
}
