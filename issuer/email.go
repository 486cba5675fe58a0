package issuer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxEmail = 254 // bytes: RFC 5321 section 4.5.3.1.3, without the angle brackets

// normalEmail returns the one form in which emails are compared: trimmed, NFC,
// lower case. Lower case is composed again, since some letters have none that is
// one character.
func normalEmail(text string) string {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(text))))
}

// validateEmail returns a refusal of an email in its one form that cannot be one:
// one @ with something on both sides, and no character that does not show. What
// else an address may be, only a mail to it tells.
func validateEmail(email string) error {
	local, domain, _ := strings.Cut(email, "@")
	isHidden := func(c rune) bool { return c == ' ' || c == utf8.RuneError || !unicode.IsPrint(c) }
	switch {
	case local == "" || domain == "" || strings.Contains(domain, "@"):
		return invalid("email", "email must be an address, such as ada@example.com")
	case len(email) > maxEmail:
		return invalid("email", "email must not be longer than 254 bytes")
	case strings.ContainsFunc(email, isHidden):
		return invalid("email", "email must not have spaces or control characters")
	}
	return nil
}

const (
	minPassword = 8       // characters
	maxPassword = 1 << 10 // bytes
)

// validatePassword returns a refusal of a new password that is too short or long.
func validatePassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return invalid("password", "password must be UTF-8")
	case utf8.RuneCountInString(password) < minPassword:
		return invalid("password", "password must have at least 8 characters")
	case len(password) > maxPassword:
		return invalid("password", "password must not be longer than 1024 bytes")
	}
	return nil
}
