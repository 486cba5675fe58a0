package bearer

import (
	"strings"

	"github.com/blockauth/bearer/internal/base62"
)

const maxCredential = 8 << 10 // bytes

// A credential is a bearer credential, and what its text alone says about it.
type credential struct {
	field  string      // the Authorization field
	text   string      // what follows the scheme
	kind   Kind        // of a key, by its prefix; zero: it has none
	env    Environment // of a key of the guard's format
	notKey error       // why it is no key of the guard's format; nil: it is one
}

// parse reads the bearer credential in the Authorization fields of a request:
// RFC 6750 section 2.1, RFC 9110 section 11.4.
func (c *credential) parse(fields []string, f *KeyFormat) *Error {
	switch len(fields) {
	case 0:
		return refusal(reasonMissingCredentials, nil)
	case 1:
	default:
		return refusal(reasonMultipleCredentials, nil)
	}
	c.field = fields[0]
	const usual = "Bearer "
	if text, ok := strings.CutPrefix(c.field, usual); ok && text != "" && text[0] > ' ' && text[len(text)-1] > ' ' {
		c.text = text
	} else if !c.cutScheme() {
		return refusal(reasonMissingCredentials, nil)
	}
	c.kind, c.env, c.notKey = parseKey(c.text, f.Namespace)
	if c.notKey != nil && (len(c.text) > maxCredential || !isB64Token(c.text)) { // a key of the format is both
		return refusal(reasonMalformedCredentials, nil)
	}
	return nil
}

// cutScheme finds the text behind the scheme, and reports whether the scheme is
// Bearer. The text is "" if it is parted from the scheme in a wrong way.
func (c *credential) cutScheme() bool {
	field := strings.Trim(c.field, " \t")
	end := 0
	for end < len(field) && tokenChars[field[end]] != 0 {
		end++
	}
	if !strings.EqualFold(field[:end], "bearer") {
		return false
	}
	c.text = strings.TrimLeft(field[end:], " ")
	if len(c.text) == len(field)-end {
		c.text = ""
	}
	return true
}

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
	tokenChars = base62.SetOf(base62.Digits + "!#$%&'*+-.^_`|~") // tchar: RFC 9110 section 5.6.2
)
