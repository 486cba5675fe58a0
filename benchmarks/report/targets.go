package main

import "fmt"

// A target bounds a ratio, or a number, within the run.
type target struct {
	what    string
	got     estimate
	bound   float64
	atLeast bool // the bound is the least, not the most
	below   bool // the bound itself is too much
}

// verdict judges the median, and says if the interval leaves it open.
func (t target) verdict() string {
	met := t.holds(t.got.mid)
	switch {
	case met == t.holds(t.got.lo) && met == t.holds(t.got.hi):
		return verdicts[met]
	default:
		return verdicts[met] + ", within the noise"
	}
}

var verdicts = map[bool]string{true: "met", false: "**missed**"}

func (t target) holds(v float64) bool {
	switch {
	case t.atLeast:
		return v >= t.bound
	case t.below:
		return v < t.bound
	}
	return v <= t.bound
}

func (t target) sign() string {
	switch {
	case t.atLeast:
		return "≥"
	case t.below:
		return "<"
	}
	return "≤"
}

// What the limiters beside the guard can do: reports holds those that say what
// is left and when the bucket is full, exact those with token buckets.
var (
	reports = map[string]bool{"httprate": true, "ulule": true, "sethvargo": true, "throttled": true}
	exact   = map[string]bool{"throttled": true, "tollbooth": true, "xtime": true}
)

const seconds = "sec/op"

// isPeer leaves out what is no whole stack.
func isPeer(peer string) bool { return isOther(peer) && peer != "httprate-alone" && peer != "floor" }

// targets are the promises of this project about its speed.
func targets(m *measured) ([]target, error) {
	var all []target
	for _, part := range []func(*measured) ([]target, error){keyTargets, jwtTargets, limiterTargets} {
		some, err := part(m)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func keyTargets(m *measured) ([]target, error) {
	var all []target
	for _, keys := range []string{"hot", "distinct"} {
		prefix := "KeyRoute/keys=" + keys + "/serial/"
		ours := prefix + "bearer-nethttp"
		best, err := m.least(prefix, seconds, isPeer)
		if err != nil {
			return nil, err
		}
		all = append(all,
			target{
				what: "key path / fastest peer stack (" + best + "), " + keys, bound: 0.6,
				got: m.ratio(ours, prefix+best, seconds),
			},
			target{
				what: "key path / httprate alone, " + keys, bound: 1, below: true,
				got: m.ratio(ours, prefix+"httprate-alone", seconds),
			},
			target{
				what: "allocations of the key path, " + keys, bound: 5,
				got: m.estimate(ours, "allocs/op"),
			})
	}
	speedUp := func(keys, from string) estimate {
		prefix := "KeyRoute/keys=" + keys
		return m.ratio(prefix+"/"+from+"/bearer-nethttp", prefix+"/parallel/bearer-nethttp", seconds)
	}
	return append(all,
		target{
			what: "throughput, two cores / one, distinct keys", bound: 1.7, atLeast: true,
			got: speedUp("distinct", "alone"),
		},
		target{
			what: "throughput, parallel / serial with a core to spare for the collector, distinct keys",
			got:  speedUp("distinct", "serial"), bound: 1.7, atLeast: true,
		},
		target{what: "throughput, parallel / serial, one hot key", got: speedUp("hot", "serial"), bound: 0.9, atLeast: true},
	), nil
}

func jwtTargets(m *measured) ([]target, error) {
	var all []target
	for _, row := range []struct {
		alg   string
		parse float64
	}{
		{"HS256", 1.5},
		{"ES256", 1.15},
		{"EdDSA", 1.15},
	} {
		prefix := "JWTRoute/alg=" + row.alg + "/"
		best, err := m.least(prefix, seconds, isPeer)
		if err != nil {
			return nil, err
		}
		all = append(all,
			target{
				what: row.alg + " uncached / golang-jwt's Parse", bound: row.parse,
				got: m.ratio(prefix+"bearer", prefix+"golang-jwt-parse", seconds),
			},
			target{
				what: row.alg + " cached / key path, hot", bound: 1.3,
				got: m.ratio(prefix+"bearer-cached", "KeyRoute/keys=hot/serial/bearer-nethttp", seconds),
			})
		if row.alg != "HS256" {
			all = append(all, target{
				what: row.alg + " cached / fastest uncached peer (" + best + ")", bound: 0.1,
				got: m.ratio(prefix+"bearer-cached", prefix+best, seconds),
			})
		}
	}
	return all, nil
}

func limiterTargets(m *measured) ([]target, error) {
	var all []target
	for _, n := range []string{"1", "10000", "1000000"} {
		for _, mode := range []string{"serial", "parallel"} {
			prefix := "Limiter/n=" + n + "/" + mode + "/"
			best, err := m.least(prefix, seconds, func(peer string) bool { return reports[peer] })
			if err != nil {
				return nil, err
			}
			all = append(all, target{
				what: fmt.Sprintf("Buckets / fastest peer that reports (%s), n=%s, %s", best, n, mode), bound: 1,
				got: m.ratio(prefix+"bearer", prefix+best, seconds),
			})
		}
	}
	best, err := m.least("Memory/", "B/bucket", func(peer string) bool { return exact[peer] })
	if err != nil {
		return nil, err
	}
	return append(all, target{
		what: "memory of a bucket / best peer with exact token buckets (" + best + ")", bound: 0.5,
		got: m.ratio("Memory/bearer", "Memory/"+best, "B/bucket"),
	}), nil
}
