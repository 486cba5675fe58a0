package bearersql

import (
	"context"
	"fmt"
	"regexp"
	"time"
)

// A Config says where a [Store] keeps its records, and how it learns of the
// changes of others. The zero value is right for most.
type Config struct {
	// Dialect is the database. Zero: it is asked.
	Dialect Dialect

	// Prefix begins the names of all tables: lower-case letters, digits and
	// underscores, of which the first is no digit, up to 31. Zero: "bearer_".
	Prefix string

	// Poll is how often changes are looked for, also beside a Listener; at least
	// four times in Bound. It is at least 10 ms. Zero or less: 500 ms.
	Poll time.Duration

	// Bound is how long the last look for changes may be ago: if it is longer,
	// nothing is remembered, and each look-up asks the database. It is at least
	// 100 ms. Zero or less: 5 s.
	Bound time.Duration

	// Listen says at once when there may be changes. Nil: they are found by
	// polling alone.
	Listen Listener
}

// A Listener is told by the database that there may be changes. Package
// pgxlisten has the one for PostgreSQL.
type Listener interface {
	// Listen listens to the channel until the context ends or the connection is
	// lost, and returns why. It calls ring once it listens, and whenever something
	// was said. It keeps a connection of its own.
	Listen(ctx context.Context, channel string, ring func()) error
}

const (
	defaultPrefix = "bearer_"
	defaultPoll   = 500 * time.Millisecond
	defaultBound  = 5 * time.Second

	minPoll  = 10 * time.Millisecond // else a store would keep the database busy
	minBound = 100 * time.Millisecond
)

var validPrefix = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,30}$`)

// withDefaults returns the config with its defaults, or what is wrong with it.
func withDefaults(c Config) (Config, error) {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if !validPrefix.MatchString(c.Prefix) {
		return c, fmt.Errorf("bearersql: the prefix %q does not match %s", c.Prefix, validPrefix)
	}
	if c.Poll <= 0 {
		c.Poll = defaultPoll
	}
	if c.Bound <= 0 {
		c.Bound = defaultBound
	}
	if c.Poll < minPoll || c.Bound < minBound {
		return c, fmt.Errorf("bearersql: a Poll of %v is less than %v, or a Bound of %v less than %v",
			c.Poll, minPoll, c.Bound, minBound)
	}
	return c, nil
}
