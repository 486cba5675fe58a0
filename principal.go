package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
)

// A Principal is who a request comes from. It is shared by all who read it and
// must not be modified.
//
// That of a JWT has the scopes of its "scope" claim (see JWT.ScopeClaim), the
// environment that its "env" claim names, "test" or "live", and is read-only
// where its "read_only" claim is not false. If the token was made from a key, it
// has only the scopes that the key has too: see JWT.Session. The scopes of a
// read-only principal are those that do not end in ":write": see Holds.
type Principal struct {
	ID          string         // Key.ID, or the JWT's subject
	Owner       string         // Key.Owner, or the JWT's subject: see JWT.OwnerClaim
	Kind        Kind           // SecretKey, PublishableKey or Token
	Environment Environment    // zero: a JWT that names none
	ReadOnly    bool           // a publishable key, or a JWT made from one
	Scopes      Scopes         // zero: none
	Key         *Key           `json:"-"` // nil for a JWT, also if it was made from a key; not in JSON
	Issuer      string         // of a JWT; zero: an API key
	Claims      map[string]any // nil for an API key

	dropped *string // says what of a JWT's scopes grants nothing; nil: none does
}

// Holds reports whether p has all of the scopes, as [Guard.Require] would say:
// a read-only principal holds none that ends in ":write", not even by
// [FullAccess]. A nil principal holds none.
func (p *Principal) Holds(scopes ...Scope) bool {
	if p == nil {
		return false
	}
	for _, scope := range scopes {
		if p.ReadOnly && scope.isWrite() || !p.Scopes.holds(scope) {
			return false
		}
	}
	return true
}

// whyLacking says what of the scopes that a credential came with grants nothing,
// or returns nil.
func (p *Principal) whyLacking() error {
	switch {
	case p.dropped != nil:
	case p.Key != nil && strings.ContainsAny(string(p.Scopes), ",[]{}"): // as arrays print
		return fmt.Errorf("the scopes of the key are %s: spaces separate scopes, and nothing else does",
			excerpt(string(p.Scopes)))
	default:
		return nil
	}
	return errors.New(*p.dropped)
}

// String returns what may be logged of p: not its claims.
func (p *Principal) String() string {
	if p == nil {
		return "nobody"
	}
	return p.Kind.String() + " " + strconv.Quote(p.ID)
}

// Format implements [fmt.Formatter], so that no verb shows claims or hashes.
func (p *Principal) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, p.String()) }

// LogValue implements [slog.LogValuer].
func (p *Principal) LogValue() slog.Value {
	if p == nil {
		return slog.StringValue("nobody")
	}
	return slog.GroupValue(
		slog.String("id", p.ID),
		slog.String("owner", p.Owner),
		slog.String("kind", p.Kind.String()),
		slog.String("environment", p.Environment.String()),
		slog.Bool("read_only", p.ReadOnly),
		slog.String("scopes", string(p.Scopes)),
	)
}

// principal makes p the principal of a key.
func (k *Key) principal(p *Principal) {
	*p = Principal{
		ID:          k.ID,
		Owner:       k.Owner,
		Kind:        k.Kind,
		Environment: k.Environment,
		ReadOnly:    k.Kind != SecretKey,
		Scopes:      k.Scopes,
		Key:         k,
	}
	if p.ReadOnly {
		p.Scopes = p.Scopes.withoutWrites()
	}
}

type principalKey struct{}

// FromContext returns the principal of a request that a [Guard] let through, or
// nil if there is none: no guard let it through, or an optional one did without a
// credential.
func FromContext(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}

// NewContext returns a context in which [FromContext] finds p; nil is none.
// It is for tests of handlers: no Guard trusts it.
func NewContext(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}
