// Command fleetcost computes what a fleet asks of Redis and of its database, from
// what the benchmarks measured: the table of docs/deployment.md.
//
//	GOWORK=off go -C benchmarks/stores run ./fleetcost
package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// A cost is what was measured of one machine: see docs/benchmarks.md.
type cost struct {
	redisTake   float64 // seconds of Redis's CPU for a take that goes alone
	redisShared float64 // the same, of many at once in one replica
	lookup      float64 // seconds of PostgreSQL's CPU for a look-up of a key
	poll        float64 // the same, for a look at the changes that finds none
	touch       float64 // the same, for one last use that is written with others
	bucket      float64 // bytes of a bucket that is not full, in Redis
	remembered  float64 // bytes of a key that a replica remembers
	stored      float64 // bytes of a key in PostgreSQL, its indexes included
}

var measured = cost{
	redisTake: 40e-6, redisShared: 8e-6,
	lookup: 60e-6, poll: 60e-6, touch: 30e-6,
	bucket: 200, remembered: 900, stored: 600,
}

// The settings, which are the defaults of issuer and bearersql.
const (
	ttl     = 30.0    // seconds: Config.CacheTTL
	maxKeys = 100_000 // what a guard of an issuer remembers
	poll    = 0.5     // seconds: Config.Poll
)

// A fleet is so many replicas, which any request may reach, keys that are stored,
// keys that make requests in turn, and requests a second of all of them.
type fleet struct{ replicas, stored, active, rate float64 }

var fleets = []fleet{
	{3, 10e3, 1e3, 1e3},
	{10, 1e6, 50e3, 10e3},
	{100, 10e6, 200e3, 100e3},
	{1000, 100e6, 1e6, 500e3},
	{1000, 100e6, 10e6, 1e6},
}

// A load is what a fleet asks for, in numbers a second but for the bytes.
type load struct {
	takes, lookups, polls                 float64
	redisCores                            float64 // without leases, one take in a call
	sharedCores                           float64 // if calls are shared
	databaseCores                         float64
	redisBytes, cacheBytes, databaseBytes float64
}

// load returns what the fleet costs. A replica sees each active key every d
// seconds, remembers it for ttl, and so looks it up every ttl + d seconds. If there
// are more keys than it remembers, it also looks up what it has forgotten for lack
// of room.
func (f fleet) load(c cost) load {
	seen := f.rate / f.replicas // requests a second of one replica
	misses := math.Max(f.active/(ttl+f.active/seen), seen*(1-math.Min(1, maxKeys/f.active)))
	l := load{takes: f.rate, lookups: f.replicas * misses, polls: f.replicas / poll}
	l.redisCores, l.sharedCores = f.rate*c.redisTake, f.rate*c.redisShared
	l.databaseCores = l.lookups*(c.lookup+c.touch) + l.polls*c.poll
	l.redisBytes = f.active * c.bucket
	l.cacheBytes = math.Min(maxKeys, math.Min(f.active, seen*ttl)) * c.remembered
	l.databaseBytes = f.stored * c.stored
	return l
}

func main() { write(os.Stdout) }

func write(w io.Writer) {
	_, _ = io.WriteString(w, table(fleets, measured))
}

// table returns the table of docs/deployment.md.
func table(fleets []fleet, c cost) string {
	var b strings.Builder
	b.WriteString("| replicas | keys | of them active | requests/s | takes of Redis/s | Redis, cores | of the database: look-ups/s " +
		"| polls/s | cores | Redis | a replica's cache | database |\n" +
		"|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range fleets {
		l := f.load(c)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s – %s | %s | %s | %s | %s | %s | %s |\n",
			number(f.replicas), number(f.stored), number(f.active), number(f.rate), number(l.takes),
			cores(l.sharedCores), cores(l.redisCores), number(l.lookups), number(l.polls), cores(l.databaseCores),
			size(l.redisBytes), size(l.cacheBytes), size(l.databaseBytes))
	}
	return b.String()
}

// number prints two digits, and thousands and millions in letters.
func number(v float64) string {
	switch {
	case v >= 999_500:
		return digits(v/1e6) + " M"
	case v >= 9_950:
		return digits(v/1e3) + " k"
	}
	return digits(v)
}

func cores(v float64) string {
	if v < 0.095 {
		return "< 0.1"
	}
	return digits(v)
}

func size(bytes float64) string {
	if bytes >= 999.5e6 {
		return digits(bytes/1e9) + " GB"
	}
	return digits(bytes/1e6) + " MB"
}

// digits prints a number with two digits that count.
func digits(v float64) string {
	if v <= 0 {
		return "0"
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	v = math.Round(v/unit) * unit
	if v < 9.95 && v != math.Trunc(v) {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
