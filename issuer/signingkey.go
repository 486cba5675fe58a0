package issuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"unicode/utf8"
)

// A SigningKey signs the JWTs of an [Issuer], and verifies them. It hides its key.
type SigningKey struct {
	// ID is the kid that tokens name. Required; unique among the keys of an issuer.
	ID string

	// Algorithm is HS256, EdDSA or ES256.
	Algorithm string

	// Key is a []byte of at least 32 bytes for HS256, an ed25519.PrivateKey, or an
	// *ecdsa.PrivateKey on P-256. An ed25519.PublicKey or an *ecdsa.PublicKey only
	// verifies.
	Key any
}

// The algorithms of signing keys. Each is the one of its family here.
const (
	algHS256 = "HS256"
	algEdDSA = "EdDSA"
	algES256 = "ES256"
)

// minSecret is the fewest bytes of a secret of HS256 (RFC 7518 section 3.2).
const minSecret = 32

// NewSigningKey returns a new key of the algorithm, with its thumbprint for an
// ID. It is for tests and first steps: after a restart, and in a second replica,
// the key is another. It panics if the algorithm is none of a SigningKey's.
func NewSigningKey(algorithm string) SigningKey {
	k := SigningKey{Algorithm: algorithm}
	switch algorithm {
	case algHS256:
		secret := make([]byte, minSecret)
		_, _ = rand.Read(secret) // never fails
		k.Key = secret
	case algEdDSA:
		_, k.Key, _ = ed25519.GenerateKey(nil) // rand.Reader never fails
	case algES256:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic("issuer: NewSigningKey: " + err.Error())
		}
		k.Key = private
	default:
		panic(fmt.Sprintf("issuer: NewSigningKey: no algorithm %q: HS256, EdDSA or ES256", algorithm))
	}
	k.ID = jwkOf(k).thumbprint()
	return k
}

// String returns what may be logged of k: not its key.
func (k SigningKey) String() string {
	return "signing key " + strconv.Quote(k.ID) + " (" + k.Algorithm + ")"
}

// Format implements [fmt.Formatter], so that no verb shows the key.
func (k SigningKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// LogValue implements [slog.LogValuer].
func (k SigningKey) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", k.ID), slog.String("algorithm", k.Algorithm))
}

// MarshalJSON returns the ID and the algorithm, without the key.
func (k SigningKey) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"id": k.ID, "algorithm": k.Algorithm})
}

// problem says what is wrong with a key, or returns nil.
func (k SigningKey) problem() error {
	if k.ID == "" || !utf8.ValidString(k.ID) {
		return errors.New("the ID is empty, or not UTF-8")
	}
	var isFit bool
	switch k.Algorithm {
	case algHS256:
		secret, ok := k.Key.([]byte)
		if ok && len(secret) < minSecret {
			return fmt.Errorf("a secret of %d bytes is too short: at least %d for HS256", len(secret), minSecret)
		}
		isFit = ok
	case algEdDSA:
		isFit = isEd25519(k.Key)
	case algES256:
		isFit = isP256(k.Key)
	default:
		return fmt.Errorf("the algorithm is %q: HS256, EdDSA or ES256", k.Algorithm)
	}
	if !isFit {
		return fmt.Errorf("the key, a %T, is none for %s, or its parts do not belong together", k.Key, k.Algorithm)
	}
	return nil
}

// isEd25519 reports whether a key is one of Ed25519. The public part of a private
// key must be its own: signatures made with another would tell the private part.
func isEd25519(key any) bool {
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return len(k) == ed25519.PrivateKeySize && ed25519.NewKeyFromSeed(k.Seed()).Equal(k)
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize
	}
	return false
}

// isP256 reports whether a key is one of ECDSA on P-256, with a point that is on
// the curve and belongs to the private part.
func isP256(key any) bool {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k == nil || k.D == nil || !isP256(&k.PublicKey) {
			return false
		}
		private, err := k.ECDH()
		if err != nil {
			return false
		}
		public, err := k.PublicKey.ECDH()
		return err == nil && private.PublicKey().Equal(public)
	case *ecdsa.PublicKey:
		if k == nil || k.Curve != elliptic.P256() || k.X == nil || k.Y == nil {
			return false
		}
		_, err := k.ECDH()
		return err == nil
	}
	return false
}

// canSign reports whether a key does more than to verify.
func (k SigningKey) canSign() bool {
	switch k.Key.(type) {
	case []byte, ed25519.PrivateKey, *ecdsa.PrivateKey:
		return true
	}
	return false
}

// public returns what verifies the signatures of a key.
func (k SigningKey) public() any {
	switch key := k.Key.(type) {
	case ed25519.PrivateKey:
		return key.Public()
	case *ecdsa.PrivateKey:
		return &key.PublicKey
	}
	return k.Key
}
