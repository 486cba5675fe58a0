package issuer

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// ParseSigningKeys returns the keys of a JWK Set (RFC 7517), or of a single JWK:
// private ones, symmetric ones, and public ones that only verify. A key without a
// kid has its thumbprint (RFC 7638) for an ID, and one without an alg that of its
// type. One fault refuses all; errors name the key by its index.
func ParseSigningKeys(jwks []byte) ([]SigningKey, error) {
	list, err := jwksOf(jwks)
	if err != nil {
		return nil, err
	}
	keys := make([]SigningKey, len(list))
	seen := make(map[string]bool, len(list))
	for n, members := range list {
		key, err := parseJWK(members)
		if err == nil && seen[key.ID] {
			err = fmt.Errorf("the kid %q is that of another", key.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("issuer: JWK %d: %w", n, err)
		}
		keys[n], seen[key.ID] = key, true
	}
	return keys, nil
}

// A jwkMembers is a JWK, whose members are not read yet. It is not a struct:
// package json takes "D" for "d" where it fills one.
type jwkMembers map[string]json.RawMessage

// jwksOf returns the keys of a JWK Set, or a single one. No error repeats what is
// in them.
func jwksOf(text []byte) ([]jwkMembers, error) {
	var set jwkMembers
	if err := json.Unmarshal(text, &set); err != nil || set == nil {
		return nil, errors.New("issuer: not a JSON object, as a JWK Set and a JWK are")
	}
	keys, isSet := set["keys"]
	if !isSet {
		return []jwkMembers{set}, nil
	}
	var list []jwkMembers
	if err := json.Unmarshal(keys, &list); err != nil {
		return nil, errors.New("issuer: the keys of the JWK Set are not an array of objects")
	}
	if len(list) == 0 {
		return nil, errors.New("issuer: the JWK Set has no keys")
	}
	return list, nil
}

// text returns a member that is a string, or "" if it is absent.
func (m jwkMembers) text(name string) (s string, err error) {
	member, ok := m[name]
	if !ok {
		return "", nil
	}
	if json.Unmarshal(member, &s) != nil || s == "" {
		return "", fmt.Errorf("%s is not a string, or empty", name)
	}
	return s, nil
}

// A jwk is a JWK (RFC 7517, RFC 7518 section 6, RFC 8037).
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	ID        string `json:"kid,omitempty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	D         string `json:"-"` // the private part
	K         string `json:"-"` // the secret
}

// parseJWK returns the signing key that a JWK is.
func parseJWK(members jwkMembers) (SigningKey, error) {
	var j jwk
	for name, field := range map[string]*string{
		"kty": &j.Type, "use": &j.Use, "alg": &j.Algorithm, "kid": &j.ID,
		"crv": &j.Curve, "x": &j.X, "y": &j.Y, "d": &j.D, "k": &j.K,
	} {
		var err error
		if *field, err = members.text(name); err != nil {
			return SigningKey{}, err
		}
	}
	key, err := j.signingKey()
	if err != nil {
		return SigningKey{}, err
	}
	if err := j.checkUse(members, key.canSign()); err != nil {
		return SigningKey{}, err
	}
	key.ID = j.ID
	if key.ID == "" {
		key.ID = jwkOf(key).thumbprint()
	}
	return key, key.problem()
}

// checkUse checks that a JWK is for signatures, as far as it says.
func (j jwk) checkUse(members jwkMembers, canSign bool) error {
	if j.Use != "" && j.Use != "sig" {
		return fmt.Errorf("use is %q: sig", j.Use)
	}
	member, ok := members["key_ops"]
	if !ok {
		return nil
	}
	var operations []string
	if json.Unmarshal(member, &operations) != nil {
		return errors.New("key_ops is not an array of strings")
	}
	wanted := "verify"
	if canSign {
		wanted = "sign"
	}
	if !slices.Contains(operations, wanted) {
		return fmt.Errorf("key_ops does not hold %s", wanted)
	}
	return nil
}

// signingKey returns the key itself, and the algorithm of its type.
func (j jwk) signingKey() (SigningKey, error) {
	type kind struct {
		algorithms []string
		curve      string
		parse      func(jwk) (any, error)
	}
	k, ok := map[string]kind{
		"oct": {[]string{algHS256}, "", jwk.secret},
		"OKP": {[]string{algEdDSA, "Ed25519"}, "Ed25519", jwk.edwards}, // RFC 9864 has the second
		"EC":  {[]string{algES256}, "P-256", jwk.ecdsa},
	}[j.Type]
	switch {
	case !ok:
		return SigningKey{}, fmt.Errorf("kty is %q: oct, OKP or EC", j.Type)
	case j.Algorithm != "" && !slices.Contains(k.algorithms, j.Algorithm):
		return SigningKey{}, fmt.Errorf("alg is %q: %s for kty %s", j.Algorithm, k.algorithms[0], j.Type)
	case j.Curve != k.curve:
		return SigningKey{}, fmt.Errorf("crv is %q: %q for kty %s", j.Curve, k.curve, j.Type)
	}
	key, err := k.parse(j)
	return SigningKey{Algorithm: k.algorithms[0], Key: key}, err
}

func (j jwk) secret() (any, error) {
	secret, err := octets("k", j.K)
	if err == nil && len(secret) < minSecret {
		err = errors.New("k has " + strconv.Itoa(len(secret)) + " bytes: at least " + strconv.Itoa(minSecret))
	}
	return secret, err
}

func (j jwk) edwards() (any, error) {
	x, err := octets("x", j.X)
	switch {
	case err != nil:
		return nil, err
	case len(x) != ed25519.PublicKeySize:
		return nil, fmt.Errorf("x has %d bytes: %d", len(x), ed25519.PublicKeySize)
	case j.D == "":
		return ed25519.PublicKey(x), nil
	}
	d, err := octets("d", j.D)
	switch {
	case err != nil:
		return nil, err
	case len(d) != ed25519.SeedSize:
		return nil, fmt.Errorf("d has %d bytes: %d", len(d), ed25519.SeedSize)
	}
	private := ed25519.NewKeyFromSeed(d)
	if !bytes.Equal(private[ed25519.SeedSize:], x) {
		return nil, errNotItsOwn
	}
	return private, nil
}

var errNotItsOwn = errors.New("d does not belong to the public part")

func (j jwk) ecdsa() (any, error) {
	point := []byte{4} // uncompressed
	for _, c := range []struct{ name, text string }{{"x", j.X}, {"y", j.Y}} {
		coordinate, err := octets(c.name, c.text)
		switch {
		case err != nil:
			return nil, err
		case len(coordinate) != 32:
			return nil, fmt.Errorf("%s has %d bytes: 32", c.name, len(coordinate))
		}
		point = append(point, coordinate...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	switch {
	case err != nil:
		return nil, errors.New("x and y are no point of P-256")
	case j.D == "":
		return public, nil
	}
	d, err := octets("d", j.D)
	if err != nil {
		return nil, err
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	switch {
	case err != nil:
		return nil, errors.New("d is no private key of P-256")
	case !private.PublicKey.Equal(public):
		return nil, errNotItsOwn
	}
	return private, nil
}

// octets decodes a member that must be there.
func octets(name, text string) ([]byte, error) {
	if text == "" {
		return nil, errors.New(name + " is missing")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New(name + " is not base64url without padding")
	}
	return b, nil
}

// jwkOf returns the JWK of a key that has no problem. What json writes of it is
// public.
func jwkOf(k SigningKey) jwk {
	e := base64.RawURLEncoding
	j := jwk{Use: "sig", Algorithm: k.Algorithm, ID: k.ID}
	switch key := k.public().(type) {
	case []byte:
		j.Type, j.K = "oct", e.EncodeToString(key)
	case ed25519.PublicKey:
		j.Type, j.Curve, j.X = "OKP", "Ed25519", e.EncodeToString(key)
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, x, y
		if err != nil {
			break // cannot happen: the key has no problem
		}
		j.Type, j.Curve, j.X, j.Y = "EC", "P-256", e.EncodeToString(point[1:33]), e.EncodeToString(point[33:])
	}
	return j
}

// thumbprint returns the SHA-256 thumbprint of a key (RFC 7638 section 3): the
// hash of its required members, in the order of their names.
func (j jwk) thumbprint() string {
	var text string
	switch j.Type {
	case "oct":
		text = `{"k":"` + j.K + `","kty":"oct"}`
	case "OKP":
		text = `{"crv":"` + j.Curve + `","kty":"OKP","x":"` + j.X + `"}`
	default:
		text = `{"crv":"` + j.Curve + `","kty":"EC","x":"` + j.X + `","y":"` + j.Y + `"}`
	}
	digest := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// publish returns the JWK Set of what anybody may verify with. Secrets are not in
// it.
func publish(keys []SigningKey) []byte {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, k := range keys {
		if j := jwkOf(k); j.Type != "oct" {
			set.Keys = append(set.Keys, j)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		return []byte(`{"keys":[]}`) // cannot happen: the set holds texts alone
	}
	return append(text, '\n')
}
