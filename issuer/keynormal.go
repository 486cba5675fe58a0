package issuer

import (
	"maps"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

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
			return invalid("scopes", "scopes is required")
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
		return invalid("id", "id must have 1 to 255 letters, digits and -._~")
	case key.Kind != bearer.SecretKey && key.Kind != bearer.PublishableKey:
		return invalid("type", "type must be secret or publishable")
	case !isEnvironment(key.Environment):
		return invalid("environment", "environment must be test or live")
	}
	return nil
}
