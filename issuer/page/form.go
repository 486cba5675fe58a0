package page

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A form is what is typed, or to be typed, for a key: the texts as they are, so
// that nothing is lost if one of them is wrong.
type form struct {
	ID                            string // of the key that is to be made
	Name                          string
	Kind, Environment             string
	Access                        string // accessFull, accessRead or accessChosen
	Scopes                        []string
	Expiry, Date                  string
	Addresses, Origins, Metadata  string
	Problems                      map[string]string // by the member of the endpoints
	IsOpen                        bool              // in a page about more
	HasCatalogue                  bool
	HasMore                       bool // some of the rare fields are set
	HasOrigins                    bool
	MinDate, MaxDate              string
	Kinds, Environments, Accesses []choice
	Expiries                      []choice
	Groups                        []group
}

// A group is a part of the checklist of scopes.
type group struct {
	Name   string
	Scopes []choice
}

// The presets of what a key may do.
const (
	accessFull   = "full"
	accessRead   = "read"
	accessChosen = "chosen"
)

// The expiries that are neither a date nor a number of days.
const (
	expiryKeep  = "keep"
	expiryNever = "never"
	expiryDate  = "date"
)

// usualLifetimes are how long a key may be chosen to live, within the rules.
var usualLifetimes = []time.Duration{7 * day, 30 * day, 90 * day, 365 * day}

// ScopeText returns the scopes for an input of text.
func (f *form) ScopeText() string { return strings.Join(f.Scopes, " ") }

// newForm returns the form for a new key.
func (p *page) newForm(v *view, now time.Time) *form {
	f := &form{
		ID:          newID(),
		Kind:        bearer.SecretKey.String(),
		Environment: bearer.Test.String(),
		Access:      accessChosen,
		Expiry:      p.defaultExpiry(),
		HasOrigins:  true,
	}
	if p.reading(v.by) != "" {
		f.Access = accessRead
	}
	if v.by.Environment != 0 {
		f.Environment = v.by.Environment.String()
	}
	p.offer(v, f, "", now)
	return f
}

// formOf returns the form to edit a key.
func (p *page) formOf(v *view, key *issuer.APIKey, now time.Time) *form {
	f := &form{
		Name:       key.Name,
		Kind:       key.Kind.String(),
		Access:     accessChosen,
		Expiry:     expiryKeep,
		Addresses:  strings.Join(addressLines(key.AllowedIPs), "\n"),
		Origins:    strings.Join(key.AllowedOrigins, "\n"),
		Metadata:   strings.Join(pairLines(key.Metadata), "\n"),
		HasOrigins: key.Kind == bearer.PublishableKey,
	}
	if key.Scopes.Contain("*") {
		f.Access = accessFull
	}
	for scope := range key.Scopes.All() {
		if scope != "*" { // which is an access of its own
			f.Scopes = append(f.Scopes, string(scope))
		}
	}
	p.offer(v, f, key.Scopes, now)
	return f
}

// readKeyForm reads what was typed for a key.
func readKeyForm(typed url.Values) *form {
	f := &form{
		ID:          typed.Get("id"),
		Name:        typed.Get("name"),
		Kind:        typed.Get("type"),
		Environment: typed.Get("environment"),
		Access:      typed.Get("access"),
		Expiry:      typed.Get("expiry"),
		Date:        typed.Get("date"),
		Addresses:   typed.Get("addresses"),
		Origins:     typed.Get("origins"),
		Metadata:    typed.Get("metadata"),
		HasOrigins:  true,
	}
	for _, text := range typed["scope"] {
		f.Scopes = append(f.Scopes, strings.Fields(text)...)
	}
	return f
}

// offer fills in what can be chosen. before are the scopes of a key that exists:
// they stay on offer, although they may be more than the caller holds.
func (p *page) offer(v *view, f *form, before bearer.Scopes, now time.Time) {
	isNew := f.ID != ""
	if isNew {
		f.Kinds = []choice{
			{Value: bearer.SecretKey.String(), Label: v.T("Secret"), About: v.T("For servers. It reads and writes.")},
			{
				Value: bearer.PublishableKey.String(), Label: v.T("Publishable"),
				About: v.T("For browsers and apps, where others can see it. It only reads."),
			},
		}
		f.Environments = v.environments()
	}
	f.HasCatalogue = p.catalogue != nil
	f.Accesses = p.accesses(v, before)
	f.Groups = p.groups(v, before)
	f.Expiries = p.expiries(v, isNew)
	f.MinDate = now.UTC().Format(time.DateOnly)
	if p.rules.MaxTTL > 0 {
		f.MaxDate = now.UTC().Add(p.rules.MaxTTL - day).Format(time.DateOnly)
	}
	f.HasMore = f.Addresses+f.Origins+f.Metadata != ""
	mark(f.Kinds, f.Kind)
	mark(f.Environments, f.Environment)
	mark(f.Accesses, f.Access)
	mark(f.Expiries, f.Expiry)
	for _, g := range f.Groups {
		mark(g.Scopes, f.Scopes...)
	}
}

// mark marks the choices that were made.
func mark(choices []choice, chosen ...string) {
	for n := range choices {
		choices[n].IsChosen = slices.Contains(chosen, choices[n].Value)
	}
}

// environments returns the environments of new keys.
func (v *view) environments() []choice {
	var list []choice
	for _, e := range []bearer.Environment{bearer.Test, bearer.Live} {
		if v.by.Environment == 0 || v.by.Environment == e {
			list = append(list, choice{Value: e.String(), Label: v.environment(e)})
		}
	}
	return list
}

// expiries returns when a key may expire, within the rules.
func (p *page) expiries(v *view, isNew bool) []choice {
	var list []choice
	if !isNew {
		list = append(list, choice{Value: expiryKeep, Label: v.T("As it is")})
	}
	for _, d := range p.lifetimes() {
		list = append(list, choice{Value: lifetimeText(d), Label: v.lifetime(d)})
	}
	if p.rules.MaxTTL == 0 || p.rules.MaxTTL >= day { // else today might have no end within it
		list = append(list, choice{Value: expiryDate, Label: v.T("On a day of your choice")})
	}
	if p.mayLiveForever(isNew) {
		list = append(list, choice{Value: expiryNever, Label: v.T("Never")})
	}
	return list
}

// mayLiveForever reports whether the rules allow a key that never expires. With a
// default, a new key cannot ask for it.
func (p *page) mayLiveForever(isNew bool) bool {
	return !p.rules.MustExpire && p.rules.MaxTTL == 0 && (!isNew || p.rules.DefaultTTL == 0)
}

// lifetimes returns how long a key may be chosen to live: what is usual, and what
// the rules name, so that there is a choice if they allow an hour alone.
func (p *page) lifetimes() []time.Duration {
	list := append(slices.Clone(usualLifetimes), p.rules.DefaultTTL, p.rules.MaxTTL)
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(d time.Duration) bool {
		return d <= 0 || p.rules.MaxTTL > 0 && d > p.rules.MaxTTL
	})
}

// defaultExpiry returns what is chosen at first: what the rules say, else 90 days
// or less.
func (p *page) defaultExpiry() string {
	if p.rules.DefaultTTL > 0 {
		return lifetimeText(p.rules.DefaultTTL)
	}
	chosen := p.lifetimes()[0]
	for _, d := range usualLifetimes[:3] {
		if p.rules.MaxTTL == 0 || d <= p.rules.MaxTTL {
			chosen = d
		}
	}
	return lifetimeText(chosen)
}
