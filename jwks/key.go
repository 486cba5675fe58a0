package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"

	"github.com/MicahParks/jwkset"
)

const (
	minRSA = 2048 // bits (RFC 7518 section 3.3)
	maxRSA = 8192 // as in crypto/tls: to verify with larger ones takes long

	maxExponent = 1<<31 - 1 // as in crypto/rsa, which verifies with no larger one
)

// families groups the algorithms whose keys are of one type.
var families = map[string]string{
	"RS256": "RSA", "RS384": "RSA", "RS512": "RSA",
	"PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
	"ES256": "ECDSA", "ES384": "ECDSA", "ES512": "ECDSA",
	"EdDSA": "EdDSA", "Ed25519": "EdDSA",
}

// shortName returns the one name that this package has for an algorithm: EdDSA
// has another since RFC 9864.
func shortName(alg string) string {
	if alg == "Ed25519" {
		return "EdDSA"
	}
	return alg
}

// A key is a public key that can verify signatures.
type key struct {
	kid        string   // "": none
	algorithms []string // that it is for
	public     any
}

var errUnusable = errors.New("no public key that verifies signatures of the algorithms")

// parseKey reads a JWK (RFC 7517 section 4), and returns an error if it is none
// that verifies signatures of one of the algorithms; with none, of any.
func parseKey(jwk map[string]json.RawMessage, algorithms []string) (*key, error) {
	kid, ok := stringOf(jwk, "kid")
	if !ok || !verifies(jwk) || isPrivate(jwk) {
		return nil, errUnusable
	}
	public, err := publicKey(jwk)
	if err != nil {
		return nil, err
	}
	k := &key{kid: kid, algorithms: algorithmsOf(public), public: public}
	alg, ok := stringOf(jwk, "alg")
	k.algorithms = slices.DeleteFunc(k.algorithms, func(a string) bool {
		return !ok || alg != "" && a != shortName(alg) || len(algorithms) > 0 && !slices.ContainsFunc(algorithms,
			func(b string) bool { return a == shortName(b) })
	})
	if len(k.algorithms) == 0 {
		return nil, errUnusable
	}
	return k, nil
}

// verifies reports whether a JWK is for signatures, by use and by key_ops, each
// of which may be absent (RFC 7517 sections 4.2 and 4.3).
func verifies(jwk map[string]json.RawMessage) bool {
	use, ok := stringOf(jwk, "use")
	if !ok || use != "" && use != "sig" {
		return false
	}
	var operations []string
	if text, there := jwk["key_ops"]; there && json.Unmarshal(text, &operations) != nil {
		return false
	}
	return operations == nil || slices.Contains(operations, "verify")
}

// isPrivate reports whether a JWK has what makes it symmetric or the private
// half of a pair (RFC 7518 section 6): every reader of the set can sign with
// it. A member that is null is absent, here as elsewhere: it holds no secret.
func isPrivate(jwk map[string]json.RawMessage) bool {
	for _, member := range [...]string{"k", "d", "p", "q", "dp", "dq", "qi", "oth"} {
		if text, there := jwk[member]; there && string(text) != "null" {
			return true
		}
	}
	return false
}

// publicKey returns the key of a JWK. jwkset sees no other members than those
// of the public key, so that it neither follows x5u nor reads certificates.
func publicKey(jwk map[string]json.RawMessage) (any, error) {
	var m jwkset.JWKMarshal
	for member, text := range map[string]*string{
		"kty": (*string)(&m.KTY), "crv": (*string)(&m.CRV), "x": &m.X, "y": &m.Y, "n": &m.N, "e": &m.E,
	} {
		var ok bool
		if *text, ok = stringOf(jwk, member); !ok {
			return nil, errUnusable
		}
	}
	parsed, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return nil, err
	}
	return parsed.Key(), nil
}

// algorithmsOf returns the algorithms that a public key can verify: none if it
// is of another type, or too weak.
func algorithmsOf(public any) []string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		if bits >= minRSA && bits <= maxRSA && k.N.Bit(0) == 1 && // no product of two odd primes is even
			k.E >= 3 && k.E <= maxExponent && k.E%2 == 1 {
			return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
		}
	case *ecdsa.PublicKey:
		// By its curve (RFC 7518 section 3.4).
		switch k.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}
