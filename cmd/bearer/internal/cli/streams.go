package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Streams are what a program reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	JSON     bool // -json was given

	InTerminal, OutTerminal, ErrTerminal bool // whether a person is at the other end
}

// Put writes a result: v as a line of JSON if -json was given, else the text.
func (s *Streams) Put(v any, text string) error {
	if !s.JSON {
		_, err := io.WriteString(s.Out, text)
		return err
	}
	encoder := json.NewEncoder(s.Out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// Flush hands out the results so far, before something is written beside them.
func (s *Streams) Flush() {
	if out, buffered := s.Out.(interface{ Flush() error }); buffered {
		_ = out.Flush() // the error comes again at the end
	}
}

// Notef tells a person something beside the results: what is written with -json
// is for programs, and has none.
func (s *Streams) Notef(format string, args ...any) {
	s.Flush()
	if !s.JSON {
		fmt.Fprintf(s.Err, format+"\n", args...)
	}
}

// Complain tells of a failure of one of many things, while others go on.
func (s *Streams) Complain(text string) {
	if s.JSON {
		s.WriteError(map[string]any{"error": map[string]any{"message": text}})
		return
	}
	s.Flush()
	fmt.Fprintln(s.Err, PlainLines(text))
}

// Plain returns a text that a terminal shows as it is: one with other than
// printable characters is quoted, so that it can move no cursor and reverse no
// direction.
func Plain(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	return strconv.Quote(text)
}

// PlainLines is Plain, but a text may have several lines, each of which is quoted
// by itself.
func PlainLines(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n")
	for i, line := range lines {
		lines[i] = Plain(line)
	}
	return strings.Join(lines, "\n")
}

// A Progress shows on a terminal how far long work is. It shows nothing in the
// first second, and nothing elsewhere.
type Progress struct {
	s     *Streams
	next  time.Time
	shown bool
}

// Progress returns a Progress on the standard error.
func (s *Streams) Progress() *Progress { return &Progress{s: s, next: time.Now().Add(time.Second)} }

// Show shows what text returns, unless it has shown something just now.
func (p *Progress) Show(text func() string) {
	if !p.s.ErrTerminal || p.s.JSON {
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next, p.shown = now.Add(200*time.Millisecond), true
		fmt.Fprintf(p.s.Err, "\r\x1b[K%s", text())
	}
}

// Clear removes what is shown, before something else is written.
func (p *Progress) Clear() {
	if p.shown {
		fmt.Fprint(p.s.Err, "\r\x1b[K")
		p.shown = false
	}
}
