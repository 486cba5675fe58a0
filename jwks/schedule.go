package jwks

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// minMaxAge is the shortest max-age that is believed: some issuers answer
	// with a few seconds, for the caches in between.
	minMaxAge = 5 * time.Minute

	minRetry = time.Second
	maxRetry = time.Minute
)

// A schedule says when to fetch next. Each time is spread by chance, so that
// processes that began together do not go on asking together.
type schedule struct {
	at       time.Time
	failures int // of the schedule's own fetches, since the last success
}

// follow sets when the next fetch is due after one that is over. After a
// success, that is when 65 to 75 % of the set's time have passed: with 15
// minutes, after about ten, so that five are left to try again before the set
// is stale. Since that time is counted from when the fetch began, it may be
// over already: with MaxAge of 2 s and an issuer that takes 3 s, the next
// fetch begins 1 s after the last. After a failure it is due in about 1, 2, 4
// seconds and so on up to a minute. A fetch that a token asked for and that
// failed changes nothing, so that tokens do not set the pace.
func (n *schedule) follow(f Fetch, current *fetchedSet) {
	switch {
	case f.Err == nil:
		n.failures = 0
		age := current.maxAge
		n.at = current.at.Add(spread(age/10*7, age/10)) // age*7 may overflow
		if first := time.Now().Add(min(time.Second, age/2)); n.at.Before(first) {
			n.at = first
		}
	case !f.OnDemand:
		retry := min(minRetry<<min(n.failures, 10), maxRetry)
		n.failures++
		n.at = time.Now().Add(spread(retry, retry/2))
	}
}

// spread returns a time around d: at most half of width away.
func spread(d, width time.Duration) time.Duration {
	return d - width/2 + rand.N(width) //nolint:gosec // nothing is to be kept from guessing it
}

// maxAgeOf returns how long a set is fresh: longest, or the max-age of the
// answer (RFC 9111 section 5.2.2.1) if that is shorter.
func maxAgeOf(header http.Header, longest time.Duration) time.Duration {
	for _, line := range header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			if !strings.EqualFold(name, "max-age") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err == nil {
				return min(longest, max(minMaxAge, time.Duration(seconds)*time.Second))
			}
		}
	}
	return longest
}
