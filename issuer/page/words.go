package page

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

func (v *view) kind(k bearer.Kind) string {
	if k == bearer.PublishableKey {
		return v.T("Publishable")
	}
	return v.T("Secret")
}

func (v *view) environment(e bearer.Environment) string {
	if e == bearer.Live {
		return v.T("Live")
	}
	return v.T("Test")
}

// access returns in short what a key may do.
func (v *view) access(key *issuer.APIKey) string {
	scopes := slices.Collect(key.Scopes.All())
	switch {
	case key.Scopes.Contain("*") && key.Kind == bearer.PublishableKey:
		return v.T("Reads everything")
	case key.Scopes.Contain("*"):
		return v.T("Full access")
	case len(scopes) == 0:
		return v.T("None")
	case len(scopes) == 1:
		return string(scopes[0])
	}
	return v.N("%d scopes", len(scopes))
}

// states returns how things are with a key: what matters most comes first.
func (v *view) states(key *issuer.APIKey, now time.Time) []state {
	if !key.RevokedAt.IsZero() {
		return []state{{"bad", v.T("Revoked")}}
	}
	left := key.ExpiresAt.Sub(now)
	if !key.ExpiresAt.IsZero() && left <= 0 {
		return []state{{"bad", v.T("Expired")}}
	}
	var list []state
	if key.Disabled {
		list = append(list, state{"warn", v.T("Disabled")})
	}
	if key.Reason != "" { // of a live key: see issuer.FlagLeaked
		list = append(list, state{"bad", v.T("Leaked")})
	}
	if !key.ExpiresAt.IsZero() && left <= verySoon {
		list = append(list, state{"warn", v.expiresIn(left)})
	}
	if len(liveSecrets(key, now)) > 1 {
		list = append(list, state{"warn", v.T("Old value still works")})
	}
	if len(list) == 0 {
		list = append(list, state{"good", v.T("Active")})
	}
	return list
}

// liveSecrets returns the secrets of a key that have not ended.
func liveSecrets(key *issuer.APIKey, now time.Time) []issuer.Secret {
	return slices.DeleteFunc(slices.Clone(key.Secrets), func(s issuer.Secret) bool {
		return !s.EndsAt.IsZero() && !s.EndsAt.After(now)
	})
}

// createdBy says who made a key.
func (v *view) createdBy(id string) string {
	if id == v.by.ID {
		return v.T("by you")
	}
	return id
}

// isPlain reports whether a text is UTF-8 without control characters.
func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
