package issuer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// A keyResource is an API key as clients see it. Its hashes and its Version are
// no one's business.
type keyResource struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Name           string            `json:"name"`
	Type           string            `json:"type"`
	Environment    string            `json:"environment"`
	Hint           string            `json:"hint"`
	Scopes         []bearer.Scope    `json:"scopes"` // null: full access
	FullAccess     bool              `json:"full_access"`
	AllowedIPs     []string          `json:"allowed_ips"`     // null: any
	AllowedOrigins []string          `json:"allowed_origins"` // null: any
	Limit          any               `json:"limit"`           // null: the guard's
	ExpiresAt      *time.Time        `json:"expires_at"`
	Metadata       map[string]string `json:"metadata"`
	Disabled       bool              `json:"disabled"`
	Revoked        bool              `json:"revoked"`
	RevokedAt      *time.Time        `json:"revoked_at"`
	Reason         *string           `json:"reason"`
	LastUsedAt     *time.Time        `json:"last_used_at"`
	CreatedAt      time.Time         `json:"created_at"`
	CreatedBy      string            `json:"created_by"`
	Secrets        []secretResource  `json:"secrets"` // the oldest first
}

// A secretResource is a secret as clients see it.
type secretResource struct {
	ID         string     `json:"id"`
	Hint       string     `json:"hint"`
	CreatedAt  time.Time  `json:"created_at"`
	EndsAt     *time.Time `json:"ends_at"` // null: with the key
	LastUsedAt *time.Time `json:"last_used_at"`
}

// A newKeyResource is an API key with the text of its newest secret.
type newKeyResource struct {
	keyResource

	Key string `json:"key"`
}

// A keyPage is a page of the list of keys.
type keyPage struct {
	Data []keyResource `json:"data"`
	Next *string       `json:"next_cursor"`
}

// resource returns a key as clients see it.
func (k *APIKey) resource() keyResource {
	r := keyResource{
		ID:             k.ID,
		Object:         "api_key",
		Name:           k.Name,
		Type:           k.Kind.String(),
		Environment:    k.Environment.String(),
		FullAccess:     k.Scopes.Contain("*"),
		AllowedOrigins: append([]string(nil), k.AllowedOrigins...),
		Limit:          limitResource(k.Limit),
		ExpiresAt:      utc(k.ExpiresAt),
		Metadata:       k.Metadata,
		Disabled:       k.Disabled,
		Revoked:        !k.RevokedAt.IsZero(),
		RevokedAt:      utc(k.RevokedAt),
		Reason:         textOrNull(k.Reason),
		LastUsedAt:     utc(k.LastUsedAt),
		CreatedAt:      k.CreatedAt.UTC(),
		CreatedBy:      k.CreatedBy,
		Secrets:        make([]secretResource, 0, len(k.Secrets)),
	}
	if !r.FullAccess {
		r.Scopes = slices.AppendSeq([]bearer.Scope{}, k.Scopes.All())
	}
	if r.Metadata == nil {
		r.Metadata = map[string]string{}
	}
	for _, p := range k.AllowedIPs {
		r.AllowedIPs = append(r.AllowedIPs, networkText(p))
	}
	for _, s := range k.Secrets {
		r.Hint = s.Hint // the newest is the last
		r.Secrets = append(r.Secrets, secretResource{
			ID: s.ID, Hint: s.Hint, CreatedAt: s.CreatedAt.UTC(), EndsAt: utc(s.EndsAt), LastUsedAt: utc(s.LastUsedAt),
		})
	}
	return r
}

// limitResource returns the limit of a key as clients see it.
func limitResource(l bearer.Limit) any {
	switch {
	case l == bearer.Limit{}:
		return nil
	case l.Rate >= bearer.Unlimited.Rate:
		return struct {
			Unlimited bool `json:"unlimited"`
		}{true}
	case !(l.Rate > 0): // NaN too: nothing gets through
		l.Rate = 0
	}
	return struct {
		Rate  float64 `json:"rate"` // requests a second
		Burst int     `json:"burst"`
	}{float64(l.Rate), l.Burst}
}

// networkText returns a network as people write it: a single address without a
// prefix length.
func networkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// utc returns a time for JSON; zero is null.
func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// textOrNull returns a text for JSON; "" is null.
func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
