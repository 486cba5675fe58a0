package bearer

import (
	"crypto/sha256"
	"time"
)

// A signedCache remembers tokens whose signature is good: not that a request
// was allowed. Only verified tokens enter, so that strangers cannot fill it. A
// nil signedCache remembers nothing.
type signedCache struct {
	tokens *expiring[*token]
}

const signedFor = time.Minute

func newSignedCache(most int) *signedCache {
	return &signedCache{newExpiring[*token](most)}
}

// find returns the token that text spells, or nil.
func (c *signedCache) find(text string, now time.Time) *token {
	if c == nil {
		return nil
	}
	t, ok := c.tokens.load(digestOf(text), now)
	if !ok {
		return nil
	}
	return t
}

// store remembers a verified token for a minute, but not beyond its expiry.
func (c *signedCache) store(text string, t *token, now time.Time) {
	if c != nil && now.Before(t.expiresAt) {
		t.key = cloneKey(t.key)
		c.tokens.store(digestOf(text), t, earlier(now.Add(signedFor), t.expiresAt))
	}
}

// digestOf names a token in the cache, which is no place for tokens themselves.
func digestOf(text string) KeyHash {
	return sha256.Sum256(bytesOf(text))
}
