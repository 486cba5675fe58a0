package issuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func signerOf(tb testing.TB, keys ...SigningKey) *signer {
	tb.Helper()
	s := new(signer)
	require.NoError(tb, s.replace("test", keys))
	return s
}

// A payload is signed to the same bytes each time, which golang-jwt verifies
// (S3.2).
func TestSignMakesTheSameBytes(t *testing.T) {
	payload, err := json.Marshal(jwt.MapClaims{"sub": "user:<42>", "exp": time.Now().Add(time.Hour).Unix()})
	require.NoError(t, err)
	for _, algorithm := range []string{algHS256, algEdDSA, algES256} {
		key := NewSigningKey(algorithm)
		s := signerOf(t, key)
		text := s.sign(key.ID, payload)
		for range 50 {
			require.Equal(t, text, s.sign(key.ID, payload), algorithm)
		}
		assert.Equal(t, text, signerOf(t, NewSigningKey(algorithm), key).sign(key.ID, payload), "%s: in another process", algorithm)

		parsed, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return key.public(), nil },
			jwt.WithValidMethods([]string{algorithm}), jwt.WithStrictDecoding())
		require.NoError(t, err, algorithm)
		assert.Equal(t, "user:<42>", parsed.Claims.(jwt.MapClaims)["sub"], algorithm)
		segments := strings.Split(text, ".")
		header, err := base64.RawURLEncoding.DecodeString(segments[0])
		require.NoError(t, err, algorithm)
		assert.Equal(t, `{"alg":"`+algorithm+`","kid":"`+key.ID+`","typ":"JWT"}`, string(header))
		signed, err := base64.RawURLEncoding.DecodeString(segments[1])
		require.NoError(t, err, algorithm)
		assert.Equal(t, payload, signed, algorithm)
	}
}

// Many payloads, so that numbers of a signature with leading zeros are among them.
func TestES256SignaturesHave64Bytes(t *testing.T) {
	key := NewSigningKey(algES256)
	s := signerOf(t, key)
	for n := range 2000 {
		text := s.sign(key.ID, []byte{byte(n), byte(n >> 8)})
		dot := strings.LastIndexByte(text, '.')
		signature, err := base64.RawURLEncoding.DecodeString(text[dot+1:])
		require.NoError(t, err)
		require.Len(t, signature, 64)
		if n%20 == 0 {
			require.NoError(t, jwt.SigningMethodES256.Verify(text[:dot], signature, key.public()))
		}
	}
}

func TestSignRefusesOtherKeys(t *testing.T) {
	for _, algorithm := range []string{algEdDSA, algES256} {
		first, second := NewSigningKey(algorithm), NewSigningKey(algorithm)
		second.Key = second.public()
		s := signerOf(t, first, second)
		assert.NotEmpty(t, s.sign(first.ID, []byte("{}")), algorithm)
		assert.Empty(t, s.sign(second.ID, []byte("{}")), "%s: a key that only verifies", algorithm)
		assert.Empty(t, s.sign("unknown", []byte("{}")), algorithm)
		assert.Equal(t, first.ID, s.first(), algorithm)
	}
}

// The secret is the signer's own: what the application does with its slice later
// changes no signature.
func TestSignerCopiesSecrets(t *testing.T) {
	key := NewSigningKey(algHS256)
	s := signerOf(t, key)
	text := s.sign(key.ID, []byte("{}"))
	clear(key.Key.([]byte))
	assert.Equal(t, text, s.sign(key.ID, []byte("{}")))
}

func TestSigningKeyProblems(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	mixed := slices.Concat(private[:32], ed25519.PrivateKey(NewSigningKey(algEdDSA).public().(ed25519.PublicKey)))
	p256, other := NewSigningKey(algES256).Key.(*ecdsa.PrivateKey), NewSigningKey(algES256).Key.(*ecdsa.PrivateKey)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	for _, row := range []struct {
		name string
		key  SigningKey
		want string // "": none
	}{
		{"an HMAC secret", SigningKey{"a", algHS256, make([]byte, 32)}, ""},
		{"an Ed25519 key", SigningKey{"a", algEdDSA, private}, ""},
		{"a public Ed25519 key", SigningKey{"a", algEdDSA, private.Public()}, ""},
		{"a P-256 key", SigningKey{"a", algES256, p256}, ""},
		{"a public P-256 key", SigningKey{"a", algES256, &p256.PublicKey}, ""},

		{"no ID", SigningKey{"", algHS256, make([]byte, 32)}, "the ID is empty, or not UTF-8"},
		{"an ID that JSON changes", SigningKey{"\xff", algHS256, make([]byte, 32)}, "the ID is empty, or not UTF-8"},
		{"31 bytes", SigningKey{"a", algHS256, make([]byte, 31)}, "a secret of 31 bytes is too short"},
		{"a string", SigningKey{"a", algHS256, strings.Repeat("x", 32)}, "a string, is none for HS256"},
		{"none", SigningKey{"a", "none", nil}, `the algorithm is "none"`},
		{"another algorithm of HMAC", SigningKey{"a", "HS512", make([]byte, 64)}, `the algorithm is "HS512"`},
		{"a secret for EdDSA", SigningKey{"a", algEdDSA, make([]byte, 32)}, "is none for EdDSA"},
		{"no key", SigningKey{"a", algEdDSA, nil}, "is none for EdDSA"},
		{"a short Ed25519 key", SigningKey{"a", algEdDSA, private[:63]}, "is none for EdDSA"},
		{"a short public Ed25519 key", SigningKey{"a", algEdDSA, ed25519.PublicKey{1}}, "is none for EdDSA"},
		{"an Ed25519 key with the public part of another", SigningKey{"a", algEdDSA, mixed}, "do not belong together"},
		{"an Ed25519 key for ES256", SigningKey{"a", algES256, private}, "is none for ES256"},
		{"a nil P-256 key", SigningKey{"a", algES256, (*ecdsa.PrivateKey)(nil)}, "is none for ES256"},
		{"an empty P-256 key", SigningKey{"a", algES256, new(ecdsa.PrivateKey)}, "is none for ES256"},
		{"a nil public P-256 key", SigningKey{"a", algES256, (*ecdsa.PublicKey)(nil)}, "is none for ES256"},
		{"a P-384 key", SigningKey{"a", algES256, p384}, "is none for ES256"},
		{
			"a P-256 key with the public part of another",
			SigningKey{"a", algES256, &ecdsa.PrivateKey{PublicKey: other.PublicKey, D: p256.D}}, "do not belong together",
		},
		{
			"a point that is not on the curve",
			SigningKey{"a", algES256, &ecdsa.PublicKey{Curve: elliptic.P256(), X: p256.X, Y: p256.X}}, "is none for ES256",
		},
	} {
		err := row.key.problem()
		if row.want == "" {
			assert.NoError(t, err, row.name)
			continue
		}
		assert.ErrorContains(t, err, row.want, row.name)
	}
}

func BenchmarkSign(b *testing.B) {
	payload := []byte(`{"iss":"https://api.example","aud":"https://api.example","sub":"user:42","iat":1700000000,` +
		`"exp":1700003600,"jti":"abcdefghijklmnopqrstuvwxyz","sid":"se_abcdefghijklmnopqrstuvwxyz","owner":"acme","scope":"*"}`)
	for _, algorithm := range []string{algHS256, algEdDSA, algES256} {
		key := NewSigningKey(algorithm)
		s := signerOf(b, key)
		b.Run(algorithm, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.sign(key.ID, payload)
			}
		})
	}
}
