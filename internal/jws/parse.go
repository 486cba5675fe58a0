// Package jws parses JSON Web Tokens in the compact form of RFC 7515 strictly, and
// verifies their signatures by the methods of golang-jwt. It decodes by itself:
// the parser of golang-jwt lets through duplicate member names, headers that
// change the meaning of a signature, and dates beyond the calendar.
package jws

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// A Token is a JWT taken apart. Only Rules.Check, Verify and KeepKey change it.
type Token struct {
	JWT    *jwt.Token     // as a Keyfunc needs it; the method is known after Rules.Check
	Claims map[string]any // JWT.Claims

	// Lossy reports whether a string of Claims has a U+FFFD in place of half a
	// surrogate pair, so that distinct texts may have become one.
	Lossy bool

	signedText string // header and payload, as they were sent
	key        any    // what verified the signature
}

// Rules say what the headers of one issuer's tokens may be.
type Rules struct {
	methods map[string]jwt.SigningMethod // by the name of the algorithm
	types   []string
}

// NewRules returns the rules for tokens that are signed with one of the
// algorithms and have one of the typ headers; "" is none. Typ headers compare
// without case and without "application/" (RFC 7515 section 4.1.9).
func NewRules(algorithms, types []string) *Rules {
	r := &Rules{methods: make(map[string]jwt.SigningMethod)}
	for _, alg := range algorithms {
		if Family(alg) != "EdDSA" {
			r.methods[alg] = jwt.GetSigningMethod(alg)
			continue
		}
		for _, name := range edDSANames {
			r.methods[name] = jwt.SigningMethodEdDSA
		}
	}
	for _, typ := range types {
		r.types = append(r.types, mediaType(typ))
	}
	return r
}

var (
	errSegment   = errors.New("a segment is not strict base64url")
	errJSON      = errors.New("a segment is not one JSON object with distinct names")
	errSurrogate = errors.New("the header, or a name in the claims, has half a surrogate pair")
	errSignature = errors.New("no key verifies the signature")
)

// Parse takes a token apart and checks its form. It verifies nothing: Rules
// check the header, once it is known whose token it is, and Verify the signature.
func Parse(text string) (*Token, error) {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	t := &Token{
		JWT:        &jwt.Token{Raw: text},
		signedText: text[:len(text)-len(signature)-1],
	}
	var lossy bool
	var err error
	if t.JWT.Header, lossy, err = decodeObject(header); err != nil {
		return nil, err
	}
	if t.Claims, t.Lossy, err = decodeObject(payload); err != nil {
		return nil, err
	}
	if lossy || t.Lossy && hasLossyName(t.Claims) {
		return nil, errSurrogate
	}
	t.JWT.Claims = jwt.MapClaims(t.Claims)
	if t.JWT.Signature, err = decodeSegment(signature); err != nil {
		return nil, err
	}
	return t, nil
}

// decodeSegment decodes strictly. Only the encoding's own line breaks, which a
// b64token cannot have, are let through by base64.
func decodeSegment(segment string) ([]byte, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil || len(data) == 0 {
		return nil, errSegment
	}
	return data, nil
}

// decodeObject decodes a segment that is a JSON object. It reports whether a
// string in it lost half a surrogate pair.
func decodeObject(segment string) (object map[string]any, lossy bool, err error) {
	data, err := decodeSegment(segment)
	if err != nil {
		return nil, false, err
	}
	if !utf8.Valid(data) || json.Unmarshal(data, &object) != nil || object == nil ||
		countMembers(object) != countColons(data) {
		return nil, false, errJSON
	}
	return object, hasHalfPair(data), nil
}

// countMembers returns how many members the objects in v have together.
//
// It finds names that stand twice in an object, of which the decoder keeps only
// the last. In {"a":{"b":1},"a":{"c":2}}, four colons stand outside of strings,
// one for each member that was written. The decoder returns {"a":{"c":2}}, which
// has two members: two were lost. Valid JSON has as many colons as members were
// written, so that the two numbers are equal if and only if no name stands twice
// in any object, however deep it is.
func countMembers(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, member := range v {
			n += countMembers(member)
		}
	case []any:
		for _, element := range v {
			n += countMembers(element)
		}
	}
	return n
}

// countColons returns how many colons stand outside of strings in valid JSON. It
// skips each string from its first quote to its last: a backslash and the byte
// behind it are one step, so that in "a\":" the quote behind the backslash does
// not end the string, and its colon does not count.
func countColons(data []byte) int {
	n := 0
	for {
		i := bytes.IndexByte(data, '"')
		if i < 0 {
			return n + bytes.Count(data, []byte{':'})
		}
		n += bytes.Count(data[:i], []byte{':'})
		data = data[i+1:]
		for data[0] != '"' {
			if data[0] == '\\' {
				data = data[1:]
			}
			data = data[1:]
		}
		data = data[1:]
	}
}

// Check checks that the header is one of the rules', and has nothing in it which
// would change what the signature means (RFC 7515 section 4.1.11, RFC 7797, RFC
// 7516 section 4.1.3). jwk, jku, x5u and x5c are not followed.
func (r *Rules) Check(t *Token) error {
	header := t.JWT.Header
	for _, name := range [...]string{"crit", "b64", "zip"} {
		if _, there := header[name]; there {
			return errors.New("the header has " + name)
		}
	}
	typ, ok := stringMember(header, "typ")
	typ = mediaType(typ)
	if _, there := header["typ"]; !ok || there && typ == "" || !slices.Contains(r.types, typ) {
		return errors.New("the header has a typ that is not one of Types")
	}
	if _, ok := stringMember(header, "kid"); !ok {
		return errors.New("the header has a kid that is not a string")
	}
	alg, _ := header["alg"].(string)
	method := r.methods[alg]
	if method == nil {
		return errors.New("the header has an alg that is not one of Algorithms")
	}
	t.JWT.Method = method
	return nil
}

// stringMember returns a member that is a string or absent.
func stringMember(object map[string]any, name string) (string, bool) {
	v, there := object[name]
	if !there {
		return "", true
	}
	s, ok := v.(string)
	return s, ok
}

// mediaType returns typ as it is compared.
func mediaType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}
