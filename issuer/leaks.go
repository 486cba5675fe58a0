package issuer

import (
	"context"
	"errors"
	"slices"

	"github.com/blockauth/bearer"
)

// A Leak is what is known of a text that was found where it must not be.
type Leak struct {
	// Source is who found it, or where: "github:commit". Up to 64 of a-z, 0-9, _, :
	// and -. It stands in the Reason of the key and in the event. Zero: "report".
	Source string

	// URL is where it stands, for the event. What could hold a secret is cut off: a
	// password, a query, the text itself. Anything but an http or https URL is
	// dropped. Zero: not known.
	URL string

	// Decide says what to do about a key that is live, and is called again if the
	// key changes meanwhile. If it returns an error, nothing is done (503). Nil:
	// [RevokeLeaked] for all.
	Decide func(context.Context, APIKey) (LeakAction, error)
}

// A LeakAction is what is done about a live key whose text has leaked.
type LeakAction int

const (
	// RevokeLeaked ends the secret that leaked, at once. If the key has no other
	// live one, it revokes the key. So is every LeakAction that is none.
	RevokeLeaked LeakAction = iota

	// FlagLeaked leaves the secret good. The Reason of the key says that it leaked,
	// until the secret has ended: by a rotation, say.
	FlagLeaked
)

// A LeakStatus says what a text is that was reported, and what was done.
type LeakStatus int

// The statuses. In JSON, they are their texts.
const (
	LeakUnknown     LeakStatus = iota // no key of this issuer: "unknown"
	LeakPublic                        // a publishable key, which may be public: "public"
	LeakEnded                         // a key or secret that had ended before: "ended"
	LeakFlagged                       // a live key, which is flagged: "flagged"
	LeakRevoked                       // a live key, which was revoked: "revoked"
	LeakSecretEnded                   // a live key with another secret; that one was ended: "secret_ended"
)

var leakStatuses = [...]string{"unknown", "public", "ended", "flagged", "revoked", "secret_ended"}

// String returns the text of the status.
func (s LeakStatus) String() string {
	if s < 0 || int(s) >= len(leakStatuses) {
		return leakStatuses[LeakUnknown]
	}
	return leakStatuses[s]
}

