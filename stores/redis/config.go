package bearerredis

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A LimiterConfig says how a [Limiter] uses Redis. The zero value is right for
// one replica.
type LimiterConfig struct {
	// Prefix begins the names of all buckets in Redis. A colon is added to one that
	// does not end with it, so that no bucket of "app" has the name of one of "app2".
	// Zero: "bearer:".
	Prefix string

	// Timeout is how long one call of Redis may take. A take may wait for the call
	// before its own, too. Up to 100 ms, it may outlast its context by as much, if
	// that is cancelled meanwhile. Hooks and dialers of the client must heed their
	// contexts: a call that blocks in one lasts as long as that. Zero or less: 50 ms.
	Timeout time.Duration

	// Outage is what happens while Redis is slow or gone. Zero: Local.
	Outage Outage

	// Replicas is how many processes share the limits: each has one of so many parts
	// of them while Redis is gone, but one token at least, so that a burst smaller
	// than Replicas admits one for each process. A take of more tokens than a part
	// has needs all of it, and as long to flow in again as its tokens take at the
	// rate of the part. Zero or less: 1.
	Replicas int

	// Lease is how many tokens are taken at a time from a hot bucket, to be handed
	// out without asking Redis within a tenth of a second. Replicas × Lease is the
	// most that is admitted beyond the limit at one moment. Only a bucket whose burst
	// is ten leases or more has them; TakeAll goes without. It is at most 8192. Zero
	// or one: none, exact.
	Lease int

	// OnState is called at each change of mode, once, with the error that was the
	// cause of Down. Nil: not called. It must not block.
	OnState func(State, error)
}

// An Outage is what a [Limiter] does while Redis is slow or gone.
type Outage int

// The modes.
const (
	// Local: there are buckets in memory, with a part of each limit: see Replicas.
	// They are full when Redis goes. As long as calls of Redis fail singly, those
	// are decided by them, too: a process may admit its part of the limit more then.
	Local Outage = iota
	// Refuse: there is an error, and the guard answers with 503.
	Refuse
	// Admit: nothing is limited.
	Admit
)

// A State says whether a [Limiter] has Redis.
type State int

// The states.
const (
	Up   State = iota // buckets are in Redis
	Down              // what Outage says happens
)

// String returns "up" or "down".
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "State(" + strconv.Itoa(int(s)) + ")"
}

const (
	defaultPrefix  = "bearer:"
	defaultTimeout = 50 * time.Millisecond
)

// complete fills in what is zero, and returns an error for what cannot be right.
func (c *LimiterConfig) complete() error {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Replicas < 1 {
		c.Replicas = 1
	}
	if c.Lease == 0 {
		c.Lease = 1
	}
	if !strings.HasSuffix(c.Prefix, ":") {
		c.Prefix += ":"
	}
	switch {
	case strings.ContainsAny(c.Prefix, "{}"):
		return errors.New("the prefix has a brace: the ID of a bucket alone says where in a cluster it is")
	case c.Lease < 0 || c.Lease > maxCopies:
		return fmt.Errorf("a lease of %d is not from 0 to %d", c.Lease, maxCopies)
	case c.Outage < Local || c.Outage > Admit:
		return fmt.Errorf("there is no outage mode %d", c.Outage)
	}
	return nil
}
