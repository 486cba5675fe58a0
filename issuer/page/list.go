package page

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A list is one page of keys.
type list struct {
	Filter      filter
	Rows        []row
	Next, First string // queries of other pages, or ""
}

// A row is a key in a list.
type row struct {
	ID, Name, Hint            string
	Kind, Environment, Access string
	LastUsed, Expires         moment
	States                    []state
}

// A state is a word about a key, with its class of the style.
type state struct{ Class, Text string }

// A choice is one of several values of a field.
type choice struct {
	Value, Label, About string
	IsChosen            bool
	Reads               bool // of a scope: the preset "Read only" has it
}

// A filter says which keys are shown.
type filter struct {
	Text, State, Environment, Kind string
	Selects                        []selection
}

// A selection is a field of a filter.
type selection struct {
	Label, Name string
	Options     []choice
}

// The states for which a list can be filtered.
const (
	stateAll      = "all"
	stateExpiring = "expiring"
	stateUnused   = "unused"
	stateExpired  = "expired"
	stateDisabled = "disabled"
	stateRevoked  = "revoked"
)

const (
	soon     = 30 * day // the filter of expiring keys finds those that expire within it
	verySoon = 14 * day // a key that expires within it is marked
	unused   = 90 * day // a key that was not used for it is unused
)

// maxReads is how many times the issuer is asked for the keys of one page, where a
// filter leaves most of them out. The next page goes on from there.
const maxReads = 50

// IsSet reports whether the filter leaves anything out that the list has
// otherwise.
func (f filter) IsSet() bool {
	return f.Text != "" || f.State != "" || f.Environment != "" || f.Kind != ""
}

