package bearer

// A charset is a set of bytes, as a table of which are in it: 1 or 0.
type charset [256]byte

func charsetOf(chars string) *charset {
	var c charset
	for i := range len(chars) {
		c[chars[i]] = 1
	}
	return &c
}

// holds reports whether all bytes of s are in the set. Eight at a time take a
// third of the time that they would take one by one, and a credential has
// dozens of them, or hundreds: see BenchmarkCharset.
func (c *charset) holds(s string) bool {
	for len(s) >= 8 {
		if c[s[0]]&c[s[1]]&c[s[2]]&c[s[3]]&c[s[4]]&c[s[5]]&c[s[6]]&c[s[7]] == 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if c[s[i]] == 0 {
			return false
		}
	}
	return true
}
