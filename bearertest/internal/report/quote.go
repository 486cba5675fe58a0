package report

import "fmt"

// Quoted quotes two texts that differ: of long ones, what is about the place
// where they begin to differ.
func Quoted(got, want string) (string, string) {
	const long, before, after = 60, 10, 20
	if len(got) <= long && len(want) <= long {
		return fmt.Sprintf("%q", got), fmt.Sprintf("%q", want)
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	part := func(s string) string {
		from, to := max(0, at-before), min(len(s), at+after)
		return fmt.Sprintf("%d bytes (from byte %d on: %q)", len(s), from, s[from:to])
	}
	return part(got), part(want)
}
