package issuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/blockauth/bearer"
)

// What the texts of secrets begin with.
const (
	clientSecretPrefix     = "cs_" // of an OAuth client
	credentialSecretPrefix = "as_" // of a credential
)

// mintSecret returns a new text for a secret: 260 bits.
func mintSecret(prefix string) string { return mint(prefix) + mint("") }

// newClientSecret returns a new secret of an OAuth client, and its text. A text of
// 260 random bits needs no slow hash.
func newClientSecret(now time.Time) (text string, s Secret) {
	text = mintSecret(clientSecretPrefix)
	return text, Secret{
		ID:        mint(""),
		Hash:      hashSecret(text),
		Hint:      text[:len(clientSecretPrefix)+8],
		CreatedAt: now,
	}
}

// hashSecret returns the hash that is stored of an OAuth client's secret.
func hashSecret(text string) bearer.KeyHash { return sha256.Sum256([]byte(text)) }

// lives reports whether a secret is good at a time.
func (s Secret) lives(at time.Time) bool { return s.EndsAt.IsZero() || at.Before(s.EndsAt) }

// liveSecret returns the secret of an OAuth client that has the text and is good
// at the time. It takes as long whichever it is.
func (c *Client) liveSecret(text string, at time.Time) (Secret, bool) {
	hash, found := hashSecret(text), -1
	for i := range c.Secrets {
		isEqual := subtle.ConstantTimeCompare(hash[:], c.Secrets[i].Hash[:]) == 1
		if isEqual && c.Secrets[i].lives(at) {
			found = i
		}
	}
	if found < 0 {
		return Secret{}, false
	}
	return c.Secrets[found], true
}
