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
	maxOutages   = 32               // reports that fail before a round is given up
	batchTimeout = 25 * time.Second // of the 30 that GitHub waits for an answer with verdicts
	answerTime   = 30 * time.Second
)

// pauses are those before each round of a batch. Whether GitHub repeats a message
// that is answered with 503 is not documented, so that a store that is away for
// some seconds, as for a failover, is waited for.
var pauses = [...]time.Duration{0, time.Second, 3 * time.Second, 6 * time.Second}

var errLate = errors.New("leak: not all matches were seen to in time")

// A batch is what is done about a message.
type batch struct {
	report func(context.Context, match) (issuer.LeakStatus, error)

	mu       sync.Mutex
	statuses map[string]issuer.LeakStatus // by token
	failed   []match                      // in this round
	err      error                        // of the last that failed
}

// report reports each token of a message once, and returns what they are. If one
// fails, the others are reported all the same: a leaked key that can be revoked
// must not wait for one that cannot. Those that failed are tried again.
func (g *gitHub) report(ctx context.Context, matches []match) (map[string]issuer.LeakStatus, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, batchTimeout, errLate)
	defer cancel()
	b := &batch{statuses: make(map[string]issuer.LeakStatus, len(matches)), report: g.reportOne}
	left := distinct(matches)
	for _, pause := range pauses {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if left = b.round(ctx, left); len(left) == 0 {
			return b.statuses, nil
		}
	}
	if ctx.Err() != nil {
		b.err = context.Cause(ctx)
	}
	return nil, outage(b.err)
}

// reportOne reports the token of a match.
func (g *gitHub) reportOne(ctx context.Context, m match) (issuer.LeakStatus, error) {
	report, err := g.iss.ReportLeak(ctx, m.Token, issuer.Leak{Source: m.source(), URL: m.URL, Decide: g.config.Decide})
	return report.Status, err
}

// distinct returns the first match of each token.
func distinct(matches []match) []match {
	seen := make(map[string]bool, len(matches))
	list := make([]match, 0, len(matches))
	for _, m := range matches {
		if m.Token != "" && !seen[m.Token] {
			seen[m.Token] = true
			list = append(list, m)
		}
	}
	return list
}

// round reports matches, and returns those that are left: they failed, or were not
// tried since so many others did, or since the time is over.
func (b *batch) round(ctx context.Context, matches []match) (left []match) {
	b.failed = nil
	queue := make(chan match)
	var running sync.WaitGroup
	for range min(workers, len(matches)) {
		running.Go(func() {
			for m := range queue {
				status, err := b.report(ctx, m)
				b.add(m, status, err)
			}
		})
	}
	next := 0
	for next < len(matches) && ctx.Err() == nil && !b.isHopeless() {
		queue <- matches[next]
		next++
	}
	close(queue)
	running.Wait()
	return append(b.failed, matches[next:]...)
}

// add notes what became of a match.
func (b *batch) add(m match, status issuer.LeakStatus, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.failed, b.err = append(b.failed, m), err
		return
	}
	b.statuses[m.Token] = status
}

// isHopeless reports whether so many reports failed that more would, too.
func (b *batch) isHopeless() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.failed) >= maxOutages
}
