package issuer

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/blockauth/bearer"
)

// The bounds of what a key holds.
const (
	maxName       = 255     // bytes
	maxReason     = 255     // bytes
	maxPairs      = 50      // of metadata
	maxPairName   = 40      // bytes
	maxPairValue  = 500     // bytes
	maxScopes     = 64      // of them
	maxScopesText = 2 << 10 // bytes, with the spaces between them
	maxAddresses  = 100
	maxOrigins    = 100
)

// normalName returns a name as it is stored.
func normalName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if err := validateText(name, maxName); err != nil {
		return "", invalid("name", "name "+err.Error()+".")
	}
	return name, nil
}

// normalReason returns the reason for a revocation as it is stored; it may be
// empty.
func normalReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return "", nil
	}
	if err := validateText(reason, maxReason); err != nil {
		return "", invalid("reason", "reason "+err.Error()+".")
	}
	return reason, nil
}

// validateMetadata returns an error if metadata has too much, or what no store
// takes. Values may have line breaks.
func validateMetadata(pairs map[string]string) error {
	if len(pairs) > maxPairs {
		return invalid("metadata", "metadata must not have more than 50 pairs.")
	}
	for name, value := range pairs {
		if validateText(name, maxPairName) != nil {
			return invalid("metadata", "The names in metadata must have 1 to 40 bytes and no control characters.")
		}
		if len(value) > maxPairValue || !utf8.ValidString(value) || strings.Contains(value, "\x00") {
			return invalid("metadata", "The values in metadata must have up to 500 bytes of UTF-8 without NUL.")
		}
	}
	return nil
}

// normalScopes returns the scopes of a key as they are stored: without
// duplicates, and FullAccess alone if it is among them.
func (i *Issuer) normalScopes(scopes bearer.Scopes, kind bearer.Kind) (bearer.Scopes, error) {
	if err := scopes.Validate(); err != nil {
		return "", invalid("scopes", "scopes must be tokens of RFC 6749 section 3.3.").WithCause(err)
	}
	if i.config.Catalogue != nil {
		if err := scopes.Within(i.config.Catalogue...); err != nil {
			return "", invalid("scopes", "There is no such scope.").WithCause(err)
		}
	}
	if len(scopes) > maxScopesText { // what follows is quadratic
		return "", tooManyScopes()
	}
	var list []bearer.Scope
	for scope := range scopes.All() {
		if kind == bearer.PublishableKey && strings.HasSuffix(string(scope), ":write") {
			return "", invalid("scopes", "A publishable key only reads.")
		}
		if !slices.Contains(list, scope) {
			list = append(list, scope)
		}
	}
	if len(list) > maxScopes {
		return "", tooManyScopes()
	}
	if slices.Contains(list, bearer.Scope(bearer.FullAccess)) {
		return bearer.FullAccess, nil
	}
	return bearer.JoinScopes(list...), nil
}

func tooManyScopes() error {
	return invalid("scopes", "scopes must not be more than 64, nor longer than 2048 bytes.")
}

