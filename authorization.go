package bearer

import "strings"

const maxCredential = 8 << 10 // bytes

// A credential is what a request brings, as far as its text tells.
type credential struct {
	field string      // the Authorization field
	text  string      // what follows the scheme
	kind  Kind        // of a key, by its prefix; zero: it has none
	env   Environment // of a key of the guard's format
	fault error       // nil for a key of the guard's format, or why it is none
}

// parse reads the bearer credential in the Authorization fields of a request:
// RFC 6750 section 2.1, RFC 9110 section 11.4.
func (c *credential) parse(fields []string, f *KeyFormat) *Error {
	switch len(fields) {
	case 0:
		return refusal(CodeUnauthorized, "missing_credentials", nil)
	case 1:
	default:
		return refusal(CodeInvalidRequest, "multiple_credentials", nil)
	}
	var ok bool
	if c.text, ok = cutScheme(fields[0]); !ok {
		return refusal(CodeUnauthorized, "missing_credentials", nil)
	}
	c.field = fields[0]
	c.kind, c.env, c.fault = parseKey(c.text, f.Namespace)
	if c.fault != nil && (len(c.text) > maxCredential || !isB64Token(c.text)) { // a well-formed key needs no look
		return refusal(CodeInvalidRequest, "malformed_credentials", nil)
	}
	return nil
}

// isJWT reports whether a credential that is no key is a JWT.
func (c *credential) isJWT() bool { return strings.Count(c.text, ".") == 2 }

// cutScheme returns what follows the scheme Bearer, and reports whether that is
// the scheme. What follows it in a wrong way is "".
func cutScheme(field string) (text string, ok bool) {
	const usual = "Bearer "
	if n := len(field); n > len(usual) && field[:len(usual)] == usual && field[len(usual)] > ' ' && field[n-1] > ' ' {
		return field[len(usual):], true
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

// isB64Token reports whether s is a b64token: RFC 6750 section 2.1.
func isB64Token(s string) bool {
	for s != "" && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	return s != "" && b64Chars.holds(s)
}

var (
	b64Chars   = charsetOf(base62 + "-._~+/")
	tokenChars = charsetOf(base62 + "!#$%&'*+-.^_`|~") // tchar: RFC 9110 section 5.6.2
)
