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
