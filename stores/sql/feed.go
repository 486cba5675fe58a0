package bearersql

import (
	"context"
	"sync"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// A FeedState says how a store learns of the changes of others.
type FeedState struct {
	Mode  FeedMode
	Since time.Time // when Mode began
	Err   error     // why Mode is not Live, where something is wrong
}

// A FeedMode is one of Live, Polling and Blind.
type FeedMode int

// The modes of a feed. The zero value is Blind.
const (
	Blind   FeedMode = iota // changes go unnoticed: nothing is remembered
	Polling                 // changes are found every Config.Poll
	Live                    // the database says when there are changes
)

// String returns "blind", "polling" or "live".
func (m FeedMode) String() string {
	switch m {
	case Live:
		return "live"
	case Polling:
		return "polling"
	case Blind:
	}
	return "blind"
}

// A feed is the state of what Watch follows.
type feed struct {
	mu    sync.Mutex
	state FeedState
}

func (f *feed) init(now time.Time) { f.state.Since = now }

// State returns how the store learns of the changes of others now.
func (s *Store) State() FeedState {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.feed.state
}

// Watch implements [issuer.Watcher].
func (s *Store) Watch(ctx context.Context, cache issuer.Cache) error { return errNotBuilt }
