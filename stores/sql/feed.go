package bearersql

import (
	"errors"
	"slices"
	"sync"
	"time"
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

// A feed is the state of what all calls of Watch follow.
type feed struct {
	mu       sync.Mutex
	outlooks []*outlook // of the calls of Watch
	state    FeedState  // the worst of them
}

// An outlook is what one call of Watch knows of its feed.
type outlook struct {
	sees      bool  // all changes up to Config.Bound ago were told
	readErr   error // of the last read
	hears     bool  // the listener was tested
	listenErr error // why it does not hear
}

var errNotWatched = errors.New("bearersql: watch: no call of Watch is running")

func (f *feed) init(now time.Time) { f.state = FeedState{Mode: Blind, Since: now, Err: errNotWatched} }

// State returns how the store learns of the changes of others now. If Watch was
// called several times, it is the worst of their states. While Watch is not
// running, it is Blind.
func (s *Store) State() FeedState {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.feed.state
}

// join adds an outlook, which is blind.
func (f *feed) join(o *outlook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outlooks = append(f.outlooks, o)
	f.judge()
}

// leave removes an outlook.
func (f *feed) leave(o *outlook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outlooks = slices.DeleteFunc(f.outlooks, func(other *outlook) bool { return other == o })
	f.judge()
}

// update changes an outlook.
func (f *feed) update(o *outlook, change func(*outlook)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(o)
	f.judge()
}

// judge sets the state from the outlooks.
func (f *feed) judge() {
	mode, err := Blind, errNotWatched
	for i, o := range f.outlooks {
		if m, why := o.mode(); i == 0 || m < mode {
			mode, err = m, why
		}
	}
	if mode != f.state.Mode {
		f.state.Since = time.Now()
	}
	f.state.Mode, f.state.Err = mode, err
}

// mode returns the mode of one call of Watch. What cannot be read now is not Live,
// whatever is heard.
func (o *outlook) mode() (FeedMode, error) {
	switch {
	case !o.sees:
		return Blind, o.readErr
	case o.readErr != nil:
		return Polling, o.readErr
	case o.hears:
		return Live, nil
	}
	return Polling, o.listenErr
}
