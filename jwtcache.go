package bearer

import (
	"encoding/binary"
	"hash/maphash"
	"time"
)

// A signedCache remembers tokens whose signature is good: not that a request
// was allowed. Only verified tokens enter, so that strangers cannot fill it. A
// nil signedCache remembers nothing.
type signedCache struct {
	tokens *expiring[*token]
	seed   maphash.Seed
}

const signedFor = time.Minute

func newSignedCache(most int) *signedCache {
	return &signedCache{newExpiring[*token](most), maphash.MakeSeed()}
}

// find returns the token that text spells, or nil.
func (c *signedCache) find(text string, now time.Time) *token {
	if c == nil {
		return nil
	}
	t, ok := c.tokens.load(c.digest(text), now)
	if !ok || t.jwt.Raw != text {
		return nil
	}
	return t
}

// store remembers a verified token for a minute, but not beyond its expiry.
func (c *signedCache) store(text string, t *token, now time.Time) {
	if c != nil && now.Before(t.expiresAt) {
		t.key = cloneKey(t.key)
		c.tokens.store(c.digest(text), t, earlier(now.Add(signedFor), t.expiresAt))
	}
}

// digest names a text by 64 bits that depend on a secret seed, so that nobody
// can look for two texts with one name. SHA-256 would take as long as half of
// the key path, and the text is compared in any case.
func (c *signedCache) digest(text string) (d KeyHash) {
	binary.LittleEndian.PutUint64(d[:], maphash.String(c.seed, text))
	return d
}
