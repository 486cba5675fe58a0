package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/blockauth/bearer"
)

// This file says what the zero fields of a Config stand for, and finds what is
// wrong with the others.

const day = 24 * time.Hour

// withDefaults returns the config with what its zero fields stand for, or an
// error that names every field that is wrong.
func (c Config) withDefaults() (Config, error) {
	var f faults
	c.validateParts(&f)
	c.Format, c.Catalogue = cloneFormat(c.Format), slices.Clone(c.Catalogue)
	c.validateKeys(&f)
	if c.Store == nil {
		c.Store = NewMemoryStore()
	}
	if c.ClientIP == nil {
		c.ClientIP = bearer.RemoteIP
	}
	if c.Limiter == nil {
		c.Limiter = new(bearer.Buckets)
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = bearer.WriteError
	}
	if c.CrossOrigin == nil {
		c.CrossOrigin = http.NewCrossOriginProtection()
	}
	c.CacheTTL = cmp.Or(c.CacheTTL, 30*time.Second)
	c.Rules = c.Rules.withDefaults(&f)
	if c.Tokens != nil {
		t := c.Tokens.withDefaults(&f)
		c.Tokens = &t
	}
	return c, errors.Join(f...)
}

// A faults collects what is wrong with a config.
type faults []error

func (f *faults) addf(field, format string, args ...any) {
	*f = append(*f, fmt.Errorf("issuer: Config."+field+": "+format, args...))
}

// validateParts finds parts of the application that cannot work.
func (c Config) validateParts(f *faults) {
	parts := []struct {
		field string
		part  any
	}{{"Store", c.Store}, {"Users", c.Users}, {"Registrar", c.Registrar}, {"Limiter", c.Limiter}}
	for _, p := range parts {
		if isNil(p.part) {
			f.addf(p.field, "a nil pointer")
		} else if passwords, ok := p.part.(*Passwords); ok && passwords.problem() != "" {
			f.addf(p.field, "%s", passwords.problem())
		} else if m, ok := p.part.(*MemoryStore); ok && m.keys.byHash == nil {
			f.addf(p.field, "not made by NewMemoryStore")
		}
	}
	if c.Tokens != nil {
		return
	}
	if c.Users != nil {
		f.addf("Users", "set, and Tokens is not: there is no login without tokens")
	}
	if c.Registrar != nil {
		f.addf("Registrar", "set, and Tokens is not: there is no login without tokens")
	}
}

// validateKeys finds what a guard would refuse of the format of keys and of the
// catalogue: the fields have the names that they have there.
func (c Config) validateKeys(f *faults) {
	_, err := bearer.New(bearer.Config{Keys: noKeys{}, Format: c.Format, Catalogue: c.Catalogue})
	joined, isJoined := err.(interface{ Unwrap() []error })
	switch {
	case isJoined:
		for _, err := range joined.Unwrap() {
			*f = append(*f, fmt.Errorf("issuer: %s", strings.TrimPrefix(err.Error(), "bearer: ")))
		}
	case err != nil:
		f.addf("Format", "%w", err)
	}
}

// noKeys is the store of a guard that only validates a config.
type noKeys struct{}

func (noKeys) FindKey(context.Context, bearer.KeyHash) (*bearer.Key, error) {
	return nil, bearer.ErrKeyNotFound
}

func (r KeyRules) withDefaults(f *faults) KeyRules {
	for _, d := range []struct {
		field string
		is    time.Duration
	}{
		{"DefaultTTL", r.DefaultTTL}, {"MaxTTL", r.MaxTTL}, {"Grace", r.Grace}, {"MaxGrace", r.MaxGrace},
	} {
		if d.is < 0 {
			f.addf("Rules."+d.field, "negative")
		}
	}
	if r.MaxTTL > 0 && r.DefaultTTL > r.MaxTTL {
		f.addf("Rules.DefaultTTL", "%v is more than MaxTTL, %v", r.DefaultTTL, r.MaxTTL)
	}
	r.MaxGrace = cmp.Or(r.MaxGrace, 7*day)
	r.Grace = cmp.Or(r.Grace, min(day, r.MaxGrace))
	if r.Grace > r.MaxGrace && r.MaxGrace > 0 {
		f.addf("Rules.Grace", "%v is more than MaxGrace, %v", r.Grace, r.MaxGrace)
	}
	if r.MaxKeys < 0 {
		f.addf("Rules.MaxKeys", "negative")
	}
	r.MaxKeys = cmp.Or(r.MaxKeys, 1000)
	return r
}

func (t Tokens) withDefaults(f *faults) Tokens {
	validateName("Tokens.Issuer", t.Issuer, f)
	validateName("Tokens.Audience", t.Audience, f)
	t.SigningKeys = slices.Clone(t.SigningKeys)
	if len(t.SigningKeys) == 0 {
		f.addf("Tokens.SigningKeys", "required")
	}
	t.RefreshFamilyTTL = cmp.Or(t.RefreshFamilyTTL, 30*day) // what RefreshTTL is judged by
	refresh := 7 * day
	if t.RefreshFamilyTTL > 0 {
		refresh = min(refresh, t.RefreshFamilyTTL)
	}
	for _, d := range []struct {
		field string
		is    *time.Duration
		usual time.Duration
	}{
		{"LoginTTL", &t.LoginTTL, time.Hour},
		{"SessionTTL", &t.SessionTTL, 2 * time.Hour},
		{"ClientTTL", &t.ClientTTL, time.Hour},
		{"CredentialTTL", &t.CredentialTTL, time.Hour},
		{"RefreshTTL", &t.RefreshTTL, refresh},
		{"RefreshFamilyTTL", &t.RefreshFamilyTTL, 0},
	} {
		*d.is = cmp.Or(*d.is, d.usual)
		if *d.is < time.Second || *d.is%time.Second != 0 {
			f.addf("Tokens."+d.field, "%v: it must be whole seconds, 1 or more", *d.is)
		}
	}
	if t.RefreshTTL > t.RefreshFamilyTTL && t.RefreshFamilyTTL > 0 {
		f.addf("Tokens.RefreshTTL", "%v is more than RefreshFamilyTTL, %v", t.RefreshTTL, t.RefreshFamilyTTL)
	}
	t.ReuseGrace = cmp.Or(t.ReuseGrace, 10*time.Second)
	if t.MaxSessions < 0 {
		f.addf("Tokens.MaxSessions", "negative")
	}
	t.MaxSessions = cmp.Or(t.MaxSessions, 1000)
	return t
}

// validateName finds what is wrong with an iss or an aud.
func validateName(field, text string, f *faults) {
	isOdd := func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) || c == utf8.RuneError }
	switch {
	case text == "":
		f.addf(field, "required")
	case strings.ContainsFunc(text, isOdd):
		f.addf(field, "%q has white space, or a character that no claim can have", text)
	}
}

// cloneFormat returns a format that shares no pepper with f.
func cloneFormat(f bearer.KeyFormat) bearer.KeyFormat {
	f.Pepper, f.OldPeppers = slices.Clone(f.Pepper), slices.Clone(f.OldPeppers)
	for i := range f.OldPeppers {
		f.OldPeppers[i] = slices.Clone(f.OldPeppers[i])
	}
	return f
}

// isNil reports whether an interface holds a nil pointer or function.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}
