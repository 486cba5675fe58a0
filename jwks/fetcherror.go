package jwks

import (
	"net/url"
	"strings"
	"unicode"
)

const maxShown = 200 // bytes, of a URL and of a reason

// A fetchError is why a fetch has failed, in a text that may be logged: what
// the issuer wrote is in it only in part, and queries, which may have secrets,
// are not.
type fetchError struct {
	place  string // "": not of one URL
	reason error
}

// Error implements error.
func (e *fetchError) Error() string {
	if e.place == "" {
		return "jwks: " + shownReason(e.reason)
	}
	return "jwks: " + shownURL(e.place) + ": " + shownReason(e.reason)
}

// Unwrap returns the reason, whose own text may be longer.
func (e *fetchError) Unwrap() error { return e.reason }

// shownURL returns a URL without its query.
func shownURL(place string) string {
	u, err := url.Parse(place)
	if err != nil {
		return "a URL that cannot be parsed"
	}
	return printable(u.Scheme + "://" + u.Host + u.EscapedPath())
}

// shownReason returns the text of an error up to what it quotes and up to a
// query. For an answer with "Location: https://b.test/%zz?token=secret",
// net/http says
//
//	failed to parse Location header "https://b.test/%zz?token=secret": parse ...
//
// and this shows
//
//	failed to parse Location header
func shownReason(err error) string {
	text, _, _ := strings.Cut(err.Error(), `"`)
	text, _, _ = strings.Cut(text, "?")
	return strings.TrimRight(printable(text), " :")
}

// printable returns the first bytes of a text, in one line.
func printable(text string) string {
	text = text[:min(len(text), maxShown)]
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '.'
		}
		return r
	}, text)
}
