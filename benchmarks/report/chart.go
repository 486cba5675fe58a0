package main

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// The measures of a chart, in pixels.
const (
	chartWidth = 760
	barsAt     = 150
	barsWidth  = 480
	rowHeight  = 20
	headHeight = 30
)

const chartStyle = `<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.head { font-weight: 600 }
.ours { fill: #0969da }
.peer { fill: #9aa4af }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.ours { fill: #4493f8 }
.peer { fill: #6e7681 }
}
</style>
`

// chart draws the compared columns of a table as bars, one group each.
func (t table) chart(m *measured) string {
	var b strings.Builder
	y := headHeight
	for _, c := range t.columns {
		if !c.plain {
			y = t.group(&b, m, c, y)
		}
	}
	title := html.EscapeString(t.title + " (less is better)")
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n",
		chartWidth, y+10, title) + chartStyle +
		fmt.Sprintf(`<text class="title" x="8" y="20">%s</text>`+"\n", title) + b.String() + "</svg>\n"
}

// group draws one column from y on, the best first, and returns where it ends.
func (t table) group(b *strings.Builder, m *measured, c column, y int) int {
	y += headHeight
	fmt.Fprintf(b, `<text class="head" x="8" y="%d">%s</text>`+"\n", y-8, html.EscapeString(c.head))
	peers := m.peers(c.prefix)
	value := func(peer string) float64 { return m.estimate(c.prefix+peer, c.unit).mid }
	slices.SortStableFunc(peers, func(p, q string) int { return cmp.Compare(value(p), value(q)) })
	full := fullBar(peers, value)
	for _, peer := range peers {
		class, v := "ours", value(peer)
		if isOther(peer) {
			class = "peer"
		}
		label := quantity(v, c.unit)
		if v > full {
			label += " →"
		}
		width := max(1, min(v/full, 1)*barsWidth)
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, barsAt-8, y+14, html.EscapeString(peer))
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`, class, barsAt, y+3, width, rowHeight-5)
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`+"\n", barsAt+width+6, y+14, label)
		y += rowHeight
	}
	return y
}

// fullBar is the value of the longest bar. Bars of more than four medians are
// cut, or nothing could be seen of the others.
func fullBar(sorted []string, value func(string) float64) float64 {
	if len(sorted) == 0 {
		return 1
	}
	return min(value(sorted[len(sorted)-1]), 4*value(sorted[len(sorted)/2]))
}
