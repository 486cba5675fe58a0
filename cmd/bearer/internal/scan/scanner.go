package scan

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

const (
	blockLen = 256 << 10
	reach    = 1 << 10 // bytes that a key may take on either side of its "live" or "test"
)

// A Scanner finds keys in texts of any length, in a bounded buffer. The zero value
// finds all. It is used for one text at a time.
type Scanner struct {
	Filter Filter

	buffer []byte
	hits   []hit
}

// A hit is a word that could be that of a key.
type hit struct {
	place  int
	stride int // 0: base64
}

// A word is what "live" and "test" look like.
type word struct {
	text   []byte
	stride int
}

var words = []word{
	{[]byte("live"), 1},
	{[]byte("test"), 1},
	{[]byte("l\x00i\x00v\x00e"), 2},
	{[]byte("t\x00e\x00s\x00t"), 2},
}

// Scan reads a text to its end, calls found with each key in it, in order, and
// returns how many bytes it read. An error is that of reading.
func (s *Scanner) Scan(r io.Reader, found func(Match)) (int64, error) {
	if s.buffer == nil {
		s.buffer = make([]byte, blockLen+2*reach)
	}
	l := lines{line: 1}
	var start int64        // of the buffer in the text
	have, searched := 0, 0 // bytes in the buffer, and of them those in which words were looked for
	for {
		n, err := io.ReadFull(r, s.buffer[have:])
		have += n
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return start + int64(have), err
		}
		until := have
		if !last {
			until = have - reach
		}
		data := s.buffer[:have]
		s.search(data, searched, until, start, &l, found)
		if last {
			return start + int64(have), nil
		}
		keep := until - reach
		l.count(data, start, keep)
		have = copy(s.buffer, data[keep:])
		searched = until - keep
		start += int64(keep)
	}
}

// search finds the keys whose word begins within data[from:until].
func (s *Scanner) search(data []byte, from, until int, start int64, l *lines, found func(Match)) {
	s.hits = s.hits[:0]
	for _, w := range words {
		s.look(data, from, until, w.text, w.stride)
	}
	for _, w := range encodedWords {
		s.look(data, from, until, []byte(w), 0)
	}
	slices.SortFunc(s.hits, func(a, b hit) int { return a.place - b.place })
	for _, h := range s.hits {
		m, ok := s.match(data, h)
		if !ok {
			continue
		}
		place := int(m.Offset)
		m.Offset += start
		m.Line, m.Column = l.position(data, start, place)
		found(m)
	}
}

// look notes where a word begins within data[from:until].
func (s *Scanner) look(data []byte, from, until int, text []byte, stride int) {
	end := min(len(data), until+len(text)-1)
	for from < until {
		i := bytes.Index(data[from:end], text)
		if i < 0 {
			return
		}
		s.hits = append(s.hits, hit{from + i, stride})
		from += i + 1
	}
}

// match returns the key around a hit, whose Offset is that in data.
func (s *Scanner) match(data []byte, h hit) (Match, bool) {
	if h.stride == 0 {
		return s.matchEncoded(data, h.place)
	}
	w := window{data, h.stride}
	text, head, begins, end, ok := w.read(h.place)
	if !ok {
		return Match{}, false
	}
	key, begin, ok := s.Filter.keyIn(text, head)
	m := Match{Key: key}
	if ok {
		m.Offset = int64(begins[begin])
		m.Length = int64(end) - m.Offset
	}
	if h.stride == 2 {
		m.Encoding = "utf-16"
	}
	return m, ok
}

// matchEncoded returns the key in the base64 around a place where a group begins.
func (s *Scanner) matchEncoded(data []byte, place int) (Match, bool) {
	decoded, groups := decode(data, place)
	at := 3 * slices.Index(groups, place) // of the group's first byte
	if at < 0 {
		return Match{}, false
	}
	for shift := -1; shift <= 1; shift++ { // "live" may begin in front of the group, or behind its first byte
		p := at + shift
		if p < 0 || p+4 > len(decoded) {
			continue
		}
		if word := string(decoded[p : p+4]); word != "live" && word != "test" {
			continue
		}
		m, ok := s.match(decoded, hit{p, 1})
		if ok {
			first, last := int(m.Offset)/3, min(int(m.Offset+m.Length-1)/3, len(groups)-1)
			m.Offset, m.Length = int64(groups[first]), int64(groups[last]+4-groups[first])
			m.Encoding = "base64"
		}
		return m, ok
	}
	return Match{}, false
}

// lines counts lines.
type lines struct {
	line    int64
	begin   int64 // where the line begins in the text
	counted int64 // up to where in the text
}

// count counts the lines that begin up to data[until], where data begins at start.
func (l *lines) count(data []byte, start int64, until int) {
	from := l.counted - start
	if from >= int64(until) {
		return
	}
	part := data[from:until]
	if n := bytes.Count(part, []byte("\n")); n > 0 {
		l.line += int64(n)
		l.begin = l.counted + int64(bytes.LastIndexByte(part, '\n')) + 1
	}
	l.counted = start + int64(until)
}

// position returns the line and the column of data[place].
func (l *lines) position(data []byte, start int64, place int) (line, column int64) {
	l.count(data, start, place)
	line, begin := l.line, l.begin
	if l.counted > start+int64(place) { // an earlier key began behind this one
		begin = min(begin, start+int64(place))
	}
	return line, start + int64(place) - begin + 1
}

// Redact returns a text in which each key is cut to its hint: a name of a file,
// say.
func Redact(text string) string {
	out := make([]byte, 0, len(text))
	end := 0
	_, _ = new(Scanner).Scan(bytes.NewReader([]byte(text)), func(m Match) {
		if begin := int(m.Offset); begin >= end {
			out = append(out, text[end:begin]...)
			out = append(append(out, m.Hint...), "..."...)
			end = begin + int(m.Length)
		}
	})
	return string(append(out, text[end:]...))
}
