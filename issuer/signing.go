package issuer

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

// NewSigningKey returns a new key of the algorithm, with its thumbprint for an
// ID. It is for tests and first steps: after a restart, and in a second replica,
// the key is another. It panics if the algorithm is none of a SigningKey's.
func NewSigningKey(algorithm string) SigningKey { panic("issuer: not written yet") }

// ParseSigningKeys returns the keys of a JWK Set (RFC 7517), or of a single JWK:
// private ones, symmetric ones, and public ones that only verify. A key without a
// kid has its thumbprint (RFC 7638) for an ID, and one without an alg that of its
// type.
func ParseSigningKeys(jwks []byte) ([]SigningKey, error) { panic("issuer: not written yet") }

// SetSigningKeys replaces the signing keys: the first signs, all verify. Tokens
// that are signed by a key that is not among them are dead. To replace a key
// without harm, add the new one second in every process, wait until all have it
// and caches of the JWK Set have expired (five minutes), move it to the front, and
// remove the old one when its last token has expired. The family of the algorithm
// cannot change: guards are made for one.
func (i *Issuer) SetSigningKeys(keys ...SigningKey) error { panic("issuer: not written yet") }

// A signer holds the signing keys.
type signer struct{}

// set checks and sets the keys. Without tokens, there are none.
func (s *signer) set(t *Tokens) error { return nil }

// first returns the ID of the key that signs.
func (s *signer) first() string { return "" }

// sign returns the token that the key with the ID makes of the payload: the same
// text each time. It returns "" if that key is not there, or only verifies.
func (s *signer) sign(keyID string, payload []byte) string { return "" }