// MarshalText implements [encoding.TextMarshaler].
func (s LeakStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// IsReal reports whether the text is, or was, a secret that had to be kept.
func (s LeakStatus) IsReal() bool { return s != LeakUnknown && s != LeakPublic }

// A LeakReport is what ReportLeak found and did.
type LeakReport struct {
	Status LeakStatus
	Key    APIKey // as it is now; zero for LeakUnknown
	Secret string // the ID of the secret that leaked; zero: it is no longer among the key's
}

// ReportLeak does something about the text of a key, of any owner, that was found
// where it must not be: see [Leak]. It finds what a guard would accept, by old
// peppers and foreign forms too. What has ended, is public or unknown, it leaves
// alone, so that a report may be repeated. It has no rate limit: package leak has
// handlers with one.
//
// What it does is told as key.leaked, once, with the source, the url, the ID of
// the secret and the action, and then as key.revoked or key.secret_ended. Guards
// refuse what was revoked at once, also the JWTs that were made from it.
//
// An unknown text is a LeakUnknown, and no error. An error has a [bearer.Error] in
// its tree: of the code invalid_request for a Source that is none, and
// service_unavailable if the store or Decide fails.
func (i *Issuer) ReportLeak(ctx context.Context, text string, leak Leak) (LeakReport, error) {
	if err := leak.normalize(text); err != nil {
		return LeakReport{}, err
	}
	hash, key, err := i.keyOfText(ctx, text)
	switch {
	case errors.Is(err, bearer.ErrKeyNotFound):
		return LeakReport{}, nil
	case err != nil:
		return LeakReport{}, refusalOf(err)
	}
	i.changed(Change{Key: hash}) // another process may have ended it
	if report := reportOf(key, hash); report.Status != LeakRevoked {
		return report, nil
	}
	return i.stopLeaked(ctx, key, hash, leak)
}

// stopLeaked does something about a key that was live when it was read.
func (i *Issuer) stopLeaked(ctx context.Context, key APIKey, hash bearer.KeyHash, leak Leak) (LeakReport, error) {
	by := Operator(key.Owner)
	var (
		report LeakReport
		wanted APIKey // what was last tried to write
	)
	_, after, err := i.changeKey(ctx, by, key.ID, func(key *APIKey) error {
		wanted, report = APIKey{}, reportOf(*key, hash)
		if report.Status != LeakRevoked {
			return errSame
		}
		status, err := i.actOn(ctx, key, report.Secret, leak)
		report.Status = status
		if err == nil {
			wanted = key.copied()
		}
		return err
	})
	switch {
	case errors.Is(err, errSame):
		report.Key = after
		return report, nil
	case err != nil && !i.wasWritten(ctx, hash, wanted):
		return LeakReport{}, err
	case err != nil:
		after = wanted
		after.Version++
	}
	report.Key = after
	i.tellLeak(ctx, by, report, leak)
	return report, nil
}

// keyOfText returns the key that has, or had, a secret with the text, as a guard
// finds it, or an error wrapping [bearer.ErrKeyNotFound].
func (i *Issuer) keyOfText(ctx context.Context, text string) (hash bearer.KeyHash, key APIKey, err error) {
	f := i.config.Format
	_, _, err = f.Parse(text)
	hasForm := err == nil || f.Hint(text) != "" // with a wrong checksum, say
	if err != nil && (hasForm || !f.Foreign) || text == "" || len(text) > maxLeakText {
		return hash, APIKey{}, bearer.ErrKeyNotFound
	}
	for _, pepper := range append([][]byte{f.Pepper}, f.OldPeppers...) {
		f.Pepper = pepper
		hash = f.Hash(text)
		key, err = i.store.KeyByHash(ctx, hash)
		if !errors.Is(err, bearer.ErrKeyNotFound) {
			break
		}
	}
	return hash, key, err
}

// reportOf returns what is to be said of a key before anything is done. If it can
// be used with the text that has the hash, the status is LeakRevoked.
func reportOf(key APIKey, hash bearer.KeyHash) LeakReport {
	now := storeNow()
	key.dropFlag(now)
	r := LeakReport{Status: LeakEnded, Key: key}
	at := slices.IndexFunc(key.Secrets, func(s Secret) bool { return s.Hash == hash })
	if at >= 0 {
		r.Secret = key.Secrets[at].ID
	}
	switch {
	case key.Kind == bearer.PublishableKey:
		r.Status = LeakPublic
	case at >= 0 && key.Secrets[at].livesAt(now) && key.mustLive() == nil:
		r.Status = LeakRevoked // also if it is disabled, which can be undone
	}
	return r
}

// actOn decides about a key that is live, and changes it accordingly. It returns
// errSame if the key is flagged already.
func (i *Issuer) actOn(ctx context.Context, key *APIKey, secret string, leak Leak) (LeakStatus, error) {
	action := RevokeLeaked
	if leak.Decide != nil {
		var err error
		seen := key.copied()
		action, err = ask(ctx, func(ctx context.Context) (LeakAction, error) { return leak.Decide(ctx, seen) })
		if err != nil {
			return LeakUnknown, outage(err)
		}
	}
	now := storeNow()
	if action == FlagLeaked {
		if slices.Contains(key.flagged(), secret) {
			return LeakFlagged, errSame
		}
		key.flag(secret, leak.Source)
		return LeakFlagged, nil
	}
	isOther := func(s Secret) bool { return s.ID != secret && s.livesAt(now) }
	if !slices.ContainsFunc(key.Secrets, isOther) {
		key.RevokedAt, key.Reason = now, leakedPrefix+leak.Source
		return LeakRevoked, nil
	}
	at := slices.IndexFunc(key.Secrets, func(s Secret) bool { return s.ID == secret })
	key.Secrets[at].EndsAt = now
	return LeakSecretEnded, nil
}

// wasWritten reports whether a key is as it was wanted, though the store returned
// an error: its answer was lost. Without it, a report that is repeated would find
// that the key has ended, and the leak would never be told.
func (i *Issuer) wasWritten(ctx context.Context, hash bearer.KeyHash, wanted APIKey) bool {
	if wanted.ID == "" {
		return false
	}
	key, err := i.store.KeyByHash(context.WithoutCancel(ctx), hash)
	isSame := func(a, b Secret) bool { return a.ID == b.ID && a.EndsAt.Equal(b.EndsAt) }
	return err == nil && key.ID == wanted.ID && key.Version == wanted.Version+1 && key.Reason == wanted.Reason &&
		key.RevokedAt.Equal(wanted.RevokedAt) && slices.EqualFunc(key.Secrets, wanted.Secrets, isSame)
}

// tellLeak tells what was done about a leak.
func (i *Issuer) tellLeak(ctx context.Context, by Caller, r LeakReport, leak Leak) {
	detail := map[string]string{"source": leak.Source, "secret": r.Secret, "action": r.Status.String()}
	if leak.URL != "" {
		detail["url"] = leak.URL
	}
	i.tellKey(ctx, "key.leaked", by, r.Key, detail)
	switch r.Status {
	case LeakRevoked:
		i.tellKey(ctx, "key.revoked", by, r.Key, map[string]string{"reason": r.Key.Reason})
	case LeakSecretEnded:
		i.tellKey(ctx, "key.secret_ended", by, r.Key, map[string]string{"secret": r.Secret})
	default: // a flag
	}
}
