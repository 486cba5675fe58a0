package issuer

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/blockauth/bearer"
)

// maxFields is how many parameters a form may have.
const maxFields = 64

// formMedia is the media type of the requests to /oauth.
const formMedia = "application/x-www-form-urlencoded"

// oauthParams are the parameters that /oauth reads. They are never in the URL,
// which logs and histories keep (RFC 6749 section 2.3.1).
var oauthParams = []string{
	"grant_type", "client_id", "client_secret", "scope", "token", "token_type_hint",
	"client_assertion", "client_assertion_type",
}

// A formField is one parameter of a form.
type formField struct{ name, value string }

// formFields are the parameters of a form, in their order.
type formFields []formField

// get returns a parameter. One without a value is as one that is omitted (RFC
// 6749 section 3.2).
func (f formFields) get(name string) string {
	for i := range f {
		if f[i].name == name {
			return f[i].value
		}
	}
	return ""
}

// readForm reads the body of a request to /oauth. Whatever is no form, or could
// be read in two ways, is refused: 400 or 413.
func readForm(w http.ResponseWriter, r *http.Request) (formFields, error) {
	if !isForm(r.Header) {
		return nil, invalid("", "The body must be "+formMedia+".")
	}
	if err := checkQuery(r.URL); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, refuse(bearer.CodePayloadTooLarge)
	}
	if err != nil {
		return nil, invalid("", "The body could not be read.").WithCause(err)
	}
	return parseForm(string(data))
}

// isForm reports whether a header says that the body is a form in UTF-8.
func isForm(h http.Header) bool {
	types := h["Content-Type"]
	if len(types) != 1 || len(h["Content-Encoding"]) > 0 {
		return false
	}
	if types[0] == formMedia {
		return true
	}
	media, params, err := mime.ParseMediaType(types[0])
	charset, hasCharset := params["charset"]
	return err == nil && media == formMedia && (!hasCharset || strings.EqualFold(charset, "utf-8"))
}

// checkQuery refuses parameters of /oauth in the URL.
func checkQuery(u *url.URL) error {
	if u.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return invalid("", "The query of the URL is malformed.")
	}
	for name := range query {
		if slices.Contains(oauthParams, name) {
			return invalid(name, name+" must not be in the URL.")
		}
	}
	return nil
}

// parseForm parses a form strictly. Go's own parser keeps what it could read of a
// malformed one, and all values of a name that stands twice, where another reader
// in front may have judged another value than this one.
func parseForm(text string) (formFields, error) {
	if strings.Contains(text, ";") {
		return nil, invalid("", "The body is malformed.") // some readers part parameters by it
	}
	fields := make(formFields, 0, 8)
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, isName := decodeForm(name)
		value, isValue := decodeForm(value)
		if !isName || !isValue {
			return nil, invalid("", "The body is malformed.")
		}
		if slices.ContainsFunc(fields, func(f formField) bool { return f.name == name }) {
			return nil, invalid("", "A parameter stands twice in the body.")
		}
		if len(fields) == maxFields {
			return nil, invalid("", "The body has too many parameters.")
		}
		fields = append(fields, formField{name, value})
	}
	return fields, nil
}

// decodeForm decodes a name or a value of a form: a "+" is a space. It reports
// false if an escape is malformed, or if what it stands for is not UTF-8.
func decodeForm(text string) (string, bool) {
	decoded, err := url.QueryUnescape(text)
	return decoded, err == nil && utf8.ValidString(decoded)
}
