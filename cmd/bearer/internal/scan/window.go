package scan

import "slices"

// A window is the text around the word "live" or "test" at a position of data,
// whose characters are stride bytes apart, read as far as a key could reach.
type window struct {
	data   []byte
	stride int
}

// at returns the character at a position, or 0 if there is none. In UTF-16, the
// byte behind that of an ASCII letter, or before it, is zero.
func (w window) at(p int) byte {
	if p < 0 || p >= len(w.data) {
		return 0
	}
	return w.data[p]
}

// joined reports whether the bytes between the character at p and the one behind
// it are those of UTF-16.
func (w window) joined(p int) bool { return w.stride == 1 || w.at(p+1) == 0 }

// The spellings of an underscore: its own, and those of Markdown, URLs, JSON,
// JavaScript and HTML. All other characters of a key are letters and digits, which
// no encoding spells in another way.
var underscores = []string{"_", `\_`, "%5F", "%5f", `\u005F`, `\u005f`, `\x5F`, `\x5f`, "&#95;", "&#x5F;", "&#x5f;"}

// has reports whether a text begins at p.
func (w window) has(p int, text string) bool {
	for i := range len(text) {
		if w.at(p) != text[i] || i < len(text)-1 && !w.joined(p) {
			return false
		}
		p += w.stride
	}
	return true
}

// skip returns the position behind an underscore at p.
func (w window) skip(p int) (int, bool) {
	switch w.at(p) {
	case '_', '\\', '%', '&':
	default:
		return 0, false
	}
	for _, spelling := range underscores {
		if w.has(p, spelling) {
			return p + len(spelling)*w.stride, true
		}
	}
	return 0, false
}

// back returns the position of an underscore that ends in front of p.
func (w window) back(p int) (int, bool) {
	switch w.at(p - w.stride) {
	case '_', 'F', 'f', ';':
	default:
		return 0, false
	}
	for _, spelling := range slices.Backward(underscores) { // "_" is the end of another
		if q := p - len(spelling)*w.stride; w.has(q, spelling) && w.joined(p-w.stride) {
			return q, true
		}
	}
	return 0, false
}

// base62 appends n letters or digits from p on to text, and returns the position
// behind them.
func (w window) base62(text []byte, p, n int) ([]byte, int, bool) {
	for i := range n {
		c := w.at(p)
		if !isBase62(c) || i < n-1 && !w.joined(p) {
			return text, p, false
		}
		text, p = append(text, c), p+w.stride
	}
	return text, p, true
}

func isBase62(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// read returns the text of the key whose "live" or "test" is at p, with what could
// be its namespace, and where its sk_ or pk_ begins in it. begins has the position
// of each character up to there, and end is behind the text.
func (w window) read(p int) (text string, head int, begins []int, end int, found bool) {
	q, ok := w.back(p)
	if !ok || w.at(q-w.stride) != 'k' || !w.joined(q-w.stride) {
		return "", 0, nil, 0, false
	}
	q -= 2 * w.stride
	if c := w.at(q); c != 's' && c != 'p' || !w.joined(q) {
		return "", 0, nil, 0, false
	}
	body, end, found := w.tail(p)
	if !found {
		return "", 0, nil, 0, false
	}
	front, begins := w.namespace(q)
	prefix := string(w.at(q)) + "k_"
	return front + prefix + string(body), len(front), append(begins, q), end, true
}

// tail returns what a key has from its environment at p on.
func (w window) tail(p int) (body []byte, end int, found bool) {
	q, found := w.skip(p + 4*w.stride)
	if !found || !isBase62(w.at(q)) {
		return nil, 0, false
	}
	body, _, _ = w.base62(make([]byte, 0, prefixLen+tailLen), p, 4)
	body = append(body, '_')
	if body, q, found = w.base62(body, q, idLen); !found {
		return nil, 0, false
	}
	if q, found = w.skip(q); !found {
		return nil, 0, false
	}
	body = append(body, '_')
	return w.base62(body, q, secretLen)
}

// namespace returns the characters in front of p that could be a namespace, and
// the position of each.
func (w window) namespace(p int) (string, []int) {
	var reversed []byte
	var places []int
	for len(reversed) <= maxNS {
		q, ok := w.back(p)
		c := byte('_')
		if !ok {
			q = p - w.stride
			c = w.at(q)
			if c == '_' || !isNamespace(string(c)) {
				break
			}
		}
		if !w.joined(q) {
			break
		}
		reversed, places, p = append(reversed, c), append(places, q), q
	}
	text := make([]byte, len(reversed))
	begins := make([]int, 0, len(reversed)+1)
	for i := range reversed {
		last := len(reversed) - 1 - i
		text[i] = reversed[last]
		begins = append(begins, places[last])
	}
	return string(text), begins
}
