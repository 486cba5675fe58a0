package issuer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// RotateKey gives a key a new secret and returns its text, which is shown this
// once. The old one is good for grace more, up to KeyRules.MaxGrace, and not
// beyond the end of the key; if grace is 0, it ends at once. With two live
// secrets, or for a key that was revoked or has expired, the error wraps
// [ErrConflict]; so it does if another rotation comes between. The caller must
// hold all of the key's scopes. A key that is disabled stays so.
func (i *Issuer) RotateKey(
	ctx context.Context, by Caller, id string, grace time.Duration,
) (text string, key APIKey, err error) {
	return i.rotateKey(ctx, by, id, "", grace)
}

// RotateSecret is RotateKey for a secret that the caller has seen, by its ID,
// which is that of the last of APIKey.Secrets: if it is not the key's newest by
// now, the error wraps [ErrConflict]. So a rotation that is asked for twice, or
// in two places, is made once.
func (i *Issuer) RotateSecret(
	ctx context.Context, by Caller, id, secret string, grace time.Duration,
) (text string, key APIKey, err error) {
	if secret == "" {
		return "", APIKey{}, notFound()
	}
	return i.rotateKey(ctx, by, id, secret, grace)
}

// rotateKey is RotateSecret, or RotateKey if the secret that was seen is "".
func (i *Issuer) rotateKey(
	ctx context.Context, by Caller, id, seen string, grace time.Duration,
) (text string, key APIKey, err error) {
	if grace < 0 || grace > i.config.Rules.MaxGrace {
		return "", APIKey{}, invalid("grace_period_seconds",
			"grace_period_seconds must be 0 or more, and within "+duration(i.config.Rules.MaxGrace)+".")
	}
	var first string // the secret that is to be replaced
	_, key, err = i.changeKey(ctx, by, id, func(key *APIKey) error {
		if err := by.mayGive(key.Environment, key.Scopes); err != nil {
			return err
		}
		if err := key.mustLive(); err != nil {
			return err
		}
		now := storeNow()
		old, err := key.onlyLive(seen, now)
		if err != nil {
			return err
		}
		if first == "" {
			first = old.ID
		}
		if old.ID != first {
			return conflict("The key was rotated meanwhile.")
		}
		var secret Secret
		if text, secret, err = i.nextSecret(*key, now); err != nil {
			return err
		}
		old.EndsAt = earliest(now.Add(grace), old.EndsAt, key.ExpiresAt)
		key.Secrets = []Secret{old, secret}
		return nil
	})
	if err != nil {
		return "", APIKey{}, err
	}
	i.tellKey(ctx, "key.rotated", by, key, map[string]string{
		"old": key.Secrets[0].ID, "new": key.Secrets[1].ID, "ends_at": key.Secrets[0].EndsAt.Format(time.RFC3339Nano),
	})
	return text, key, nil
}

// onlyLive returns the one secret of a key that is good. With two, a rotation
// would end one that is in use: of a client that did not get its answer, say.
// With none, it would revive the key. If one was seen, it must be the newest
// still.
func (k *APIKey) onlyLive(seen string, now time.Time) (Secret, error) {
	if n := len(k.Secrets); seen != "" && n > 0 && k.Secrets[n-1].ID != seen {
		return Secret{}, conflict("The key was rotated meanwhile.")
	}
	live := slices.DeleteFunc(slices.Clone(k.Secrets), func(s Secret) bool { return !s.livesAt(now) })
	switch len(live) {
	case 0:
		return Secret{}, conflict("The secrets of the key have ended.")
	case 1:
		return live[0], nil
	}
	return Secret{}, conflict("The key has two live secrets: end the old one first.")
}

// nextSecret generates a text for a key that exists.
func (i *Issuer) nextSecret(key APIKey, now time.Time) (text string, secret Secret, err error) {
	if key.Kind != bearer.SecretKey && key.Kind != bearer.PublishableKey || !isEnvironment(key.Environment) {
		return "", Secret{}, outage(errors.New("issuer: a stored key has no kind or no environment"))
	}
	text, hash := i.config.Format.Generate(key.Kind, key.Environment)
	return text, i.newSecret(text, hash, now), nil
}

// EndSecret ends the old secret of a key before its time. The newest cannot be
// ended: rotate the key, or revoke it. A secret that has ended stays as it is.
func (i *Issuer) EndSecret(ctx context.Context, by Caller, id, secret string) (APIKey, error) {
	before, after, err := i.changeKey(ctx, by, id, func(key *APIKey) error {
		now := storeNow()
		at := slices.IndexFunc(key.Secrets, func(s Secret) bool { return s.ID == secret })
		switch {
		case secret == "" || at < 0:
			return notFound()
		case at == len(key.Secrets)-1:
			return conflict("The newest secret of a key cannot be ended: rotate the key, or revoke it.")
		case !key.Secrets[at].livesAt(now), !key.RevokedAt.IsZero():
			return errSame
		}
		key.Secrets[at].EndsAt = now
		return nil
	})
	switch {
	case errors.Is(err, errSame):
		return before, nil
	case err != nil:
		return APIKey{}, err
	}
	i.tellKey(ctx, "key.secret_ended", by, after, map[string]string{"secret": secret})
	return after, nil
}