// normalAddresses returns the networks from which a key may be used as they are
// stored. Bits beyond a prefix are refused, not dropped: who writes 10.0.0.7/8 may
// mean the one address.
func normalAddresses(prefixes []netip.Prefix) ([]netip.Prefix, error) {
	if len(prefixes) > maxAddresses {
		return nil, invalid("allowed_ips", "allowed_ips must not have more than 100 elements.")
	}
	var list []netip.Prefix
	for _, p := range prefixes {
		if !p.IsValid() {
			return nil, invalid("allowed_ips", "allowed_ips must be addresses or networks, such as 192.0.2.0/24.")
		}
		if p != p.Masked() {
			return nil, invalid("allowed_ips", "An element of allowed_ips has bits beyond the length of its prefix.")
		}
		if p.Addr().Is4In6() {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list, nil
}

// normalOrigins returns the origins of a key as they are stored.
func normalOrigins(origins []string, kind bearer.Kind) ([]string, error) {
	switch {
	case len(origins) == 0:
		return nil, nil
	case kind != bearer.PublishableKey:
		return nil, invalid("allowed_origins", "allowed_origins are for publishable keys alone.")
	case len(origins) > maxOrigins:
		return nil, invalid("allowed_origins", "allowed_origins must not have more than 100 elements.")
	}
	var list []string
	for _, origin := range origins {
		if !isOrigin(origin) {
			return nil, invalid("allowed_origins", "allowed_origins must be of the form https://app.example.")
		}
		if !slices.Contains(list, origin) {
			list = append(list, origin)
		}
	}
	return list, nil
}

// validateLimit returns an error if nothing would get through a limit.
func validateLimit(l bearer.Limit) error {
	if (l == bearer.Limit{}) || l.Rate >= bearer.Unlimited.Rate || l.Rate > 0 && l.Burst > 0 {
		return nil
	}
	return invalid("limit", "limit must have a positive rate and burst.")
}

// defaultExpiry returns when a new key expires that does not say, or zero for
// never.
func (i *Issuer) defaultExpiry(now time.Time) time.Time {
	rules := &i.config.Rules
	switch {
	case rules.DefaultTTL > 0:
		return now.Add(rules.DefaultTTL)
	case rules.MaxTTL > 0:
		return now.Add(rules.MaxTTL)
	}
	return time.Time{}
}

// normalExpiry returns the expiry of a key as it is stored; zero is never.
func (i *Issuer) normalExpiry(t, now time.Time) (time.Time, error) {
	rules := &i.config.Rules
	if t.IsZero() {
		if rules.MustExpire || rules.MaxTTL > 0 {
			return t, invalid("expires_at", "expires_at is required.")
		}
		return t, nil
	}
	t = microseconds(t)
	switch {
	case !t.After(now):
		return t, invalid("expires_at", "expires_at must be in the future.")
	case t.Year() > 9999: // RFC 3339 has no later year
		return t, invalid("expires_at", "expires_at is too far in the future.")
	case rules.MaxTTL > 0 && t.After(now.Add(rules.MaxTTL)):
		return t, invalid("expires_at", "expires_at must be within "+duration(rules.MaxTTL)+".")
	}
	return t, nil
}

// microseconds returns a time as stores keep it: whole microseconds, in UTC.
func microseconds(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// storeNow returns the time as stores keep it.
func storeNow() time.Time { return microseconds(time.Now()) }

// duration returns a duration for people.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + " days"
	}
	return d.String()
}

// normalize brings what people choose of a key into the form in which it is
// stored, or returns an error if the rules do not allow it. Of a key that is
// changed, it looks only at what differs from before, so that a key from the time
// of other rules can still be renamed.
func (i *Issuer) normalize(key, before *APIKey, now time.Time) (err error) {
	isNew := before == nil
	if isNew {
		before = &APIKey{}
		if err := validateIdentity(key); err != nil {
			return err
		}
	}
	if isNew || key.Name != before.Name {
		if key.Name, err = normalName(key.Name); err != nil {
			return err
		}
	}
	if isNew || key.Scopes != before.Scopes {
		if key.Scopes == "" && i.config.Rules.MustScope {
			return invalid("scopes", "scopes are required.")
		}
		if key.Scopes, err = i.normalScopes(key.Scopes, key.Kind); err != nil {
			return err
		}
	}
	if isNew || !key.ExpiresAt.Equal(before.ExpiresAt) {
		if key.ExpiresAt, err = i.normalExpiry(key.ExpiresAt, now); err != nil {
			return err
		}
	}
	return normalizeRest(key, before)
}

// normalizeRest is normalize for the fields whose zero value is always good.
func normalizeRest(key, before *APIKey) (err error) {
	if !slices.Equal(key.AllowedIPs, before.AllowedIPs) {
		if key.AllowedIPs, err = normalAddresses(key.AllowedIPs); err != nil {
			return err
		}
	}
	if !slices.Equal(key.AllowedOrigins, before.AllowedOrigins) {
		if key.AllowedOrigins, err = normalOrigins(key.AllowedOrigins, key.Kind); err != nil {
			return err
		}
	}
	if key.Limit != before.Limit {
		if err := validateLimit(key.Limit); err != nil {
			return err
		}
	}
	if !maps.Equal(key.Metadata, before.Metadata) {
		if err := validateMetadata(key.Metadata); err != nil {
			return err
		}
	}
	key.Metadata = maps.Clone(key.Metadata)
	if len(key.Metadata) == 0 {
		key.Metadata = nil
	}
	return nil
}

// validateIdentity returns an error if what never changes in a key is not one of
// its values.
func validateIdentity(key *APIKey) error {
	switch {
	case key.ID != "" && !isNewID(key.ID):
		return invalid("id", "id must be 1 to 255 letters, digits and the characters -._~ only.")
	case key.Kind != bearer.SecretKey && key.Kind != bearer.PublishableKey:
		return invalid("type", "type must be secret or publishable.")
	case !isEnvironment(key.Environment):
		return invalid("environment", "environment must be test or live.")
	}
	return nil
}
