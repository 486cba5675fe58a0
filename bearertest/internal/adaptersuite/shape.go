package adaptersuite

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// shape lists the fields of a request, as net/http and a router fill them in. A
// pattern is that of a route, and not the path: metrics are kept by it.
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
		"TLS":              strconv.FormatBool(r.TLS != nil),
		"PathValue":        strconv.Quote(r.PathValue("bearertest")),
	}
	if r.Pattern != "" {
		fields["Pattern"] = "the route's"
	}
	if strings.Contains(r.Pattern, s.fakes.word) {
		fields["Pattern"] = "the path"
	}
	for name, values := range r.Header {
		fields["the header field "+name] = quoted(values)
	}
	return fields
}

// body returns the body of a request, from its start: nil if it has none.
func (s *suite) body(r *row) io.Reader {
	switch {
	case r.size > 0:
		return io.LimitReader(pattern{}, int64(r.size))
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

// A pattern is a body without an end.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	n := copy(p, "0123456789abcdef\n")
	for n < len(p) {
		n += copy(p[n:], p[:n])
	}
	return n, nil
}

// contents reads a body and describes it: by how it begins, its length and a
// checksum.
func contents(body io.Reader) string {
	if body == nil {
		body = http.NoBody
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

func quoted(values []string) string { return strings.Trim(fmt.Sprintf("%q", values), "[]") }
