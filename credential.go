package bearer

import (
	"net/http"
	"slices"
	"strings"

	"github.com/blockauth/bearer/internal/base62"
)

// A credential is a bearer credential, and what its text alone says about it.
type credential struct {
	place  place
	text   string      // the credential itself
	kind   Kind        // of a key, by its prefix; zero: it has none
	env    Environment // of a key of the guard's format
	notKey error       // why it is no key of the guard's format; nil: it is one
	token  *token      // that it spells, if that is remembered as signed; nil: see remembers
}

// A place is where a request has its credential. The zero place is nowhere.
type place struct {
	text      string // the Authorization field,
	elsewhere bool   // or what Config.Credential found
}

// cutBearer returns the text behind the scheme of an Authorization field, and
// reports whether the scheme is Bearer. The text is "" if it is parted from the
// scheme in a wrong way.
func cutBearer(field string) (text string, ok bool) {
	const usual = "Bearer "
	if text, ok = strings.CutPrefix(field, usual); ok && text != "" && text[0] > ' ' && text[len(text)-1] > ' ' {
		return text, true
	}
	field = strings.Trim(field, " \t")
	end := 0
	for end < len(field) && tokenChars[field[end]] != 0 {
		end++
	}
	if !strings.EqualFold(field[:end], "bearer") {
		return "", false
	}
	text = strings.TrimLeft(field[end:], " ")
	if len(text) == len(field)-end {
		return "", true
	}
	return text, true
}

// HeaderCredential returns a function for Config.Credential that finds a
// credential in the header fields with the names, such as X-API-Key. A request
// with two of them is refused (400), whatever they hold. It panics without a
// name, and for Authorization and Proxy-Authorization, whose values begin with a
// scheme.
func HeaderCredential(names ...string) func(*http.Request) string {
	canonical := make([]string, len(names))
	for i, name := range names {
		canonical[i] = http.CanonicalHeaderKey(name)
		if name == "" || strings.Trim(name, fieldNameChars) != "" {
			panic("bearer: HeaderCredential: a name that no header field can have")
		}
		if slices.Contains([]string{"Authorization", "Proxy-Authorization"}, canonical[i]) {
			panic("bearer: HeaderCredential: " + name + " holds a scheme too")
		}
	}
	if len(names) == 0 {
		panic("bearer: HeaderCredential: no name")
	}
	return func(r *http.Request) string {
		var found []string
		for _, name := range canonical {
			found = append(found, r.Header[name]...)
		}
		switch {
		case len(found) != 1:
			return strings.Join(found, listSeparator)
		case isBlank(found[0]):
			return " " // there, but empty
		}
		return strings.Trim(found[0], " \t")
	}
}

// isBlank reports whether text is nothing but white space.
func isBlank(text string) bool { return strings.Trim(text, " \t") == "" }

// A listSeparator makes one value of several fields (RFC 9110 section 5.3). No
// credential has it.
const listSeparator = ", "

// isJWT reports whether a credential that is no key is a JWT.
func (c *credential) isJWT() bool { return strings.Count(c.text, ".") == 2 }

// isB64Token reports whether s is a b64token: RFC 6750 section 2.1.
func isB64Token(s string) bool {
	for s != "" && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	return s != "" && b64Chars.Holds(s)
}

var (
	b64Chars   = base62.SetOf(base62.Digits + "-._~+/")
	tokenChars = base62.SetOf(fieldNameChars)
)

const fieldNameChars = base62.Digits + "!#$%&'*+-.^_`|~" // tchar: RFC 9110 section 5.6.2
