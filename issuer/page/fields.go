package page

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// What follows reads the fields of a form. What the issuer judges by itself, it
// is left to judge.

// invalid refuses a field, by the name that the endpoints have for it.
func invalid(param, detail string) *bearer.Error {
	return &bearer.Error{Code: bearer.CodeInvalidRequest, Reason: "invalid_request", Param: param, Detail: detail}
}

// lifetimeText returns a lifetime as a form has it: "30d" or "1h30m0s".
func lifetimeText(d time.Duration) string {
	if d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return d.String()
}

// expiryOf returns when a key expires by a form; before is when it did.
func (p *page) expiryOf(f *form, before, now time.Time) (time.Time, error) {
	switch f.Expiry {
	case expiryKeep:
		return before, nil
	case expiryNever:
		return time.Time{}, nil
	case expiryDate:
		date, err := time.Parse(time.DateOnly, f.Date)
		if err != nil {
			return date, invalid("expires_at", "Choose a day.")
		}
		return date.AddDate(0, 0, 1), nil // the whole of that day is left
	}
	for _, d := range p.lifetimes() {
		if f.Expiry == lifetimeText(d) {
			return now.Add(d), nil
		}
	}
	return now, invalid("expires_at", "Choose when the key expires.")
}

// addressesOf reads addresses and networks, one a line.
func addressesOf(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, line := range trimmedLines(text) {
		p, err := netip.ParsePrefix(line)
		if ip, noPrefix := netip.ParseAddr(line); noPrefix == nil && ip.Zone() == "" {
			p, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			return nil, invalid("allowed_ips", "allowed_ips must be addresses or networks, such as 192.0.2.0/24.")
		}
		list = append(list, p)
	}
	return list, nil
}

// metadataOf reads pairs, one a line.
func metadataOf(text string) (map[string]string, error) {
	var pairs map[string]string
	for _, line := range trimmedLines(text) {
		name, value, isPair := cutPair(line)
		if _, isTwice := pairs[name]; isTwice || !isPair || name == "" {
			return nil, invalid("metadata", "Write one name=value a line, and each name once.")
		}
		if pairs == nil {
			pairs = map[string]string{}
		}
		pairs[name] = value
	}
	return pairs, nil
}

// cutPair reads what quoteName and quoteValue wrote, with = between them.
func cutPair(line string) (name, value string, isPair bool) {
	if quoted, err := strconv.QuotedPrefix(line); err == nil && quoted[0] == '"' {
		name, _ = strconv.Unquote(quoted)
		value, isPair = strings.CutPrefix(line[len(quoted):], "=")
	} else {
		name, value, isPair = strings.Cut(line, "=")
		name = strings.TrimSpace(name)
	}
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, `"`) {
		if text, err := strconv.Unquote(value); err == nil {
			value = text
		}
	}
	return name, value, isPair
}

// quoteName quotes a name that would not come back as it is.
func quoteName(name string) string {
	if strings.ContainsAny(name, "=\"`'") || strings.TrimSpace(name) != name {
		return strconv.Quote(name)
	}
	return name
}

// quoteValue quotes a value that would not come back as it is: one with a line
// break, say.
func quoteValue(value string) string {
	if strings.HasPrefix(value, `"`) || strings.TrimSpace(value) != value || !isPlain(value) {
		return strconv.Quote(value)
	}
	return value
}

// kindOf returns the kind with the name, or zero.
func kindOf(text string) bearer.Kind {
	return named(text, bearer.SecretKey, bearer.PublishableKey)
}

// environmentOf returns the environment with the name, or zero.
func environmentOf(text string) bearer.Environment {
	return named(text, bearer.Test, bearer.Live)
}

// named returns the value that is printed so, or zero.
func named[T interface{ String() string }](text string, values ...T) (none T) {
	if n := slices.IndexFunc(values, func(v T) bool { return v.String() == text }); n >= 0 {
		return values[n]
	}
	return none
}
