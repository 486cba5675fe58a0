package jwks

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
)

const (
	maxKeys       = 100 // in a set, of whatever kind
	maxCandidates = 16  // for one token: each is a signature to verify
)

// A keySet is the usable keys of a JWK Set.
type keySet struct {
	candidates map[name][]jwt.VerificationKey
	kids       map[string]bool // of all keys, those that cannot be used too
	keys       int             // that can be used
	ignored    int             // that cannot
}

// A name is what a token says of its key. The kid "" is none, and any key's.
type name struct{ kid, alg string }

var (
	errNoSet   = errors.New("the answer is no JWK Set")
	errManyJWK = fmt.Errorf("the JWK Set has more than %d keys", maxKeys)

	errUnknownKID = fmt.Errorf("jwks: no key has the kid of the token: %w", bearer.ErrKeyNotFound)
	errUnfit      = fmt.Errorf("jwks: no key for the alg and kid of the token: %w", bearer.ErrKeyNotFound)
	errNoKID      = fmt.Errorf("jwks: the token has no kid, and more than %d keys fit it: %w",
		maxCandidates, bearer.ErrKeyNotFound)
)

// parseSet reads a JWK Set (RFC 7517 section 5). It passes over the keys that
// cannot be used; if none is left, that is an error.
func parseSet(body []byte, algorithms []string) (*keySet, error) {
	members, err := decodeObject(body)
	if err != nil {
		return nil, errNoSet
	}
	var jwks []json.RawMessage
	if json.Unmarshal(members["keys"], &jwks) != nil || jwks == nil {
		return nil, errNoSet
	}
	if len(jwks) > maxKeys {
		return nil, errManyJWK
	}
	s := &keySet{candidates: map[name][]jwt.VerificationKey{}, kids: map[string]bool{}}
	for _, text := range jwks {
		jwk, err := decodeObject(text)
		if err != nil {
			s.ignored++
			continue
		}
		if kid, ok := stringOf(jwk, "kid"); ok {
			s.kids[kid] = true
		}
		if k, err := parseKey(jwk, algorithms); err == nil {
			s.add(k)
		} else {
			s.ignored++
		}
	}
	if s.keys == 0 {
		return nil, fmt.Errorf("none of the %d keys in the JWK Set can be used", len(jwks))
	}
	return s, nil
}

// add lets tokens find a key by its kid, and those without a kid by its
// algorithms alone.
func (s *keySet) add(k *key) {
	s.keys++
	for _, alg := range k.algorithms {
		s.candidates[name{"", alg}] = append(s.candidates[name{"", alg}], k.public)
		if k.kid != "" {
			s.candidates[name{k.kid, alg}] = append(s.candidates[name{k.kid, alg}], k.public)
		}
	}
}

// find returns what a Keyfunc returns for a token: the key, or if several fit,
// a [jwt.VerificationKeySet]. The error is errUnknownKID if another set of the
// issuer may have the key. A kid of a key that does not fit the algorithm, or
// that cannot be used, is no reason to ask for one: a client that goes on
// sending such tokens would keep the bucket empty.
func (s *keySet) find(kid, alg string) (any, error) {
	keys := s.candidates[name{kid, alg}]
	switch {
	case len(keys) == 1:
		return keys[0], nil
	case len(keys) > maxCandidates:
		return nil, errNoKID
	case len(keys) > 1:
		return jwt.VerificationKeySet{Keys: slices.Clip(keys)}, nil
	case kid == "" || s.kids[kid]:
		return nil, errUnfit
	}
	return nil, errUnknownKID
}

// decodeObject decodes a JSON object whose members are named exactly: a struct
// would take "KTY" for kty.
func decodeObject(text []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, errNoObject // without what stands there
	}
	if members == nil { // null
		return nil, errNoObject
	}
	return members, nil
}

// stringOf returns a member that is a string, or "" if it is absent or null. It
// reports whether it is one of these.
func stringOf(members map[string]json.RawMessage, name string) (text string, ok bool) {
	raw, there := members[name]
	if !there {
		return "", true
	}
	return text, json.Unmarshal(raw, &text) == nil
}
