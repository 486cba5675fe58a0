package jws

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/subtle"
	"math/big"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// minSecrets are the shortest secrets of the HMAC algorithms, in bytes: those of
// their hashes (RFC 7518 section 3.2).
var minSecrets = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// MinSecret returns how many bytes a secret of an HMAC algorithm has at least.
func MinSecret(alg string) int { return minSecrets[alg] }

// families groups the algorithms whose keys are of one type.
var families = map[string]string{
	"HS256": "HMAC", "HS384": "HMAC", "HS512": "HMAC",
	"RS256": "RSA", "RS384": "RSA", "RS512": "RSA",
	"PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
	"ES256": "ECDSA", "ES384": "ECDSA", "ES512": "ECDSA",
	"EdDSA": "EdDSA", "Ed25519": "EdDSA",
}

// edDSANames are the names of Ed25519: that of RFC 8037, and that of RFC 9864
// which replaces it. golang-jwt has one method for both.
var edDSANames = [...]string{"EdDSA", "Ed25519"}

// curves are those of ES256, ES384 and ES512. There are others of these sizes.
var curves = map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}

// strict returns a method that verifies as RFC 7518 says. The PS* of golang-jwt
// take a salt of any length, where section 3.5 wants that of the hash.
func strict(method jwt.SigningMethod) jwt.SigningMethod {
	pss, ok := method.(*jwt.SigningMethodRSAPSS)
	if !ok {
		return method
	}
	exact := *pss
	exact.VerifyOptions = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: pss.Hash}
	return &exact
}

// Family returns the name that the algorithms with keys of one type share, or ""
// if alg is none of them.
func Family(alg string) string { return families[alg] }

// Keys returns the keys that a Keyfunc answered with.
func Keys(answer any) []jwt.VerificationKey {
	if set, ok := answer.(jwt.VerificationKeySet); ok {
		return set.Keys
	}
	return []jwt.VerificationKey{answer}
}

// Verify verifies the signature of the token by what a Keyfunc answered. It
// tries each key that fits the token's algorithm.
func (t *Token) Verify(answer any) error {
	method := strict(t.JWT.Method)
	for _, key := range Keys(answer) {
		if fits(method, key) && method.Verify(t.signedText, t.JWT.Signature, key) == nil {
			t.key = key
			return nil
		}
	}
	return errSignature
}

// VerifiedBy reports whether the key that verified the token is one of those that
// a Keyfunc answered with.
func (t *Token) VerifiedBy(answer any) bool {
	for _, key := range Keys(answer) {
		if fits(t.JWT.Method, key) && sameKey(t.key, key) {
			return true
		}
	}
	return false
}

// KeepKey gives the token a copy of the key that verified it, which stays what
// it is if the application overwrites its own.
func (t *Token) KeepKey() { t.key = cloneKey(t.key) }

// fits reports whether a key is of the type, the size and the curve that a
// method needs. golang-jwt takes short secrets and other curves.
func fits(method jwt.SigningMethod, key any) bool {
	switch key := key.(type) {
	case []byte:
		m, ok := method.(*jwt.SigningMethodHMAC)
		return ok && len(key) >= m.Hash.Size() // MinSecret, without a look-up
	case *rsa.PublicKey:
		return families[method.Alg()] == "RSA" && key != nil && key.N != nil && key.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		m, ok := method.(*jwt.SigningMethodECDSA)
		return ok && key != nil && key.X != nil && key.Y != nil && key.Curve == curves[m.CurveBits]
	case ed25519.PublicKey:
		_, ok := method.(*jwt.SigningMethodEd25519)
		return ok && len(key) == ed25519.PublicKeySize
	}
	return false
}

func cloneKey(key any) any {
	switch key := key.(type) {
	case []byte:
		return slices.Clone(key)
	case ed25519.PublicKey:
		return slices.Clone(key)
	case *rsa.PublicKey:
		return &rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}
	case *ecdsa.PublicKey:
		if point, err := key.Bytes(); err == nil {
			clone, _ := ecdsa.ParseUncompressedPublicKey(key.Curve, point) // no error: Bytes checked it
			return clone
		}
	}
	return nil
}

// sameKey reports whether two keys verify the same signatures. The Equal of
// crypto/ecdsa and crypto/rsa copies numbers that are public.
func sameKey(a, b any) bool {
	switch a := a.(type) {
	case []byte:
		b, ok := b.([]byte)
		return ok && subtle.ConstantTimeCompare(a, b) == 1
	case ed25519.PublicKey:
		b, ok := b.(ed25519.PublicKey)
		return ok && bytes.Equal(a, b)
	case *rsa.PublicKey:
		b, ok := b.(*rsa.PublicKey)
		return ok && a.E == b.E && a.N.Cmp(b.N) == 0
	case *ecdsa.PublicKey:
		b, ok := b.(*ecdsa.PublicKey)
		return ok && a.Curve == b.Curve && a.X.Cmp(b.X) == 0 && a.Y.Cmp(b.Y) == 0
	}
	return false
}
