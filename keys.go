package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"time"
)

// Kind is what a credential is. The zero value is no kind, and is refused. The
// numbers may be stored, and do not change.
type Kind int

const (
	// SecretKey is an API key that may read and write: sk_.
	SecretKey Kind = iota + 1
	// PublishableKey is an API key that may only read: pk_.
	PublishableKey
	// Token is a JWT.
	Token
)

// String returns "secret", "publishable" or "token".
func (k Kind) String() string {
	switch k {
	case SecretKey:
		return "secret"
	case PublishableKey:
		return "publishable"
	case Token:
		return "token"
	default:
		return "Kind(" + strconv.Itoa(int(k)) + ")"
	}
}

// Environment separates test data from live data. The zero value is any in a
// [Config], invalid in a [Key] of this package's format, and absent in a JWT. The
// numbers may be stored, and do not change.
type Environment int

const (
	// Test is the environment of sk_test_ and pk_test_ keys.
	Test Environment = iota + 1
	// Live is the environment of sk_live_ and pk_live_ keys.
	Live
)

// String returns "test" or "live", and "" for the zero value.
func (e Environment) String() string {
	switch e {
	case 0:
		return ""
	case Test:
		return "test"
	case Live:
		return "live"
	default:
		return "Environment(" + strconv.Itoa(int(e)) + ")"
	}
}

// A Key is the record of one API key. It holds no text that could be used as a
// credential, and prints without its hash and its Data, by every verb and in
// slog. Its JSON is the whole record, for caches and services: it is not to be
// logged, nor sent to clients. Two keys may have one ID, as the old and the new
// text of a key that is being rotated do: they share a bucket.
type Key struct {
	ID          string         // for logs, limits and ownership; not secret
	Hash        KeyHash        // of the key's text: see KeyFormat.Hash
	Kind        Kind           // SecretKey or PublishableKey; zero: refused
	Environment Environment    // zero: refused, but for foreign texts
	Owner       string         // whose key it is; zero: no one's
	Scopes      Scopes         // zero: none; FullAccess: all
	AllowedIPs  []netip.Prefix // none: any address

	// AllowedOrigins are the origins of the pages on which browsers may use a
	// publishable key: "https://app.example", compared byte for byte with the
	// Origin field of a request, if it has one. None: any. Those of a secret key
	// are not looked at.
	AllowedOrigins []string

	Limit     Limit     // zero: the guard's
	ExpiresAt time.Time // refused (403, key_expired) from then on; zero: never

	// EndsAt is when one text of a key that is rotated ends: refused (401,
	// key_revoked) from then on. Zero: the text ends with the key.
	EndsAt time.Time

	RevokedAt time.Time // refused (401, key_revoked) if not zero, whenever it is

	// Data is the application's own: the plan, the account, what a handler would
	// have to query. Stores that keep keys in memory share it and do not copy it.
	// What comes back from JSON has JSON's types. Nil: none.
	Data any
}

// String returns what may be logged of k: not its hash, nor its Data.
func (k Key) String() string {
	return "key " + strconv.Quote(k.ID) + " (" + k.Kind.String() + ", " + k.Environment.String() + ")"
}

// Format implements [fmt.Formatter], so that no verb shows the hash.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", k.ID),
		slog.String("kind", k.Kind.String()),
		slog.String("environment", k.Environment.String()),
		slog.String("owner", k.Owner),
		slog.String("scopes", string(k.Scopes)),
	)
}

// isPlain reports whether a key has no limit of its own, and nothing that could
// refuse a request at some time, from some address or from some page.
func (k *Key) isPlain() bool {
	return k.RevokedAt.IsZero() && k.EndsAt.IsZero() && k.ExpiresAt.IsZero() &&
		len(k.AllowedIPs) == 0 && len(k.AllowedOrigins) == 0 && k.Limit == Limit{}
}

// hasCome reports whether an instant has come; the zero time never does.
func hasCome(instant, now time.Time) bool { return !instant.IsZero() && !now.Before(instant) }

// A KeyStore finds API keys, in a database of the application's as a rule.
type KeyStore interface {
	// FindKey returns the key whose text hashes to hash. It returns an error
	// wrapping ErrKeyNotFound if there is none; any other error, or a nil key,
	// is an outage (503), never a wrong key (401). A key beside an error is not
	// looked at.
	//
	// Key.Hash is as it is stored, and not as it was asked for: the guard
	// compares the two, and refuses the key where they differ. Expired and
	// revoked keys may be returned: the guard refuses them. The guard does not
	// change the key, and may hold it while a request lasts.
	//
	// FindKey must be safe for concurrent use.
	FindKey(ctx context.Context, hash KeyHash) (*Key, error)
}

// ErrKeyNotFound is wrapped by the error of a [KeyStore] that does not hold a
// key, and by that of a [JWT] Keyfunc that does not know a token's key.
var ErrKeyNotFound = errors.New("bearer: key not found")
