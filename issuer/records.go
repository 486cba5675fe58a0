package issuer

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"time"

	"github.com/blockauth/bearer"
)

// An APIKey is the record of an API key: a policy, with the secrets that are its
// material. Rotation replaces a secret and never touches the policy.
type APIKey struct {
	ID             string             // "ak_…", or what the application chose; unique
	Owner          string             // whose key it is. Required
	Name           string             // for people
	Kind           bearer.Kind        // SecretKey or PublishableKey
	Environment    bearer.Environment // Test or Live
	Scopes         bearer.Scopes      // zero: none; FullAccess: all
	AllowedIPs     []netip.Prefix     // none: any address
	AllowedOrigins []string           // of a publishable key; none: any
	Limit          bearer.Limit       // zero: the guard's. Only the application sets it
	Metadata       map[string]string  // becomes bearer.Key.Data, as a map[string]string that is a copy
	Disabled       bool               // is answered as revoked; can be undone
	ExpiresAt      time.Time          // zero: never
	RevokedAt      time.Time          // zero: not
	Reason         string             // why it was revoked; of one that is not, "" or a flag: see FlagLeaked
	CreatedAt      time.Time
	CreatedBy      string    // Caller.ID
	LastUsedAt     time.Time // of all secrets, exact to Config.CacheTTL; zero: never. Not written by ReplaceKey
	Secrets        []Secret  // live ones and such as ended lately, the oldest first
	Version        int64     // counts replacements; see KeyStore.ReplaceKey
}

// A Secret is one text of an API key or of an OAuth client, of which only the
// hash is kept.
type Secret struct {
	ID         string // random, within the key
	Hash       bearer.KeyHash
	Hint       string // what may be shown of the text, as in sk_live_a1B2c3D4; zero: nothing
	CreatedAt  time.Time
	EndsAt     time.Time // refused from then on; zero: with the key
	LastUsedAt time.Time // see APIKey.LastUsedAt
}

// A Client is what exchanges an ID and a secret for a token: an OAuth client, or
// a credential.
type Client struct {
	ID          string // public; unique, also among those that are deleted. A credential's is a UUID
	Owner       string // Required
	Name        string // for people
	Credential  bool   // good at /auth/token alone; else an OAuth client, good at /oauth/token alone
	Environment bearer.Environment
	Scopes      bearer.Scopes // the most that its tokens have; zero: none
	Introspect  bool          // of an OAuth client: may use /oauth/introspect, for tokens of all owners
	Secrets     []Secret      // of an OAuth client: live ones and such as ended lately, the oldest first
	SecretHash  string        // of a credential: argon2id
	CreatedAt   time.Time
	CreatedBy   string    // Caller.ID
	DeletedAt   time.Time // zero: not
	Version     int64     // counts replacements; see ClientStore.ReplaceClient

	// Replaces is the ID of the credential that this one replaces: it is good only
	// once that one's ReplacedBy says so. So a pair is replaced by one write.
	Replaces, ReplacedBy string
}

// A Session is one login: of a user, of an API key under a session ID, of a
// client or a credential. It is good as long as what opened it is.
type Session struct {
	ID      string // sid: up to 32 bytes
	Subject string // sub: "user:…", "key:…", "client:…" or "credential:…"

	// Name is unique among the live sessions of a subject: OpenSession finds the
	// session by it. Label is what people call it: the session_id of a key, the
	// label of StartSession.
	Name, Label string

	Owner       string
	CreatedBy   string // who sees it: User.ID, or CreatedBy of the key or client
	Environment bearer.Environment
	CreatedAt   time.Time
	ExpiresAt   time.Time // it lives before, and neither at it nor later
	RefreshedAt time.Time // zero: never
	EndedAt     time.Time // zero: it lives
	Reason      string    // why it ended

	// SecretHash is that of the secret of the key or OAuth client that opened the
	// session, or zero. UserVersion is the Version of the user that opened it.
	SecretHash  bearer.KeyHash
	UserVersion string

	// KeyID and Payload are the kid and the claims of the last access token, which
	// are signed again when a key asks for its session again. No token is stored.
	KeyID   string
	Payload []byte

	Refresh Refresh // zero: no refresh token
	Version int64   // counts replacements; see SessionStore.ReplaceSession
}

// Refresh is what is stored of a session's refresh tokens.
type Refresh struct {
	Family    bearer.KeyHash // of the family secret
	Step      bearer.KeyHash // of the step secret that is good now
	ExpiresAt time.Time      // of that step
	EndsAt    time.Time      // of the family
	Spent     bearer.KeyHash // of the step before; zero: none
	SpentAt   time.Time
	Successor []byte // the refresh token that followed the spent step, sealed with a key derived from it
}

// Records print without their hashes, by every verb and in slog: a guess at a key
// could be tested against one. Their JSON is the whole record, for stores.

// String returns what may be logged of k: not its hashes, nor its Metadata.
func (k APIKey) String() string {
	return "key " + strconv.Quote(k.ID) + " (" + k.Kind.String() + ", " + k.Environment.String() + ")"
}

// Format implements [fmt.Formatter], so that no verb shows a hash.
func (k APIKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// LogValue implements [slog.LogValuer].
func (k APIKey) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", k.ID),
		slog.String("kind", k.Kind.String()),
		slog.String("environment", k.Environment.String()),
		slog.String("owner", k.Owner),
		slog.String("scopes", string(k.Scopes)),
	)
}

// String returns what may be logged of s: not its hash.
func (s Secret) String() string { return "secret " + strconv.Quote(s.ID) }

// Format implements [fmt.Formatter], so that no verb shows the hash.
func (s Secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns what may be logged of c: not its hashes.
func (c Client) String() string {
	return "client " + strconv.Quote(c.ID) + " (" + c.Environment.String() + ")"
}

// Format implements [fmt.Formatter], so that no verb shows a hash.
func (c Client) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// LogValue implements [slog.LogValuer].
func (c Client) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", c.ID),
		slog.Bool("credential", c.Credential),
		slog.String("environment", c.Environment.String()),
		slog.String("owner", c.Owner),
		slog.String("scopes", string(c.Scopes)),
	)
}

// String returns what may be logged of s: not its hashes, nor its Payload.
func (s Session) String() string {
	return "session " + strconv.Quote(s.ID) + " (" + strconv.Quote(s.Subject) + ")"
}

// Format implements [fmt.Formatter], so that no verb shows a hash.
func (s Session) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// LogValue implements [slog.LogValuer].
func (s Session) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", s.ID),
		slog.String("subject", s.Subject),
		slog.String("owner", s.Owner),
	)
}

// String returns what may be logged of r: nothing.
func (r Refresh) String() string { return "issuer.Refresh" }

// Format implements [fmt.Formatter], so that no verb shows a hash.
func (r Refresh) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, r.String()) }

// LogValue implements [slog.LogValuer].
func (r Refresh) LogValue() slog.Value { return slog.StringValue(r.String()) }
