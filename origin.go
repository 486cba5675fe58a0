package bearer

import (
	"net/http"
	"slices"
	"strings"
)

// allowsOrigin reports whether a request may come from where its Origin fields
// say (RFC 6454 section 7). Without one, it is of no page, or of a page that reads
// from its own origin: a check of origins keeps a key from other pages, and not
// from programs. A request with an empty field, or several, is of no browser, and
// is refused rather than understood. "null" is an origin like another: pages can
// have it on purpose, so that to list it is to allow any page.
func allowsOrigin(allowed, fields []string) bool {
	switch len(fields) {
	case 0:
		return true
	case 1:
		return fields[0] != "" && slices.Contains(allowed, fields[0])
	default:
		return false
	}
}

// addVaryOrigin tells caches that an answer depends on the Origin field (RFC 9110
// section 12.5.5). What the application has in Vary stays.
func addVaryOrigin(h http.Header) {
	for _, line := range h["Vary"] {
		for member := range strings.SplitSeq(line, ",") {
			if member = strings.Trim(member, " \t"); member == "*" || strings.EqualFold(member, "Origin") {
				return
			}
		}
	}
	h["Vary"] = append(h["Vary"], "Origin")
}
