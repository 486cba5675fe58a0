package bearer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
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
	errHeader    = errors.New("the header has a member that is not accepted")
	errAlgorithm = errors.New("the algorithm is not accepted")
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
	return t, t.readClaims(claims)
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
		if _, ok := header[name]; ok {
			return nil, errHeader
		}
	}
	typ, ok := stringMember(header, "typ")
	typ = mediaType(typ)
	if _, there := header["typ"]; !ok || there && typ == "" || !slices.Contains(v.Types, typ) {
		return nil, errHeader
	}
	if _, ok := stringMember(header, "kid"); !ok {
		return nil, errHeader
	}
	alg, _ := header["alg"].(string)
	method := v.methods[alg]
	if method == nil {
		return nil, errAlgorithm
	}
	return method, nil
}

// readClaims reads the claims that decide. It refuses a token that is bound to
// a key of its sender (RFC 7800): here, nobody proves to have that key.
func (t *token) readClaims(claims map[string]any) error {
	fault := ""
	check := func(name string, ok bool) {
		if !ok {
			fault = name
		}
	}
	var ok bool
	t.issuer, ok = stringMember(claims, "iss")
	check("iss", ok)
	t.audience, ok = audienceOf(claims["aud"])
	check("aud", ok)
	t.expiresAt, ok = dateMember(claims, "exp")
	check("exp", ok && claims["exp"] != nil)
	t.notBefore, ok = dateMember(claims, "nbf")
	check("nbf", ok)
	t.issuedAt, ok = dateMember(claims, "iat")
	check("iat", ok)
	subject, ok := stringMember(claims, "sub")
	check("sub", ok && subject != "")
	scope, ok := stringMember(claims, "scope")
	check("scope", ok && Scopes(scope).Validate() == nil)
	_, isBound := claims["cnf"]
	check("cnf", !isBound)
	if fault != "" {
		return errors.New("claim " + fault + " is missing, malformed or not accepted")
	}
	t.principal = &Principal{
		ID:          subject,
		Owner:       subject,
		Kind:        Token,
		Environment: environmentOf(claims["env"]),
		ReadOnly:    isReadOnly(claims),
		Scopes:      Scopes(scope),
		Claims:      claims,
	}
	if t.principal.ReadOnly {
		t.principal.Scopes = t.principal.Scopes.withoutWrites()
	}
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

// lastSecond is the last of the year 9999, the last that RFC 3339 can write.
const lastSecond = 253402300799

// dateMember returns a NumericDate (RFC 7519 section 2), or the zero time if it
// is absent.
func dateMember(object map[string]any, name string) (time.Time, bool) {
	v, there := object[name]
	if !there {
		return time.Time{}, true
	}
	seconds, ok := v.(float64)
	if !ok || math.Abs(seconds) > lastSecond {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

// audienceOf returns the aud claim, a string or an array of strings.
func audienceOf(claim any) ([]string, bool) {
	switch claim := claim.(type) {
	case string:
		return []string{claim}, true
	case []any:
		audience := make([]string, len(claim))
		for i, member := range claim {
			var ok bool
			if audience[i], ok = member.(string); !ok {
				return nil, false
			}
		}
		return audience, true
	}
	return nil, false
}

func environmentOf(claim any) Environment {
	switch claim {
	case "test":
		return Test
	case "live":
		return Live
	}
	return 0
}

// isReadOnly reads the claim by which an issuer marks the tokens of publishable
// keys. Whatever is not false is true.
func isReadOnly(claims map[string]any) bool {
	claim, there := claims["read_only"]
	return there && claim != false
}
