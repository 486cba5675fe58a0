package bearerredis

import (
	"context"
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

//go:embed script.lua
var script string

// scriptName is what Redis knows the script by, once it has run.
var scriptName = nameOfScript()

func nameOfScript() string {
	digest := sha1.Sum([]byte(script)) //nolint:gosec // as above
	return hex.EncodeToString(digest[:])
}

// A command is a call of the script. A client does not repeat it by itself, as it
// would repeat others after a timeout: the first may have taken already.
type command struct{ *redis.IntSliceCmd }

// NoRetry overrides that of other commands.
func (command) NoRetry() bool { return true }

// A call is what is asked of Redis by one command.
type call struct {
	keys   []string
	index  map[string]int // of the keys, from 0; nil: they are few
	latest []int          // the group that each key was in last
	groups []group
	err    error

	room struct { // for one ask of one bucket
		keys   [1]string
		latest [1]int
		groups [1]group
		asks   [1]*ask
	}
}

// A group is a list of asks that are one in the script: those of one bucket that
// take equal costs, one after the other, or one alone.
type group struct {
	asks []*ask
	most int // copies
}

// mostCopies bounds how long one call keeps Redis busy: about a millisecond, if no
// single ask is for more. A key takes it as long as so many copies do.
const (
	mostCopies = 128 * copiesAKey
	copiesAKey = 32
)

// fewKeys is how many keys are found without an index.
const fewKeys = 8

func newCall() *call { return new(call).begin() }

// begin makes the room ready, and returns the call.
func (c *call) begin() *call {
	c.keys, c.latest, c.groups = c.room.keys[:0], c.room.latest[:0], c.room.groups[:0]
	return c
}

// find returns the index of a key; -1: it has none.
func (c *call) find(name string) int {
	if c.index == nil {
		return slices.Index(c.keys, name)
	}
	if k, ok := c.index[name]; ok {
		return k
	}
	return -1
}

// addKey adds a key, and returns its index.
func (c *call) addKey(name string) int {
	k := len(c.keys)
	c.keys, c.latest = append(c.keys, name), append(c.latest, 0)
	switch {
	case c.index != nil:
		c.index[name] = k
	case k == fewKeys:
		c.index = make(map[string]int, 2*fewKeys)
		for k, name := range c.keys {
			c.index[name] = k
		}
	}
	return k
}

// add adds an ask. Takes from one bucket with equal costs become one group, as
// long as no other ask is between them that has the bucket.
func (c *call) add(a *ask) {
	if k := c.find(a.members[0].name); k >= 0 && len(a.members) == 1 {
		g := &c.groups[c.latest[k]]
		if first := g.asks[0]; first.isLike(a) && g.most+a.copies <= maxCopies {
			g.asks, g.most = append(g.asks, a), g.most+a.copies
			return
		}
	}
	for i := range a.members {
		k := c.find(a.members[i].name)
		if k < 0 {
			k = c.addKey(a.members[i].name)
		}
		c.latest[k] = len(c.groups)
	}
	g := group{most: a.copies}
	if len(c.groups) == 0 {
		g.asks = c.room.asks[:0]
	}
	g.asks = append(g.asks, a)
	c.groups = append(c.groups, g)
}

// command returns the command, by the name of the script or by its text.
func (c *call) command(ctx context.Context, name, text string) command {
	args := make([]any, 0, 3+len(c.keys)+7*len(c.groups))
	args = append(args, name, text, len(c.keys))
	for _, k := range c.keys {
		args = append(args, k)
	}
	for i := range c.groups {
		g := &c.groups[i]
		first := g.asks[0]
		args = append(args, g.most, len(first.members))
		for j := range first.members {
			m := &first.members[j]
			args = append(append(args, c.find(m.name)+1), m.args[:]...)
			if first.op == look {
				args[len(args)-2], args[len(args)-1] = 0, 0
			}
		}
	}
	return command{redis.NewIntSliceCmd(ctx, args...)}
}

// settle hands the reply to the asks, or the error.
func (c *call) settle(reply []int64, err error) {
	if size := c.replySize(); err == nil && len(reply) != size {
		err = fmt.Errorf("the script returned %d numbers, not %d", len(reply), size)
	}
	if err != nil {
		c.fail(err)
		return
	}
	for i := range c.groups {
		g := &c.groups[i]
		size := 1 + 2*len(g.asks[0].members)
		g.settle(reply[:size])
		reply = reply[size:]
	}
}

// fail hands an error to the asks.
func (c *call) fail(err error) {
	c.err = err
	for i := range c.groups {
		for _, a := range c.groups[i].asks {
			a.err = err
		}
	}
}

func (c *call) replySize() (n int) {
	for i := range c.groups {
		n += 1 + 2*len(c.groups[i].asks[0].members)
	}
	return n
}

// settle tells each ask what it took, and what is missing from its buckets then.
// Say that three asks for a token of 100 ms found a bucket from which 50 ms were
// missing, and that the first two were granted: they leave 150 and 250 ms, and the
// third finds 250.
func (g *group) settle(reply []int64) {
	left, so := int(reply[0]), 0
	for _, a := range g.asks {
		a.taken, a.err = min(a.copies, left), nil
		left, so = left-a.taken, so+a.taken
		for i := range a.members {
			m := &a.members[i]
			m.missing = span{reply[1+2*i], uint64(reply[2+2*i])}
			switch a.op {
			case take:
				m.missing = m.missing.add(m.cost.times(so))
			case giveBack:
				m.missing = m.missing.sub(m.cost)
			case look:
			}
		}
	}
}
