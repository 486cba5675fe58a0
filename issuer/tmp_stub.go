package issuer

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

const (
	maxName       = 255
	maxScopes     = 64
	maxScopesText = 2 << 10
)

func (c Caller) validate() error {
	switch {
	case c.Owner == "":
		return outage(errors.New("issuer: the caller has no Owner"))
	case c.ID == "":
		return outage(errors.New("issuer: the caller has no ID"))
	}
	return nil
}

func (c Caller) mayChange() error {
	if err := c.validate(); err != nil {
		return err
	}
	if c.ReadOnly {
		return forbidden("read_only", "", "The caller may only read.")
	}
	return nil
}

func (c Caller) mayGrant(scopes bearer.Scopes) error {
	if covers(c.Scopes, scopes) {
		return nil
	}
	return forbidden("scope_insufficient", "scopes", "The caller does not have all of these scopes.")
}

func (c Caller) mayUse(e bearer.Environment) error {
	if c.Environment == 0 || c.Environment == e {
		return nil
	}
	return forbidden("environment_mismatch", "environment", "The caller belongs to another environment.")
}

func isEnvironment(e bearer.Environment) bool { return e == bearer.Test || e == bearer.Live }

func covers(outer, inner bearer.Scopes) bool {
	return outer.Contain(slices.Collect(inner.All())...)
}

func firstOf[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

func microseconds(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func present() time.Time { return microseconds(time.Now()) }

func normalName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > maxName || strings.ContainsAny(name, "\x00\n") {
		return "", invalid("name", "name is wrong")
	}
	return name, nil
}

func (i *Issuer) normalScopes(scopes bearer.Scopes, _ bearer.Kind) (bearer.Scopes, error) {
	if err := scopes.Validate(); err != nil {
		return "", invalid("scopes", "scopes must be tokens of RFC 6749 section 3.3").WithCause(err)
	}
	if i.config.Catalogue != nil {
		if err := scopes.Within(i.config.Catalogue...); err != nil {
			return "", invalid("scopes", "there is no such scope").WithCause(err)
		}
	}
	if len(scopes) > maxScopesText {
		return "", invalid("scopes", "scopes must not be more than 64, nor longer than 2048 bytes")
	}
	return scopes, nil
}

func pageLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return 20, nil
	case limit < 0 || limit > 100:
		return 0, invalid("limit", "limit must be 1 to 100")
	}
	return limit, nil
}

func pageOf[T any](records []T, limit int, positionOf func(T) Position) (page []T, next string) {
	if len(records) <= limit {
		return records, ""
	}
	return records[:limit], positionOf(records[limit-1]).ID
}

func positionOf(cursor string, given Position) (Position, error) { return given, nil }
