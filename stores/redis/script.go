package bearerredis

import (
	"context"
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	_ "embed"
	"encoding/hex"
	"fmt"

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
	index  map[string]int // of the keys, from 0
	latest []int          // the group that each key was in last
	groups []group
	err    error
}

// A group is a list of asks that are one in the script: those of one bucket that
// take equal costs, one after the other, or one alone.
type group struct {
	asks []*ask
	most int // copies
}

// maxGroups bounds how long one call keeps Redis busy: about half a millisecond.
const maxGroups = 128

func newCall() *call { return &call{index: make(map[string]int)} }

// add adds an ask. Takes from one bucket with equal costs become one group, as
// long as no other ask is between them that has the bucket.
func (c *call) add(a *ask) {
	if i, ok := c.index[a.members[0].name]; ok && len(a.members) == 1 {
		g := &c.groups[c.latest[i]]
		if first := g.asks[0]; first.isLike(a) && g.most+a.copies <= maxCopies {
			g.asks, g.most = append(g.asks, a), g.most+a.copies
			return
		}
	}
	for i := range a.members {
		k, ok := c.index[a.members[i].name]
		if !ok {
			k = len(c.keys)
			c.index[a.members[i].name] = k
			c.keys, c.latest = append(c.keys, a.members[i].name), append(c.latest, 0)
		}
		c.latest[k] = len(c.groups)
	}
	c.groups = append(c.groups, group{asks: []*ask{a}, most: a.copies})
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
			args = append(args, c.index[m.name]+1, m.depth.micros, m.depth.rest)
			if first.op == look {
				args = append(args, 0, 0)
			} else {
				args = append(args, m.cost.micros, m.cost.rest)
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
