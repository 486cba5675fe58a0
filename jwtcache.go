package bearer

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/blockauth/bearer/internal/hashmap"
)

// A signedCache remembers tokens whose signature is good: not that a request
// was allowed. Only verified tokens enter, so that forged ones cannot fill it.
// Expired tokens have a map of their own, so that they displace no good ones. A
// nil signedCache remembers nothing.
type signedCache struct {
	good    *hashmap.Expiring[*token] // until their exp
	expired *hashmap.Expiring[*token] // from their exp on, with what Session said
}

const (
	signedFor  = time.Minute
	expiredFor = 10 * time.Second
)

func newSignedCache(most int) *signedCache {
	return &signedCache{hashmap.NewExpiring[*token](most), hashmap.NewExpiring[*token](most)}
}

// load returns the token that text spells, or nil.
func (c *signedCache) load(digest hashmap.Digest, text string) *token {
	if c == nil {
		return nil
	}
	if t, ok := c.good.Load(digest); ok && t.JWT.Raw == text {
		return t
	}
	t, ok := c.expired.Load(digest)
	if !ok || t.JWT.Raw != text || !t.hasExpired(time.Now()) { // the clock may have been set back
		return nil
	}
	return t
}

// store remembers a verified token: for a minute, but not beyond its expiry; or,
// once it has expired, for ten seconds.
func (c *signedCache) store(digest hashmap.Digest, t *token) {
	now, expiresAt := t.verifiedAt, t.endsAt.Add(-t.issuer.Leeway)
	switch {
	case c == nil:
	case now.Before(expiresAt):
		until := now.Add(signedFor)
		if expiresAt.Before(until) {
			until = expiresAt
		}
		c.good.Store(digest, t, until)
	case t.hasExpired(now):
		c.expired.Store(digest, t, now.Add(expiredFor))
	}
}

// digest names a text by 64 bits that depend on a secret seed, so that no caller
// can look for two texts with one name. SHA-256 would take as long as half of
// the key path, and the text is compared in any case. The end of the signature
// is enough to tell tokens apart.
func (v *verifier) digest(text string) (d hashmap.Digest) {
	const enough = 32 // characters, which are 192 bits
	binary.LittleEndian.PutUint64(d[:], maphash.String(v.seed, text[max(0, len(text)-enough):]))
	return d
}
