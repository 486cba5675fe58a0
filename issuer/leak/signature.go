package leak

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"

	"github.com/blockauth/bearer"
)

// The header fields of a signed message.
const (
	identifierField = "Github-Public-Key-Identifier"
	signatureField  = "Github-Public-Key-Signature"
)

const (
	maxIdentifier = 128 // bytes
	maxSignature  = 80  // bytes; one of P-256 has up to 72
)

// A signature is what the header says of the body.
type signature struct {
	identifier string // of the key
	der        []byte
}

// signatureOf reads the header (400). Each field must stand there once: of two,
// a proxy and this program could take different ones.
func signatureOf(h http.Header) (signature, error) {
	identifier, err := only(h, identifierField)
	if err != nil {
		return signature{}, err
	}
	isOdd := func(c rune) bool { return c <= ' ' || c > '~' }
	if len(identifier) > maxIdentifier || strings.ContainsFunc(identifier, isOdd) {
		return signature{}, malformed(identifierField)
	}
	text, err := only(h, signatureField)
	if err != nil {
		return signature{}, err
	}
	if len(text) > base64.StdEncoding.EncodedLen(maxSignature) || strings.ContainsAny(text, "\r\n") {
		return signature{}, malformed(signatureField)
	}
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(der) == 0 {
		return signature{}, malformed(signatureField)
	}
	return signature{identifier, der}, nil
}

// only returns the value of a field that must stand in the header once.
func only(h http.Header, field string) (string, error) {
	values := h.Values(field)
	if len(values) != 1 || values[0] == "" {
		return "", invalid(field, "The field must stand in the header once.")
	}
	return values[0], nil
}

func malformed(field string) error { return invalid(field, "The field is malformed.") }

// isOf reports whether the signature is that of the body by the key: ECDSA with
// SHA-256 over the bytes as they came.
func (s signature) isOf(body []byte, key *ecdsa.PublicKey) bool {
	digest := sha256.Sum256(body)
	return ecdsa.VerifyASN1(key, digest[:], s.der)
}

// wrongSignature refuses a message that is not signed by GitHub (403). It is no
// 401: no scheme of authentication could be named in a challenge.
func wrongSignature(cause string) error {
	e := &bearer.Error{
		Code: bearer.CodeForbidden, Reason: "invalid_signature", Detail: "The body is not signed by a known key.",
	}
	return e.WithCause(errors.New("leak: " + cause))
}

// maxKeys is how many keys are read of a set.
const maxKeys = 100

var errNoKeys = errors.New("the answer has no P-256 key")

// parseKeys reads a set of public keys, by their identifiers. Keys of other curves
// and algorithms are left out: the format says P-256, and what the header names
// must not choose another. Of two with one identifier, the first counts. Those
// that are not current are good, too: GitHub's may still sign what is under way.
func parseKeys(body []byte) (map[string]*ecdsa.PublicKey, error) {
	var set struct {
		Keys []struct {
			Identifier string `json:"key_identifier"`
			PEM        string `json:"key"`
		} `json:"public_keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("the answer is not of the form {\"public_keys\":[…]}")
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, k := range set.Keys[:min(len(set.Keys), maxKeys)] {
		if key := parsePEM(k.PEM); key != nil && keys[k.Identifier] == nil {
			keys[k.Identifier] = key
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// parsePEM returns the P-256 key in a text, or nil.
func parsePEM(text string) *ecdsa.PublicKey {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes) // the point is on its curve
	key, isECDSA := parsed.(*ecdsa.PublicKey)
	if err != nil || !isECDSA || key.Curve != elliptic.P256() {
		return nil
	}
	return key
}
