package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A table has a row for each peer.
type table struct {
	id, title, intro string
	ours             string // the row that the others are compared with
	columns          []column
}

// A column is one family of benchmarks.
type column struct {
	head, prefix, unit string
	plain              bool // not compared: it goes with the column before
}

var tables = []table{
	keyTable("hot", "one key", "API key, rate limit with its fields, one scope. `floor` decides nothing: it "+
		"is a digest, a look-up, a clock reading, the request with a context and two fields. `httprate-alone` limits and "+
		"does nothing else. The limiters for net/http stand behind a hand-written check: SHA-256, a map without a lock, "+
		"expiry, scope; `echo` and `fiber` are their own key check and limiter. `echo`, `fiber` and the guard's adapters "+
		"route too."),
	keyTable("distinct", "ten thousand keys in turn", ""),
	{
		"jwt-route", "JWT route",
		"Signature, `iss`, `aud`, times and scope are checked. The guard also limits and writes the " +
			"rate fields; its peers here do not. `golang-jwt-parse` is the library's `Parse` alone, with the same options.",
		"bearer",
		[]column{
			{"HS256", "JWTRoute/alg=HS256/", seconds, false},
			{"ES256", "JWTRoute/alg=ES256/", seconds, false},
			{"EdDSA", "JWTRoute/alg=EdDSA/", seconds, false},
			{"allocs (EdDSA)", "JWTRoute/alg=EdDSA/", "allocs/op", true},
		},
	},
	limiterTable("1", "one hot bucket", "One take, with what is left where the limiter says so. `uber` cannot refuse and "+
		"reports nothing; `tollbooth` and `xtime` report no reset; `uber` and `xtime` stand in a `sync.Map`."),
	limiterTable("10000", "ten thousand buckets in turn", ""),
	limiterTable("1000000", "a million buckets in turn", ""),
	{
		"memory", "Memory of limiters",
		"Bytes a bucket: the heap that a million buckets in use hold, the texts of their names included where a " +
			"limiter keeps them. Strangers: ten million addresses that come once each, under a limit of 100 a second; " +
			"live is what a collection leaves, peak the largest size that the heap has had. Measured once, each in a process " +
			"of its own.",
		"bearer",
		[]column{
			{"a bucket", "Memory/", "B/bucket", false},
			{"strangers, peak", "Strangers/", "peak-B", false},
			{"strangers, live", "Strangers/", "live-B", false},
		},
	},
}

func keyTable(keys, what, intro string) table {
	prefix := "KeyRoute/keys=" + keys + "/"
	return table{
		"key-route-" + keys, "Key route, " + what,
		intro, "bearer-nethttp",
		[]column{
			{"serial", prefix + "serial/", seconds, false},
			{"parallel", prefix + "parallel/", seconds, false},
			{"allocs", prefix + "serial/", "allocs/op", true},
			{"bytes", prefix + "serial/", "B/op", true},
		},
	}
}

func limiterTable(n, what, intro string) table {
	prefix := "Limiter/n=" + n + "/"
	return table{
		"limiter-" + n, "Limiter alone, " + what,
		intro, "bearer",
		[]column{
			{"serial", prefix + "serial/", seconds, false},
			{"parallel", prefix + "parallel/", seconds, false},
			{"allocs", prefix + "serial/", "allocs/op", true},
		},
	}
}

// peers returns the rows, the best in the first column first.
func (t table) peers(m *measured) []string {
	first := t.columns[0]
	return slices.SortedStableFunc(slices.Values(m.peers(first.prefix)), func(a, b string) int {
		x, y := m.estimate(first.prefix+a, first.unit).mid, m.estimate(first.prefix+b, first.unit).mid
		return cmp.Compare(x, y)
	})
}

func (t table) markdown(m *measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", t.title)
	if t.intro != "" {
		b.WriteString(t.intro + "\n\n")
	}
	fmt.Fprintf(&b, "![%s](benchmarks/%s.svg)\n\n|", t.title, t.id)
	for _, c := range t.columns {
		fmt.Fprintf(&b, " | %s", c.head)
	}
	b.WriteString(" |\n|---" + strings.Repeat("|--:", len(t.columns)) + "|\n")
	for _, peer := range t.peers(m) {
		label := peer
		if !isOther(peer) {
			label = "**" + peer + "**"
		}
		b.WriteString("| " + label)
		for _, c := range t.columns {
			b.WriteString(" | " + t.cell(m, c, peer))
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

func (t table) cell(m *measured, c column, peer string) string {
	name := c.prefix + peer
	e := m.estimate(name, c.unit)
	switch {
	case math.IsNaN(e.mid):
		return "–"
	case c.plain:
		return quantity(e.mid, c.unit)
	}
	text := quantity(e.mid, c.unit)
	if len(m.values[name][c.unit]) > 1 {
		text += e.interval()
	}
	text += fmt.Sprintf(" (%.2f)", m.ratio(name, c.prefix+t.ours, c.unit).mid)
	if came := m.scaled[name]; came > 0 {
		text += fmt.Sprintf(", scaled from %.1f M", came/1e6)
	}
	return text
}

// wins lists where a peer is better than the guard, and the test tells them
// apart.
func (t table) wins(m *measured) (lines []string) {
	for _, c := range t.columns {
		for _, peer := range m.peers(c.prefix) {
			ours := t.rival(peer)
			r := m.ratio(c.prefix+peer, c.prefix+ours, c.unit)
			if c.plain || !isOther(peer) || peer == "floor" || !(r.mid < 1) || !m.differ(c.prefix+peer, c.prefix+ours, c.unit) {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s, %s: **%s** takes %.3g × what %s takes", t.title, c.head, peer, r.mid, ours))
		}
	}
	return lines
}

// rival is the row that a peer is compared with: echo's own middleware with
// the guard in echo.
func (t table) rival(peer string) string {
	if peer == "echo" && t.ours == "bearer-nethttp" {
		return "bearer-echo"
	}
	return t.ours
}

func isOther(peer string) bool { return !strings.HasPrefix(peer, "bearer") }

// quantity prints a value with three digits and its unit.
func quantity(v float64, unit string) string {
	switch unit {
	case "allocs/op":
		return fmt.Sprintf("%.0f", v)
	case "sec/op":
		return scale(v*1e9, "ns", "µs", "ms", "s")
	default:
		return scale(v, "B", "kB", "MB", "GB")
	}
}

func scale(v float64, units ...string) string {
	i := 0
	for ; v >= 999.5 && i < len(units)-1; i++ {
		v /= 1000
	}
	digits := 0
	if v > 0 {
		digits = max(0, 2-int(math.Floor(math.Log10(v))))
	}
	return fmt.Sprintf("%.*f %s", min(digits, 2), v, units[i])
}
