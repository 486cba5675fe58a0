package issuer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"sync"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
)

// SetSigningKeys replaces the signing keys: the first signs, all verify. Tokens
// that are signed by a key that is not among them are dead. To replace a key
// without harm, add the new one second in every process, wait until all have it
// and caches of the JWK Set have expired (five minutes), move it to the front, and
// remove the old one when its last token has expired. The family of the algorithm
// cannot change: guards are made for one. After an error, the keys are those from
// before.
func (i *Issuer) SetSigningKeys(keys ...SigningKey) error {
	if i.config.Tokens == nil {
		return errors.New("issuer: SetSigningKeys: Config.Tokens is nil: no JWT is issued")
	}
	return i.signer.replace("SetSigningKeys", keys)
}

// A signer holds the signing keys.
type signer struct {
	mu   sync.Mutex // held to replace the keys
	keys atomic.Pointer[keyring]
}

// A keyring is a set of signing keys. It does not change once it is in use.
type keyring struct {
	algorithm string
	first     *ringKey
	byID      map[string]*ringKey
	published []byte // the JWK Set: public keys alone
}

// A ringKey is a signing key, with what is made from it once.
type ringKey struct {
	SigningKey
	verifies any       // what the guard verifies with
	header   []byte    // of tokens, encoded, with the dot that follows
	macs     sync.Pool // of hash.Hash: HMACs with the secret, to be used again
}

// set checks and sets the keys. Without tokens, there are none; that tokens need
// one is said by Config.withDefaults.
func (s *signer) set(t *Tokens) error {
	if t == nil || len(t.SigningKeys) == 0 {
		return nil
	}
	return s.replace("Config.Tokens.SigningKeys", t.SigningKeys)
}

// replace checks and replaces the keys. The field names them in errors.
func (s *signer) replace(field string, keys []SigningKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(keys) == 0 {
		return fmt.Errorf("issuer: %s: required", field)
	}
	ring := &keyring{algorithm: keys[0].Algorithm, byID: make(map[string]*ringKey, len(keys))}
	if old := s.keys.Load(); old != nil {
		ring.algorithm = old.algorithm
	}
	var faults []error
	for n, key := range keys {
		if err := ring.add(key); err != nil {
			faults = append(faults, fmt.Errorf("issuer: %s: key %d: %w", field, n, err))
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if !keys[0].canSign() {
		return fmt.Errorf("issuer: %s: key 0: the first key is to sign, and a public key only verifies", field)
	}
	ring.first = ring.byID[keys[0].ID]
	ring.published = publish(keys)
	s.keys.Store(ring)
	return nil
}

// add adds a key to a keyring that is being made.
func (r *keyring) add(key SigningKey) error {
	if err := key.problem(); err != nil {
		return err
	}
	switch {
	case key.Algorithm != r.algorithm:
		return fmt.Errorf("the algorithm is %s, and the others' is %s", key.Algorithm, r.algorithm)
	case r.byID[key.ID] != nil:
		return fmt.Errorf("the ID %q is that of another", key.ID)
	}
	secret, isSecret := key.Key.([]byte)
	if isSecret {
		secret = bytes.Clone(secret)
		key.Key = secret
	}
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		ID        string `json:"kid"`
		Type      string `json:"typ"`
	}{key.Algorithm, key.ID, "JWT"})
	if err != nil {
		return fmt.Errorf("the header of tokens: %w", err)
	}
	made := &ringKey{
		SigningKey: key, verifies: key.public(),
		header: append(base64.RawURLEncoding.AppendEncode(nil, header), '.'),
	}
	if isSecret {
		made.macs.New = func() any { return hmac.New(sha256.New, secret) }
	}
	r.byID[key.ID] = made
	return nil
}

// first returns the ID of the key that signs.
func (s *signer) first() string { return s.keys.Load().first.ID }

// algorithm returns the algorithm of all keys.
func (s *signer) algorithm() string { return s.keys.Load().algorithm }

// published returns the JWK Set that verifies tokens.
func (s *signer) published() []byte { return s.keys.Load().published }

// verificationKey is the Keyfunc of guards: it follows replacements.
func (s *signer) verificationKey(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	if k := s.keys.Load().byID[id]; k != nil {
		return k.verifies, nil
	}
	return nil, bearer.ErrKeyNotFound
}

// sign returns the token that the key with the ID makes of the payload: the same
// text each time. It returns "" if that key is not there, or only verifies.
func (s *signer) sign(keyID string, payload []byte) string {
	k := s.keys.Load().byID[keyID]
	if k == nil || !k.canSign() {
		return ""
	}
	e := base64.RawURLEncoding
	const longest = 64 // bytes of a signature
	var room [longest]byte
	text := make([]byte, 0, len(k.header)+e.EncodedLen(len(payload))+1+e.EncodedLen(longest))
	text = append(text, k.header...)
	text = e.AppendEncode(text, payload)
	signature, err := k.appendSignature(room[:0], text)
	if err != nil {
		return ""
	}
	text = append(text, '.')
	return string(e.AppendEncode(text, signature))
}

// appendSignature signs a text. Signatures of HS256 and EdDSA are the same each
// time by nature; those of ES256 are if no randomness is given (RFC 6979).
func (k *ringKey) appendSignature(b, text []byte) ([]byte, error) {
	switch key := k.Key.(type) {
	case []byte:
		mac, _ := k.macs.Get().(hash.Hash)
		defer k.macs.Put(mac)
		mac.Reset()
		_, _ = mac.Write(text) // never fails
		return mac.Sum(b), nil
	case ed25519.PrivateKey:
		return append(b, ed25519.Sign(key, text)...), nil
	case *ecdsa.PrivateKey:
		digest := sha256.Sum256(text)
		encoded, err := key.Sign(nil, digest[:], crypto.SHA256)
		if err != nil {
			return nil, err
		}
		return appendNumbers(b, encoded)
	}
	return nil, fmt.Errorf("issuer: a %T does not sign", k.Key)
}

// appendNumbers turns an ECDSA signature from ASN.1 into the form of JWTs: two
// numbers of 32 bytes (RFC 7518 section 3.4).
func appendNumbers(b, encoded []byte) ([]byte, error) {
	var numbers struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(encoded, &numbers); err != nil {
		return nil, err
	}
	var joined [64]byte
	numbers.R.FillBytes(joined[:32])
	numbers.S.FillBytes(joined[32:])
	return append(b, joined[:]...), nil
}
