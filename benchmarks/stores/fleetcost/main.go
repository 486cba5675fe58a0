// Command fleetcost computes what a fleet asks of Redis and of its database, from
// what the benchmarks measured: the table of docs/deployment.md.
//
//	GOWORK=off go -C benchmarks/stores run ./fleetcost
package main

import (
	"fmt"
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
	redisTake: 45e-6, redisShared: 7.5e-6,
	lookup: 80e-6, poll: 100e-6, touch: 30e-6,
	bucket: 200, remembered: 900, stored: 600,
}

// The settings, which are the defaults of issuer and bearersql.
const (
	defaultTTL = 30.0    // seconds: Config.CacheTTL
	longTTL    = 600.0   // what it may well be where revocations come by the feed
	maxKeys    = 100_000 // what a guard of an issuer remembers
	poll       = 0.5     // seconds: Config.Poll
)

// A fleet is so many replicas, keys that are stored, keys that make requests in
// turn, and requests a second of all of them.
type fleet struct{ replicas, stored, active, rate float64 }

var fleets = []fleet{
	{3, 10e3, 1e3, 1e3},
	{10, 1e6, 50e3, 10e3},
	{100, 10e6, 200e3, 100e3},
	{1000, 100e6, 1e6, 500e3},
	{1000, 100e6, 10e6, 1e6},
}

// lookups returns how many keys are looked up in a second. A replica that sees
// each active key every d seconds, and remembers it for a TTL, looks it up every
// TTL + d seconds. If there are more keys than it remembers, it also looks up what
// it has forgotten for lack of room.
func (f fleet) lookups(ttl float64) float64 {
	seen := f.rate / f.replicas // requests a second of one replica
	misses := max(f.active/(ttl+f.active/seen), seen*(1-min(1, maxKeys/f.active)))
	return f.replicas * misses
}

// byKey returns the look-ups if all requests of a key go to one replica, which
// sees the key every active/rate seconds.
func (f fleet) byKey(ttl float64) float64 {
	one := fleet{1, f.stored / f.replicas, f.active / f.replicas, f.rate / f.replicas}
	return f.replicas * one.lookups(ttl)
}

// cores returns how many cores of the database look-ups take, with the last uses
// that are written after each, and the polls.
func (f fleet) cores(lookups float64, c cost) float64 {
	return lookups*(c.lookup+c.touch) + f.replicas/poll*c.poll
}

func main() { _, _ = os.Stdout.WriteString(table(fleets, measured)) }

// table returns the tables of docs/deployment.md.
func table(fleets []fleet, c cost) string {
	redis := newRows("replicas", "keys", "active keys", "requests/s",
		"cores of Redis, each take alone", "takes together", "alone, `Lease` 10",
		"memory of Redis", "of a replica's cache", "of the database")
	database := newRows("replicas", "active keys", "requests/s",
		"look-ups/s", "with a `CacheTTL` of 10 min", "by key, 30 s", "looks at changes/s", "cores", "by key")
	for _, f := range fleets {
		cached := min(maxKeys, f.active, f.rate/f.replicas*defaultTTL)
		redis.add(number(f.replicas), number(f.stored), number(f.active), number(f.rate),
			cores(f.rate*c.redisTake), cores(f.rate*c.redisShared), cores(f.rate*c.redisTake/10),
			size(f.active*c.bucket), size(cached*c.remembered), size(f.stored*c.stored))
		spread, byKey := f.lookups(defaultTTL), f.byKey(defaultTTL)
		database.add(number(f.replicas), number(f.active), number(f.rate),
			number(spread), number(f.lookups(longTTL)), number(byKey), number(f.replicas/poll),
			cores(f.cores(spread, c)), cores(f.cores(byKey, c)))
	}
	return redis.String() + "\n" + database.String()
}

// rows are those of a table in Markdown.
type rows struct{ strings.Builder }

func newRows(heads ...string) *rows {
	r := new(rows)
	r.add(heads...)
	r.WriteString("|" + strings.Repeat("--:|", len(heads)) + "\n")
	return r
}

func (r *rows) add(cells ...string) { r.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

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
