package issuer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/blockauth/bearer"
)

// What a body may be.
const (
	maxBody  = 64 << 10 // bytes
	maxDepth = 32       // of objects and arrays in each other
	maxParam = 64       // bytes of a member's name that a refusal repeats
)

// An object is the body of a request: a JSON object, whose members are not read
// yet.
type object map[string]json.RawMessage

// readObject reads the body of a request: one JSON object in UTF-8, of at most 64
// KiB, without duplicate members, lone surrogates or NUL, not nested deeper than
// 32. Whatever else it is, is refused: 400, 413 or 415.
func readObject(w http.ResponseWriter, r *http.Request) (object, error) {
	data, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	return parseObject(data)
}

// readOptional is readObject for a body that may be empty: then it has no members.
func readOptional(w http.ResponseWriter, r *http.Request) (object, error) {
	data, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return object{}, nil
	}
	return parseObject(data)
}

// readBody returns the bytes of a body of JSON. An empty body has no media type.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refuse(bearer.CodePayloadTooLarge)
	case err != nil:
		return nil, invalid("", "The body could not be read.").WithCause(err)
	case len(data) > 0 && !isJSON(r.Header):
		return nil, refuse(bearer.CodeUnsupportedMediaType)
	}
	return data, nil
}

// isJSON reports whether a header says that the body is JSON in UTF-8. RFC 8259
// defines no parameter; many clients send a charset all the same.
func isJSON(h http.Header) bool {
	types := h.Values("Content-Type")
	if len(types) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	media, params, err := mime.ParseMediaType(types[0])
	charset, hasCharset := params["charset"]
	if hasCharset {
		delete(params, "charset")
	}
	return err == nil && media == "application/json" && len(params) == 0 &&
		(!hasCharset || strings.EqualFold(charset, "utf-8"))
}

func noObject() error { return invalid("", "The body must be one JSON object in UTF-8.") }

// parseObject parses strictly. What encoding/json tolerates and changes is
// refused: of duplicate members it keeps the last, where another reader in front
// may have judged the first; invalid UTF-8 and half a surrogate pair become
// U+FFFD, so that distinct texts become one.
func parseObject(data []byte) (object, error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, noObject()
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // 1e999 is no float64, and valid
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, noObject()
	}
	o := object{}
	for d.More() {
		token, err := d.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return nil, noObject()
		}
		if _, isThere := o[name]; isThere {
			return nil, invalid(param(name), "The member stands twice in the body.")
		}
		start := d.InputOffset()
		problem := problemOfNext(d, 1)
		value := bytes.TrimLeft(data[start:d.InputOffset()], ": \t\r\n")
		if problem = cmp.Or(problem, problemOfTexts(value)); problem != "" {
			return nil, invalid(param(name), problem)
		}
		o[name] = value
	}
	if problem := problemOfTexts(data); problem != "" { // that of a name
		return nil, invalid("", problem)
	}
	return o, nil
}

// param returns how a refusal names a member that the client made up.
func param(name string) string {
	isOdd := func(c rune) bool { return c < ' ' || c > '~' }
	if len(name) > maxParam || strings.ContainsFunc(name, isOdd) {
		return ""
	}
	return name
}

// problemOfNext says why the next value of a decoder, which is in so many objects
// and arrays, is refused, or "".
func problemOfNext(d *json.Decoder, depth int) string {
	token, err := d.Token()
	if err != nil {
		return "The member is malformed."
	}
	start, isNested := token.(json.Delim)
	if !isNested {
		return ""
	}
	depth++
	if depth > maxDepth {
		return "The member is nested too deeply."
	}
	names := map[string]bool{}
	for d.More() {
		if start == '{' {
			name, _ := d.Token()
			text, isName := name.(string)
			if !isName || names[text] {
				return "A name stands twice in an object."
			}
			names[text] = true
		}
		if problem := problemOfNext(d, depth); problem != "" {
			return problem
		}
	}
	_, _ = d.Token() // the end
	return ""
}

// text returns a member that must be a string (400).
func (o object) text(name string) (string, error) {
	text, isThere, err := o.optionalText(name)
	if err == nil && !isThere {
		err = invalid(name, name+" is required.")
	}
	return text, err
}

// optionalText returns a member that may be absent or null, and else must be a
// string (400).
func (o object) optionalText(name string) (text string, isThere bool, err error) {
	if !o.has(name) {
		return "", false, nil
	}
	if err := json.Unmarshal(o[name], &text); err != nil {
		return "", false, invalid(name, name+" must be a string.")
	}
	return text, true, nil
}

// has reports whether a member is there and not null.
func (o object) has(name string) bool {
	value, isThere := o[name]
	return isThere && string(value) != "null"
}

// only refuses members with other names (400).
func (o object) only(names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(names, name) {
			return invalid(param(name), "There is no such member.")
		}
	}
	return nil
}

// problemOfTexts says what stands in a string of valid JSON that no text has, or
// "": NUL, or half a surrogate pair. Both can only be written as an escape.
//
// It steps from backslash to backslash. An escape of two bytes is skipped as a
// whole, so that the second backslash of "\\u0000" begins none.
func problemOfTexts(data []byte) string {
	for {
		at := bytes.IndexByte(data, '\\')
		if at < 0 {
			return ""
		}
		unit, size := escape(data[at:])
		if utf16.IsSurrogate(unit) {
			second, more := escape(data[at+size:])
			if utf16.DecodeRune(unit, second) == utf8.RuneError {
				return "A string has half a surrogate pair."
			}
			size += more
		}
		if unit == 0 {
			return "A string has a NUL character."
		}
		data = data[at+size:]
	}
}

// escape returns the UTF-16 code unit that data begins with as \u and four digits,
// and its size in bytes. Of anything else, it returns a replacement and the size
// of a short escape.
func escape(data []byte) (unit rune, size int) {
	const long = len(`\u0000`)
	if len(data) < long || data[0] != '\\' || data[1] != 'u' {
		return utf8.RuneError, 2
	}
	n, err := strconv.ParseUint(string(data[2:long]), 16, 16)
	if err != nil {
		return utf8.RuneError, 2
	}
	return rune(n), long
}
