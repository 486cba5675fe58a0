package issuer

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

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
