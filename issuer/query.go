package issuer

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A query is the query of a request's URL, where each parameter stands once.
type query map[string]string

// readQuery reads the parameters with the names. It refuses all others, so that
// no client takes a filter that it misspelled for one that finds all (400).
func readQuery(r *http.Request, names ...string) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("", "The query is malformed.")
	}
	q := query{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(names, name):
			return nil, invalid(param(name), "There is no such parameter.")
		case len(values[name]) > 1:
			return nil, invalid(name, name+" stands twice in the query.")
		case !isPlain(values[name][0]):
			return nil, invalid(name, name+" must not have control characters.")
		}
		q[name] = values[name][0]
	}
	return q, nil
}

// number returns a parameter that must be a number from 1 on, or zero if it is
// absent.
func (q query) number(name string) (int, error) {
	text, isThere := q[name]
	if !isThere {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, invalid(name, name+" must be a positive number.")
	}
	return int(n), nil
}

// flag returns a parameter that must be true or false, or false if it is absent.
func (q query) flag(name string) (bool, error) {
	switch text, isThere := q[name]; {
	case !isThere, text == "false":
		return false, nil
	case text == "true":
		return true, nil
	}
	return false, invalid(name, name+" must be true or false.")
}

// time returns a parameter that must be a time, or zero if it is absent.
func (q query) time(name string) (time.Time, error) {
	text, isThere := q[name]
	if !isThere {
		return time.Time{}, nil
	}
	return parseTime(name, text)
}

// rfc3339 is the date-time of RFC 3339 section 5.6, in capitals. [time.Parse] also
// takes a comma, hours of one digit, and offsets of a whole day.
var rfc3339 = regexp.MustCompile(
	`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime reads a time of RFC 3339. The zero time is none.
func parseTime(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.IsZero() || !rfc3339.MatchString(text) {
		return time.Time{}, invalid(name, name+" must be a time of RFC 3339, such as 2030-01-31T12:00:00Z.")
	}
	return t, nil
}
