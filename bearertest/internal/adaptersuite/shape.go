package adaptersuite

import (
	"crypto/tls"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// changed returns a finding about what a request has now that it did not have as
// it arrived, or lacks. Most have nothing: so their fields are listed only if
// they are unlike.
func (s *suite) changed(r *http.Request, body string, e *exchange) string {
	if e.arrived == nil || body == e.body && s.alike(r, e.arrived) {
		return ""
	}
	return differences(s.shape(r, body), s.shape(e.arrived, e.body))
}

// alike reports whether the shapes of two requests are the same. It may say no
// where they are.
func (s *suite) alike(a, b *http.Request) bool {
	return a.Method == b.Method && *a.URL == *b.URL && a.Proto == b.Proto && a.ProtoMajor == b.ProtoMajor &&
		a.ProtoMinor == b.ProtoMinor && a.Host == b.Host && a.RemoteAddr == b.RemoteAddr &&
		a.RequestURI == b.RequestURI && a.TLS == b.TLS && s.patternOf(a) == s.patternOf(b) &&
		a.PathValue("bearertest") == b.PathValue("bearertest") && framedAlike(a, b) &&
		maps.EqualFunc(a.Header, b.Header, slices.Equal)
}

// framedAlike reports whether two requests end alike.
func framedAlike(a, b *http.Request) bool {
	return a.ContentLength == b.ContentLength && slices.Equal(a.TransferEncoding, b.TransferEncoding) &&
		a.Close == b.Close && maps.EqualFunc(a.Trailer, b.Trailer, slices.Equal)
}

// patternOf says what the pattern of a request is: that of a route, and not the
// path, as metrics are kept by it.
func (s *suite) patternOf(r *http.Request) string {
	switch {
	case strings.Contains(r.Pattern, s.fakes.word):
		return "the path"
	case r.Pattern != "":
		return "the route's"
	default:
		return ""
	}
}

// shape lists the fields of a request, as net/http and a router fill them in.
func (s *suite) shape(r *http.Request, body string) map[string]string {
	fields := map[string]string{
		"Method":           r.Method,
		"URL":              r.URL.String(),
		"Proto":            fmt.Sprintf("%s (%d, %d)", r.Proto, r.ProtoMajor, r.ProtoMinor),
		"Body":             body,
		"ContentLength":    strconv.FormatInt(r.ContentLength, 10),
		"TransferEncoding": quoted(r.TransferEncoding),
		"Host":             r.Host,
		"RemoteAddr":       r.RemoteAddr,
		"RequestURI":       r.RequestURI,
		"TLS":              connection(r.TLS),
		"Close":            strconv.FormatBool(r.Close),
		"Trailer":          strings.Join(slices.Sorted(maps.Keys(r.Trailer)), " "),
		"PathValue":        strconv.Quote(r.PathValue("bearertest")),
	}
	if pattern := s.patternOf(r); pattern != "" {
		fields["Pattern"] = pattern
	}
	for name, values := range r.Header {
		fields["the header field "+name] = quoted(values)
	}
	return fields
}

// connection says what is known of a connection over TLS.
func connection(c *tls.ConnectionState) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%q, with %d certificates", c.ServerName, len(c.PeerCertificates))
}

// body returns the body of a request, from its start: nil if it has none.
func (s *suite) body(r *row) io.Reader {
	switch {
	case r.size > 0:
		return io.LimitReader(new(pattern), int64(r.size))
	case r.body != "":
		return strings.NewReader(s.fakes.expand(r.body))
	default:
		return nil
	}
}

// length returns how long the body of a request is.
func (r *row) length(f *fakes) int64 {
	return int64(max(r.size, len(f.expand(r.body))))
}

// A pattern is a body without an end: the same for reads of any size.
type pattern struct {
	at int // in its text
}

const patternText = "0123456789abcdef\n"

func (b *pattern) Read(p []byte) (int, error) {
	n := copy(p, patternText[b.at:]+patternText[:b.at])
	for n < len(p) {
		n += copy(p[n:], p[:n]) // whole texts, but for the last
	}
	b.at = (b.at + n) % len(patternText)
	return n, nil
}

// contents reads a body and describes it: by how it begins, its length and a
// checksum.
func contents(body io.Reader) string {
	if body == nil || body == http.NoBody {
		return `0 bytes "" (0)`
	}
	var start strings.Builder
	sum := crc32.NewIEEE()
	n, err := io.CopyN(io.MultiWriter(&start, sum), body, 200)
	if err == nil {
		var more int64
		more, err = io.Copy(sum, body)
		n += more
	}
	text := fmt.Sprintf("%d bytes %q (%x)", n, start.String(), sum.Sum32())
	if err != nil && !errors.Is(err, io.EOF) {
		text += fmt.Sprintf(" (%v)", err)
	}
	return text
}

func bodyText(body string) string { return fmt.Sprintf("%d bytes %q", len(body), body) }

// quoted quotes each of the values.
func quoted(values []string) string {
	var text []byte
	for i, value := range values {
		if i > 0 {
			text = append(text, ' ')
		}
		text = strconv.AppendQuote(text, value)
	}
	return string(text)
}
