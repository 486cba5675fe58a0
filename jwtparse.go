package bearer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// This file takes a JWT apart. It decodes by itself and not by golang-jwt's
// parser, which lets through duplicate member names, headers that change the
// meaning of a signature, and dates beyond the calendar.

// A token is a JWT taken apart. Nothing of it changes once it is in use.
type token struct {
	jwt        *jwt.Token // as a Keyfunc and the cache need it
	signedText string     // header and payload, as they were sent
	key        any        // what verified the signature

	issuer    string
	audience  []string
	expiresAt time.Time
	notBefore time.Time // zero: the claim is absent
	issuedAt  time.Time // zero: the claim is absent
	principal *Principal
}

var (
	errSegment   = errors.New("a segment is not strict base64url")
	errJSON      = errors.New("a segment is not one JSON object with distinct names")
	errSignature = errors.New("no key verifies the signature")
)

// parse takes a token apart and checks its form. It verifies nothing.
func (v *verifier) parse(text string) (*token, error) {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	t := &token{
		jwt:        &jwt.Token{Raw: text},
		signedText: text[:len(text)-len(signature)-1],
	}
	var err error
	if t.jwt.Header, err = decodeObject(header); err != nil {
		return nil, err
	}
	if t.jwt.Method, err = v.checkHeader(t.jwt.Header); err != nil {
		return nil, err
	}
	claims, err := decodeObject(payload)
	if err != nil {
		return nil, err
	}
	t.jwt.Claims = jwt.MapClaims(claims)
	if t.jwt.Signature, err = decodeSegment(signature); err != nil {
		return nil, err
	}
	return t, t.readClaims(claims, v.ScopeClaim)
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

// decodeObject decodes a segment that is a JSON object.
func decodeObject(segment string) (map[string]any, error) {
	data, err := decodeSegment(segment)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if !utf8.Valid(data) || json.Unmarshal(data, &object) != nil || object == nil ||
		countMembers(object) != countColons(data) {
		return nil, errJSON
	}
	return object, nil
}

// countMembers returns how many members the objects in v have together. JSON
// text with as many colons outside of strings has no name twice in an object:
// the decoder would have kept only one of them.
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

// countColons returns how many colons stand outside of strings in valid JSON.
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

// checkHeader returns the signing method of a header that has nothing in it
// which would change what the signature means (RFC 7515 section 4.1.11, RFC
// 7797, RFC 7516 section 4.1.3). jwk, jku, x5u and x5c are not followed.
func (v *verifier) checkHeader(header map[string]any) (jwt.SigningMethod, error) {
	for _, name := range [...]string{"crit", "b64", "zip"} {
		if _, there := header[name]; there {
			return nil, errors.New("the header has " + name)
		}
	}
	typ, ok := stringMember(header, "typ")
	typ = mediaType(typ)
	if _, there := header["typ"]; !ok || there && typ == "" || !slices.Contains(v.Types, typ) {
		return nil, errors.New("the header has a typ that is not one of Types")
	}
	if _, ok := stringMember(header, "kid"); !ok {
		return nil, errors.New("the header has a kid that is not a string")
	}
	alg, _ := header["alg"].(string)
	method := v.methods[alg]
	if method == nil {
		return nil, errors.New("the header has an alg that is not one of Algorithms")
	}
	return method, nil
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
