package issuer

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// The bounds of what is said of a leak.
const (
	maxLeakText   = 8 << 10 // bytes, as a guard takes them
	maxLeakSource = 64      // bytes
	maxLeakURL    = 1 << 10 // bytes
)

// leakedPrefix begins the Reason of a key that leaked. If the key is not revoked,
// the Reason is a flag, and the IDs of the secrets that leaked follow flagSecrets:
//
//	leaked: github:commit; secret 4kx2…
const (
	leakedPrefix = "leaked: "
	flagSecrets  = "; secret "
)

// flag notes in the Reason of a live key that a secret leaked, beside what was
// noted before.
func (k *APIKey) flag(secret, source string) {
	ids := append(k.flagged(), secret)
	k.Reason = leakedPrefix + source + flagSecrets + strings.Join(ids, " ")
}

// flagged returns the IDs of the live key's secrets that are flagged.
func (k *APIKey) flagged() []string {
	_, list, isFlag := strings.Cut(k.Reason, flagSecrets)
	if !k.RevokedAt.IsZero() || !isFlag || !strings.HasPrefix(k.Reason, leakedPrefix) {
		return nil
	}
	return strings.Fields(list)
}

// dropFlag removes a flag of which no secret is live. Time alone ends a
// secret, so that this is asked whenever a key is read or changed.
func (k *APIKey) dropFlag(now time.Time) {
	ids := k.flagged()
	isFlagged := func(s Secret) bool { return s.livesAt(now) && slices.Contains(ids, s.ID) }
	if len(ids) > 0 && !slices.ContainsFunc(k.Secrets, isFlagged) {
		k.Reason = ""
	}
}

// normalize brings what is said of a leak into the form in which it is told, or
// returns an error if the source is malformed (400).
func (l *Leak) normalize(text string) error {
	if l.Source == "" {
		l.Source = "report"
	}
	if len(l.Source) > maxLeakSource || strings.Trim(l.Source, "abcdefghijklmnopqrstuvwxyz0123456789_:-") != "" {
		return invalid("source", "source must be 1 to 64 of a-z, 0-9, _, : and -.")
	}
	l.URL = leakURL(l.URL, text)
	return nil
}

// leakURL returns what may be told and logged of a URL that a client sent. It is
// in ASCII without control characters, since a URL escapes all else, and holds
// neither a user, nor a query, nor the text that leaked.
func leakURL(place, text string) string {
	if len(place) > 8*maxLeakURL {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(place))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return ""
	}
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if isAnchor(u.Fragment) {
		clean.Fragment = u.Fragment
	}
	if strings.Contains(clean.Path+"#"+clean.Fragment, text) {
		clean.Path, clean.RawPath, clean.Fragment = "/", "", ""
	}
	short := clean.String()
	if len(short) > maxLeakURL {
		short = short[:strings.LastIndexByte(short[:maxLeakURL], '/')+1] // no escape holds a slash
	}
	if strings.Contains(short, text) || strings.ContainsFunc(short, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return short
}

// isAnchor reports whether a fragment names a place in a page, as #L12 and
// #issuecomment-1 do, and is not a text of its own.
func isAnchor(fragment string) bool {
	const most = 40 // bytes: less than a key has
	isOdd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_", c)
	}
	return len(fragment) <= most && !strings.ContainsFunc(fragment, isOdd)
}
