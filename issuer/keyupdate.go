package issuer

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/blockauth/bearer"
)

// UpdateKey changes what change changes in a key of the caller's. If another
// change comes between, change is called again, with what that one left. Its
// error is returned. Only Name, Scopes, AllowedIPs, AllowedOrigins, Limit,
// Metadata, Disabled and ExpiresAt may change. What makes a key do more, the
// caller must hold: all of its scopes.
func (i *Issuer) UpdateKey(ctx context.Context, by Caller, id string, change func(*APIKey) error) (APIKey, error) {
	var own error // the error of change, which need not be a refusal
	before, after, err := i.changeKey(ctx, by, id, func(key *APIKey) error {
		before := key.copied()
		if err := before.mustLive(); err != nil {
			return err
		}
		if err := by.mayUse(key.Environment); err != nil {
			return err
		}
		if own = change(key); own != nil {
			return refuse(bearer.CodeInvalidRequest)
		}
		return i.judgeUpdate(by, before, key)
	})
	switch {
	case own != nil:
		return APIKey{}, own
	case errors.Is(err, errSame):
		return before, nil
	case err != nil:
		return APIKey{}, err
	}
	i.tellKey(ctx, "key.updated", by, after, map[string]string{"changed": changesOf(before, after)})
	return after, nil
}

// judgeUpdate returns an error if a key may not become what a change made of it.
// It brings the key into the form in which it is stored.
func (i *Issuer) judgeUpdate(by Caller, before APIKey, key *APIKey) error {
	if !before.hasIdentityOf(*key) {
		return invalid("", "Only name, scopes, allowed_ips, allowed_origins, limit, metadata, disabled and "+
			"expires_at may change.")
	}
	if err := i.normalize(key, &before, storeNow()); err != nil {
		return err
	}
	if changesOf(before, *key) == "" {
		return errSame
	}
	if isMore(*key, before) {
		return by.mayGive(key.Environment, key.Scopes)
	}
	return nil
}

// hasIdentityOf reports whether two states of a key differ at most in what
// UpdateKey may change.
func (k *APIKey) hasIdentityOf(other APIKey) bool {
	other.Name, other.Scopes, other.Limit, other.Disabled = k.Name, k.Scopes, k.Limit, k.Disabled
	other.AllowedIPs, other.AllowedOrigins = k.AllowedIPs, k.AllowedOrigins
	other.Metadata, other.ExpiresAt = k.Metadata, k.ExpiresAt
	return reflect.DeepEqual(*k, other)
}

// changesOf names the members in which two states of a key differ, separated by
// spaces.
func changesOf(before, after APIKey) string {
	var names []string
	for _, field := range []struct {
		name   string
		isSame bool
	}{
		{"name", before.Name == after.Name},
		{"scopes", before.Scopes == after.Scopes},
		{"allowed_ips", slices.Equal(before.AllowedIPs, after.AllowedIPs)},
		{"allowed_origins", slices.Equal(before.AllowedOrigins, after.AllowedOrigins)},
		{"limit", before.Limit == after.Limit},
		{"metadata", maps.Equal(before.Metadata, after.Metadata)},
		{"disabled", before.Disabled == after.Disabled},
		{"expires_at", before.ExpiresAt.Equal(after.ExpiresAt)},
	} {
		if !field.isSame {
			names = append(names, field.name)
		}
	}
	return strings.Join(names, " ")
}

// isMore reports whether a key can do anything that it could not do before: with
// a scope, from an address or an origin, at a time. Limits are not the callers'.
func isMore(key, before APIKey) bool {
	isLater := !before.ExpiresAt.IsZero() && (key.ExpiresAt.IsZero() || key.ExpiresAt.After(before.ExpiresAt))
	return isLater || before.Disabled && !key.Disabled || !covers(before.Scopes, key.Scopes) ||
		isWider(key.AllowedIPs, before.AllowedIPs, holdsNetwork) ||
		isWider(key.AllowedOrigins, before.AllowedOrigins, func(a, b string) bool { return a == b })
}

// isWider reports whether a list of what is allowed allows more than another
// one; an empty list allows all.
func isWider[T any](list, before []T, holds func(outer, inner T) bool) bool {
	if len(before) == 0 {
		return false
	}
	isNew := func(v T) bool {
		return !slices.ContainsFunc(before, func(old T) bool { return holds(old, v) })
	}
	return len(list) == 0 || slices.ContainsFunc(list, isNew)
}

// holdsNetwork reports whether a network is within another one.
func holdsNetwork(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}
