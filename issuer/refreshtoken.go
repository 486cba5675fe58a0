package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"strings"
)

const (
	sessionPrefix = "se_" // of the IDs of sessions
	refreshPrefix = "rt_" // of refresh tokens
	mintLength    = 26    // of what mint returns after the prefix
)

// A refreshToken names a session and holds two secrets. That of the family is
// the same in all refresh tokens of a login: it proves that one of them was
// known, so that a made-up token with the ID of a session, which is no secret,
// ends nothing. That of the step is good once.
type refreshToken struct {
	session      string // its ID
	family, step string // secrets
}

// String returns the text that clients get: "rt_", then the parts, of 26 letters
// and digits each, without separators.
func (t refreshToken) String() string {
	return refreshPrefix + strings.TrimPrefix(t.session, sessionPrefix) + t.family + t.step
}

// parseRefreshToken returns what a text says if String could have made it. Each
// token has one spelling.
func parseRefreshToken(text string) (t refreshToken, isToken bool) {
	parts, hasPrefix := strings.CutPrefix(text, refreshPrefix)
	if !hasPrefix || len(parts) != 3*mintLength || strings.ContainsFunc(parts, isNotMinted) {
		return refreshToken{}, false
	}
	return refreshToken{
		session: sessionPrefix + parts[:mintLength],
		family:  parts[mintLength : 2*mintLength],
		step:    parts[2*mintLength:],
	}, true
}

// isNotMinted reports whether a character is none that mint writes: base32 (RFC
// 4648 section 6) in lower case.
func isNotMinted(c rune) bool { return (c < 'a' || c > 'z') && (c < '2' || c > '7') }

// seal encrypts the refresh token that follows a step, for the client that still
// has the step: the store has only its hash, and cannot read what is sealed. The
// key is used once, so that a random nonce is safe.
func seal(step string, next refreshToken) ([]byte, error) {
	box, err := sealerOf(step)
	if err != nil {
		return nil, err
	}
	text, session := []byte(next.String()), []byte(next.session)
	return box.Seal(nil, nil, text, session), nil //nolint:gosec // the box draws the nonce itself
}

var errSealed = errors.New("issuer: the stored successor of a refresh token is not its own")

// unseal returns the refresh token that was sealed for those who have t.step.
func unseal(t refreshToken, sealed []byte) (refreshToken, error) {
	box, err := sealerOf(t.step)
	if err != nil {
		return refreshToken{}, err
	}
	text, err := box.Open(nil, nil, sealed, []byte(t.session))
	if err != nil {
		return refreshToken{}, errSealed
	}
	next, isToken := parseRefreshToken(string(text))
	if !isToken || next.session != t.session {
		return refreshToken{}, errSealed
	}
	return next, nil
}

// sealerOf returns AES-256-GCM with a key that HKDF-SHA256 derives from a step.
func sealerOf(step string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(step), nil, "bearer issuer: successor of a refresh token", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