// query returns the query of a page of the filtered list.
func (f filter) query(after string) string {
	q := url.Values{}
	for name, value := range map[string]string{
		"q": f.Text, "state": f.State, "environment": f.Environment, "type": f.Kind, "after": after,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "?" + q.Encode()
}

// showList shows the keys that the query asks for.
func (p *page) showList(ctx context.Context, v *view, q url.Values) error {
	v.Place, v.Title = "keys", v.T("API keys")
	f := filter{
		Text:        searchText(q.Get("q")),
		State:       q.Get("state"),
		Environment: q.Get("environment"),
		Kind:        q.Get("type"),
	}
	if hint := p.format.Hint(f.Text); hint != "" { // a whole key stays in no URL
		f.Text = hint
		v.seeOther = f.query("")
		return nil
	}
	after := parsePlace(q.Get("after"))
	now := time.Now()
	keys, last, err := p.findKeys(ctx, v.by, f, after, now)
	if err != nil {
		return err
	}
	l := &list{Filter: f}
	for _, key := range keys {
		l.Rows = append(l.Rows, v.rowOf(&key, now))
	}
	if last != (issuer.Position{}) {
		l.Next = f.query(placeText(last))
	}
	if after != (issuer.Position{}) {
		l.First = f.query("")
	}
	l.Filter.Selects = v.selects(f)
	v.List, v.Body = l, "list"
	return nil
}

// findKeys returns one page of the keys that a filter lets through, and the place
// after which the next begins, or the zero place if there is none.
func (p *page) findKeys(
	ctx context.Context, by issuer.Caller, f filter, after issuer.Position, now time.Time,
) (found []issuer.APIKey, last issuer.Position, err error) {
	q := issuer.KeyQuery{After: after, Limit: 100, IncludeRevoked: f.State == stateAll || f.State == stateRevoked}
	switch f.State {
	case stateExpiring:
		q.ExpiresBefore = now.Add(soon)
	case stateExpired:
		q.ExpiresBefore = now
	case stateUnused:
		q.UnusedSince = now.Add(-unused)
	}
	for range maxReads {
		keys, next, err := p.iss.ListKeys(ctx, by, q)
		if err != nil {
			return nil, last, err
		}
		for n := range keys {
			if !f.lets(&keys[n], now) {
				continue
			}
			if len(found) == p.config.PageSize {
				return found, placeOf(found[len(found)-1]), nil
			}
			found = append(found, keys[n])
		}
		if next == "" {
			return found, issuer.Position{}, nil
		}
		if len(keys) > 0 {
			last = placeOf(keys[len(keys)-1])
		}
		q.Cursor = next
	}
	return found, last, nil
}

// lets reports whether the filter shows a key.
func (f filter) lets(key *issuer.APIKey, now time.Time) bool {
	isExpired := !key.ExpiresAt.IsZero() && !key.ExpiresAt.After(now)
	switch f.State {
	case stateRevoked:
		if key.RevokedAt.IsZero() {
			return false
		}
	case stateDisabled:
		if !key.Disabled {
			return false
		}
	case stateExpiring, stateUnused:
		if isExpired {
			return false
		}
	}
	return (f.Environment == "" || f.Environment == key.Environment.String()) &&
		(f.Kind == "" || f.Kind == key.Kind.String()) &&
		(f.Text == "" || f.finds(key))
}

// maxSearch is the most bytes of a text that is searched for: as many as the
// longest name has. Each key is compared with it.
const maxSearch = 255

// searchText returns what is searched for by what was typed.
func searchText(typed string) string {
	typed = strings.TrimSpace(typed)
	return strings.ToValidUTF8(typed[:min(len(typed), maxSearch)], "")
}

// finds reports whether the text stands in the name of a key, its ID or one of its
// hints.
func (f filter) finds(key *issuer.APIKey) bool {
	text := strings.ToLower(f.Text)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return has(key.Name) || has(key.ID) || slices.ContainsFunc(key.Secrets, func(s issuer.Secret) bool {
		return has(s.Hint)
	})
}

// selects returns the fields of the filter.
func (v *view) selects(f filter) []selection {
	choose := func(chosen string, options ...choice) []choice {
		for n := range options {
			options[n].IsChosen = options[n].Value == chosen
		}
		return options
	}
	return []selection{
		{v.T("State"), "state", choose(f.State,
			choice{Value: "", Label: v.T("Not revoked")},
			choice{Value: stateExpiring, Label: v.T("Expiring within 30 days")},
			choice{Value: stateUnused, Label: v.T("Unused for 90 days")},
			choice{Value: stateDisabled, Label: v.T("Disabled")},
			choice{Value: stateExpired, Label: v.T("Expired")},
			choice{Value: stateRevoked, Label: v.T("Revoked")},
			choice{Value: stateAll, Label: v.T("All")})},
		{v.T("Environment"), "environment", choose(f.Environment,
			choice{Value: "", Label: v.T("Any")},
			choice{Value: bearer.Test.String(), Label: v.environment(bearer.Test)},
			choice{Value: bearer.Live.String(), Label: v.environment(bearer.Live)})},
		{v.T("Type"), "type", choose(f.Kind,
			choice{Value: "", Label: v.T("Any")},
			choice{Value: bearer.SecretKey.String(), Label: v.kind(bearer.SecretKey)},
			choice{Value: bearer.PublishableKey.String(), Label: v.kind(bearer.PublishableKey)})},
	}
}

// rowOf returns a key as a list shows it.
func (v *view) rowOf(key *issuer.APIKey, now time.Time) row {
	r := row{
		ID:          key.ID,
		Name:        nameOf(key),
		Kind:        v.kind(key.Kind),
		Environment: v.environment(key.Environment),
		Access:      v.access(key),
		LastUsed:    v.moment(key.LastUsedAt, now),
		Expires:     v.moment(key.ExpiresAt, now),
		States:      v.states(key, now),
	}
	if n := len(key.Secrets); n > 0 {
		r.Hint = key.Secrets[n-1].Hint
	}
	return r
}

// nameOf returns the name of a key, or its ID if it has none.
func nameOf(key *issuer.APIKey) string { return cmp.Or(key.Name, key.ID) }

// A place is where a list goes on: the time and the ID of the last key before.
// What a client makes up is a place in its own list.

func placeOf(key issuer.APIKey) issuer.Position {
	return issuer.Position{CreatedAt: key.CreatedAt, ID: key.ID}
}

func placeText(p issuer.Position) string {
	return strconv.FormatInt(p.CreatedAt.UnixMicro(), 10) + "." + p.ID
}

func parsePlace(text string) issuer.Position {
	micros, id, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(micros, 10, 64)
	t := time.UnixMicro(n).UTC()
	if err != nil || id == "" || len(id) > 255 || t.Year() < 1 || t.Year() > 9999 || !isPlain(id) {
		return issuer.Position{}
	}
	return issuer.Position{CreatedAt: t, ID: id}
}
