package issuer

import (
	"cmp"
	"context"
	"maps"
	"time"

	"github.com/blockauth/bearer"
)

// CreateKey makes an API key and returns its text, which is shown this once. Of
// the key's fields, it reads ID (zero: minted), Name, Kind, Environment (zero: the
// caller's, else Test), Scopes (zero: FullAccess, unless KeyRules.MustScope),
// AllowedIPs, AllowedOrigins, Limit, Metadata, Disabled and ExpiresAt.
func (i *Issuer) CreateKey(ctx context.Context, by Caller, key APIKey) (text string, created APIKey, err error) {
	key, err = i.newKey(by, key)
	if err != nil {
		return "", APIKey{}, err
	}
	if err := i.mayHaveMore(ctx, key); err != nil {
		return "", APIKey{}, err
	}
	text, hash := i.config.Format.Generate(key.Kind, key.Environment)
	key.Secrets = []Secret{i.newSecret(text, hash, key.CreatedAt)}
	if err := i.storeKey(ctx, by, key); err != nil {
		return "", APIKey{}, err
	}
	return text, key, nil
}

// ImportKey makes an API key of an older system, of whose text only the hash is
// known: see [bearer.KeyFormat.Hash]. Guards need KeyFormat.Foreign for a text of
// another form. It reads the fields that CreateKey reads, and does not look at
// KeyRules.MaxKeys.
func (i *Issuer) ImportKey(ctx context.Context, by Caller, key APIKey, hash bearer.KeyHash) (APIKey, error) {
	key, err := i.newKey(by, key)
	if err != nil {
		return APIKey{}, err
	}
	if hash == (bearer.KeyHash{}) {
		return APIKey{}, invalid("hash", "hash is required.")
	}
	key.Secrets = []Secret{i.newSecret("", hash, key.CreatedAt)}
	if err := i.storeKey(ctx, by, key); err != nil {
		return APIKey{}, err
	}
	return key, nil
}

// newKey returns the record of a new key without secrets, if the rules and what
// the caller holds allow it.
func (i *Issuer) newKey(by Caller, wanted APIKey) (APIKey, error) {
	if err := by.mayChange(); err != nil {
		return APIKey{}, err
	}
	now := storeNow()
	key := APIKey{
		ID:             wanted.ID,
		Owner:          by.Owner,
		Name:           wanted.Name,
		Kind:           wanted.Kind,
		Environment:    cmp.Or(wanted.Environment, by.Environment, bearer.Test),
		Scopes:         wanted.Scopes,
		AllowedIPs:     wanted.AllowedIPs,
		AllowedOrigins: wanted.AllowedOrigins,
		Limit:          wanted.Limit,
		Metadata:       wanted.Metadata,
		Disabled:       wanted.Disabled,
		ExpiresAt:      cmp.Or(wanted.ExpiresAt, i.defaultExpiry(now)),
		CreatedAt:      now,
		CreatedBy:      by.ID,
		Version:        1,
	}
	if key.Scopes == "" && !i.config.Rules.MustScope {
		key.Scopes = bearer.FullAccess
	}
	if err := i.normalize(&key, nil, now); err != nil {
		return APIKey{}, err
	}
	if err := by.mayGive(key.Environment, key.Scopes); err != nil {
		return APIKey{}, err
	}
	if key.ID == "" {
		key.ID = mint("ak_")
	}
	return key, nil
}

// newSecret returns the record of a text that has the hash.
func (i *Issuer) newSecret(text string, hash bearer.KeyHash, now time.Time) Secret {
	return Secret{ID: mint(""), Hash: hash, Hint: i.config.Format.Hint(text), CreatedAt: now}
}

// storeKey stores a new key. If the store fails, the key may be there all the
// same, under a text that no one has.
func (i *Issuer) storeKey(ctx context.Context, by Caller, key APIKey) error {
	err := i.store.CreateKey(ctx, key)
	i.keyChanged(key)
	if err != nil {
		return refusalOf(err)
	}
	i.tellKey(ctx, "key.created", by, key, map[string]string{
		"type": key.Kind.String(), "environment": key.Environment.String(),
	})
	return nil
}

// tellKey tells what was done to a key.
func (i *Issuer) tellKey(ctx context.Context, what string, by Caller, key APIKey, detail map[string]string) {
	i.tell(ctx, Event{Type: what, Actor: by.ID, Target: key.ID, Owner: key.Owner, Detail: maps.Clone(detail)})
}

// mayHaveMore returns an error if the owner of a new key has as many live ones as
// the rules allow. It reads them, so that it costs what they are.
func (i *Issuer) mayHaveMore(ctx context.Context, key APIKey) error {
	most := i.config.Rules.MaxKeys
	live := 0
	q := KeyQuery{Owner: key.Owner, Limit: most}
	for {
		keys, err := i.store.ListKeys(ctx, q)
		if err != nil {
			return refusalOf(err)
		}
		for _, k := range keys {
			if k.RevokedAt.IsZero() && !k.hasExpired(key.CreatedAt) {
				live++
			}
		}
		if live >= most {
			return conflict("The owner has as many keys as are allowed.")
		}
		if len(keys) < q.Limit {
			return nil
		}
		if q.After, err = q.After.next(keys[len(keys)-1].position()); err != nil {
			return err
		}
	}
}

// hasExpired reports whether guards refuse a key as expired.
func (k *APIKey) hasExpired(at time.Time) bool {
	return !k.ExpiresAt.IsZero() && !at.Before(k.ExpiresAt)
}
