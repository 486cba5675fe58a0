package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testdata/run.txt is six rounds of a made-up run, and its memory.
func readRun(t *testing.T) *measured {
	t.Helper()
	f, err := os.Open("testdata/run.txt")
	require.NoError(t, err)
	defer f.Close()
	m, err := read(f)
	require.NoError(t, err)
	m.scaleStrangers(10_000_000)
	return m
}

func TestRead(t *testing.T) {
	m := readRun(t)
	assert.Equal(t, "Example CPU", m.cpu)
	assert.Equal(t, 6, m.rounds())
	assert.Equal(t, []string{"httprate-alone", "bearer-nethttp", "bearer-echo", "httprate", "echo"}, m.peers("KeyRoute/keys=hot/serial/"))
	assert.Len(t, m.values["KeyRoute/keys=hot/serial/echo"][seconds], 6)
	assert.Equal(t, estimate{4, 4, 4}, m.estimate("KeyRoute/keys=hot/serial/bearer-nethttp", "allocs/op"))
	e := m.estimate("KeyRoute/keys=hot/serial/bearer-nethttp", seconds)
	assert.InDelta(t, 502.5e-9, e.mid, 1e-12)
	assert.InDelta(t, 490e-9, e.lo, 1e-12)
	assert.InDelta(t, 515e-9, e.hi, 1e-12)
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":       "PASS\n",
		"no benchmark":  "BenchmarkA-2\tmany\t1 ns/op\n",
		"no number":     "BenchmarkA-2\t1\tx ns/op\n",
		"an empty file": "",
	} {
		_, err := read(strings.NewReader(text))
		assert.Error(t, err, name)
	}
}

func TestRatioIsTakenRoundByRound(t *testing.T) {
	m := &measured{values: map[string]map[string][]float64{
		"a": {seconds: {1, 10, 100}},
		"b": {seconds: {2, 20, 200}},
	}}
	assert.Equal(t, estimate{0.5, 0.5, 0.5}, m.ratio("a", "b", seconds))
	assert.True(t, math.IsNaN(m.ratio("a", "c", seconds).mid))
}

func TestScaleStrangers(t *testing.T) {
	m := readRun(t)
	assert.InDelta(t, 6.0e9, m.estimate("Strangers/xtime", "peak-B").mid, 1)
	assert.InDelta(t, 5.6e9, m.estimate("Strangers/xtime", "live-B").mid, 1)
	assert.InDelta(t, 1.0e9, m.estimate("Strangers/throttled", "peak-B").mid, 1)
	assert.Contains(t, page(m, facts{}), "6.00 GB (187.50), scaled from 5.0 M")
}

func TestVerdict(t *testing.T) {
	for _, row := range []struct {
		name   string
		target target
		want   string
	}{
		{"below the most", target{got: estimate{0.5, 0.4, 0.55}, bound: 0.6}, "met"},
		{"at the most", target{got: estimate{0.6, 0.6, 0.6}, bound: 0.6}, "met"},
		{"above the most", target{got: estimate{0.7, 0.65, 0.8}, bound: 0.6}, "**missed**"},
		{"below, but not surely", target{got: estimate{0.5, 0.4, 0.7}, bound: 0.6}, "met, within the noise"},
		{"above, but not surely", target{got: estimate{0.7, 0.5, 0.8}, bound: 0.6}, "**missed**, within the noise"},
		{"at a bound that is too much", target{got: estimate{1, 1, 1}, bound: 1, below: true}, "**missed**"},
		{"above the least", target{got: estimate{1.8, 1.75, 1.9}, bound: 1.7, atLeast: true}, "met"},
		{"below the least", target{got: estimate{1.2, 1.1, 1.3}, bound: 1.7, atLeast: true}, "**missed**"},
		{"not measured", target{got: estimateOf(nil), bound: 1}, "**missed**"},
	} {
		assert.Equal(t, row.want, row.target.verdict(), row.name)
	}
}

func TestTargets(t *testing.T) {
	m := readRun(t)
	all, err := targets(m)
	require.NoError(t, err)
	verdicts := make(map[string]string)
	for _, target := range all {
		verdicts[target.what] = target.verdict()
	}
	for what, want := range map[string]string{
		"key path / fastest peer stack (echo), hot":                           "**missed**",
		"key path / httprate alone, distinct":                                 "met",
		"allocations of the key path, hot":                                    "met",
		"throughput, two cores / one, distinct keys":                          "met",
		"ES256 uncached / golang-jwt's Parse":                                 "met",
		"EdDSA cached / fastest uncached peer (golang-jwt-parse)":             "**missed**",
		"Buckets / fastest peer that reports (sethvargo), n=1000000, serial":  "**missed**",
		"memory of a bucket / best peer with exact token buckets (throttled)": "met",
		"Buckets / fastest peer that reports (sethvargo), n=1, parallel":      "**missed**",
		"HS256 cached / key path, hot":                                        "met",
		"throughput, parallel / serial, one hot key":                          "met",
		"HS256 uncached / golang-jwt's Parse":                                 "met",
		"EdDSA uncached / golang-jwt's Parse":                                 "met",
		"ES256 cached / fastest uncached peer (golang-jwt-parse)":             "**missed**",
		"Buckets / fastest peer that reports (sethvargo), n=10000, parallel":  "**missed**",
		"key path / fastest peer stack (echo), distinct":                      "**missed**",
	} {
		assert.Equal(t, want, verdicts[what], what)
	}
}

func TestTargetsNeedAllMeasurements(t *testing.T) {
	m, err := read(strings.NewReader("BenchmarkLimiter/n=1/serial/bearer-2 1 5 ns/op\n"))
	require.NoError(t, err)
	_, err = targets(m)
	require.Error(t, err)
	assert.Contains(t, page(m, facts{}), "Not all was measured")
}

func TestWins(t *testing.T) {
	text := winsMarkdown(readRun(t))
	assert.Contains(t, text, "- Key route, one key, serial: **echo** takes 0.857 × what bearer-echo takes\n")
	assert.Contains(t, text, "- Limiter alone, one hot bucket, serial: **uber** takes 0.667 × what bearer takes\n")
	assert.NotContains(t, text, "golang-jwt-parse")
	assert.NotContains(t, text, "**bearer-cached** takes")
	assert.NotContains(t, text, "throttled")
}

func TestPage(t *testing.T) {
	f := facts{
		commit: "0123456789ab", date: "2026-01-02", goVersion: "go1.26.0", cpu: "Example CPU",
		settings: settings{count: 6, benchtime: "100ms"}, peers: []string{"example.com/peer v1.2.3"},
	}
	text := page(readRun(t), f)
	for _, want := range []string{
		"| commit | 0123456789ab |\n", "| date of the commit | 2026-01-02 |\n", "| CPU | Example CPU, ",
		"`GOWORK=off go -C benchmarks run ./report -count 6 -benchtime 100ms`",
		"| **bearer-nethttp** | 503 ns ± 3 % (1.00) | 279 ns ± 3 % (1.00) | 4 | 600 B |\n",
		"- example.com/peer v1.2.3\n", "- github.com/didip/tollbooth/v8: ",
	} {
		assert.Contains(t, text, want)
	}
	assert.Less(t, strings.Index(text, "| **bearer-nethttp** |"), strings.Index(text, "| echo |"), "the best comes first")
}

func TestQuantity(t *testing.T) {
	for _, row := range []struct {
		value float64
		unit  string
		want  string
	}{
		{0.4e-9, seconds, "0.40 ns"},
		{5e-9, seconds, "5.00 ns"},
		{52.26e-9, seconds, "52.3 ns"},
		{999.4e-9, seconds, "999 ns"},
		{999.6e-9, seconds, "1.00 µs"},
		{0.0123, seconds, "12.3 ms"},
		{4, "allocs/op", "4"},
		{34, "B/bucket", "34.0 B"},
		{2.7e9, "peak-B", "2.70 GB"},
		{0, "B/op", "0 B"},
	} {
		assert.Equal(t, row.want, quantity(row.value, row.unit))
	}
}

func TestWrite(t *testing.T) {
	docs := t.TempDir()
	m := readRun(t)
	require.NoError(t, write(docs, m, facts{}))
	text, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	require.NoError(t, err)
	for _, table := range tables {
		assert.Contains(t, string(text), "(benchmarks/"+table.id+".svg)")
		svg, err := os.ReadFile(filepath.Join(docs, "benchmarks", table.id+".svg"))
		require.NoError(t, err)
		assertXML(t, svg)
		assert.Contains(t, string(svg), `class="ours"`, table.id)
		assert.Contains(t, string(svg), "prefers-color-scheme: dark", table.id)
	}
}

// The page is written again without what another program has measured.
func TestWriteKeepsTheServerPart(t *testing.T) {
	docs := t.TempDir()
	name := filepath.Join(docs, "benchmarks.md")
	const part = "\n## A server over loopback\n\nfigures\n\n### Parts\n"
	require.NoError(t, os.WriteFile(name, []byte("# Benchmarks\n\nold\n"+part), 0o600))
	for range 2 {
		require.NoError(t, write(docs, readRun(t), facts{}))
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix(string(text), part))
		assert.NotContains(t, string(text), "old\n")
		assert.Equal(t, 1, strings.Count(string(text), "loopback"))
	}
}

func assertXML(t *testing.T, text []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(text)))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestLongBarsAreCut(t *testing.T) {
	m := &measured{values: make(map[string]map[string][]float64)}
	for peer, v := range map[string]float64{"bearer": 1e-9, "b": 2e-9, "c": 3e-9, "d": 100e-9} {
		m.names = append(m.names, "X/"+peer)
		m.values["X/"+peer] = map[string][]float64{seconds: {v}}
	}
	svg := table{ours: "bearer", columns: []column{{"one", "X/", seconds, false}}}.chart(m)
	assert.Contains(t, svg, ">100 ns →<")
	assert.Contains(t, svg, `width="40.0"`, "a twelfth of the cut bar")
	assert.Contains(t, svg, `width="480.0"`)
}
