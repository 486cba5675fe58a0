package bearer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"testing"
	"testing/synctest"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// jwtPSS returns a method that signs with a salt of another length.
func jwtPSS(salt int) jwt.SigningMethod {
	method := *jwt.SigningMethodPS256
	method.Options = &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
	return &method
}

func TestJWTAlgorithms(t *testing.T) {
	k := jwtTestKeys()
	der, err := x509.MarshalPKIXPublicKey(jwtPublic(k.rsa))
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	ecDER, err := x509.MarshalPKIXPublicKey(jwtPublic(k.p256))
	require.NoError(t, err)
	ed := k.ed.Public().(ed25519.PublicKey)
	set := func(keys ...jwt.VerificationKey) any { return jwt.VerificationKeySet{Keys: keys} }
	foreign := *elliptic.P256().Params() // a curve of as many bits
	foreign.Name = "secp256k1"
	otherCurve := &ecdsa.PublicKey{Curve: &foreign, X: k.p256.X, Y: k.p256.Y} //nolint:staticcheck // a key that no parser makes
	for _, row := range []struct {
		name   string
		alg    string // configured, and in the header unless as says other
		as     string
		sign   any
		method jwt.SigningMethod // zero: that of the header
		verify any
		want   string
	}{
		{name: "HS256", alg: "HS256", sign: k.secret, verify: k.secret, want: jwtGood},
		{name: "HS384", alg: "HS384", sign: k.secret, verify: k.secret, want: jwtGood},
		{name: "HS512", alg: "HS512", sign: k.secret, verify: k.secret, want: jwtGood},
		{name: "RS256", alg: "RS256", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "RS384", alg: "RS384", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "RS512", alg: "RS512", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "PS256", alg: "PS256", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "PS384", alg: "PS384", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "PS512", alg: "PS512", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "ES256", alg: "ES256", sign: k.p256, verify: jwtPublic(k.p256), want: jwtGood},
		{name: "ES384", alg: "ES384", sign: k.p384, verify: jwtPublic(k.p384), want: jwtGood},
		{name: "ES512", alg: "ES512", sign: k.p521, verify: jwtPublic(k.p521), want: jwtGood},
		{name: "EdDSA", alg: "EdDSA", sign: k.ed, verify: jwtPublic(k.ed), want: jwtGood},
		{name: "EdDSA as Ed25519", alg: "EdDSA", as: "Ed25519", method: jwt.SigningMethodEdDSA, sign: k.ed, verify: jwtPublic(k.ed), want: jwtGood},
		{name: "Ed25519", alg: "Ed25519", method: jwt.SigningMethodEdDSA, sign: k.ed, verify: jwtPublic(k.ed), want: jwtGood},
		{name: "Ed25519 as EdDSA", alg: "Ed25519", as: "EdDSA", sign: k.ed, verify: jwtPublic(k.ed), want: jwtGood},
		{name: "Ed25519 by another key", alg: "Ed25519", method: jwt.SigningMethodEdDSA, sign: k.otherEd, verify: jwtPublic(k.ed), want: jwtBad},
		{name: "Ed25519 at a guard for ES256", alg: "ES256", as: "Ed25519", method: jwt.SigningMethodEdDSA, sign: k.ed, verify: jwtPublic(k.ed), want: jwtBad},
		{name: "Ed448", alg: "EdDSA", as: "Ed448", method: jwt.SigningMethodEdDSA, sign: k.ed, verify: jwtPublic(k.ed), want: jwtBad},
		{name: "set: the second key", alg: "RS256", sign: k.rsa, verify: set(jwtPublic(k.otherRSA), jwtPublic(k.rsa)), want: jwtGood},
		{name: "set: keys of other types are passed over", alg: "ES256", sign: k.p256, verify: set(k.secret, nil, jwtPublic(k.p384), jwtPublic(k.p256)), want: jwtGood},
		{name: "set: none of them", alg: "RS256", sign: k.rsa, verify: set(jwtPublic(k.otherRSA)), want: jwtBad},
		{name: "set: empty", alg: "RS256", sign: k.rsa, verify: set(), want: jwtBad},
		{name: "set: a short secret among them", alg: "ES256", as: "ES256", sign: k.p256, verify: set([]byte{}), want: jwtBad},

		{name: "HS256 with an RSA key's PEM, at a guard for RS256", alg: "RS256", as: "HS256", sign: text, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "HS256 with an RSA key's DER, at a guard for RS256", alg: "RS256", as: "HS256", sign: der, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "HS256 with an EC key's DER, at a guard for ES256", alg: "ES256", as: "HS256", sign: ecDER, verify: jwtPublic(k.p256), want: jwtBad},
		{name: "HS256 with an Ed25519 key, at a guard for EdDSA", alg: "EdDSA", as: "HS256", sign: []byte(ed), verify: ed, want: jwtBad},
		{name: "HS256 with an RSA modulus, which Keyfunc returns", alg: "HS256", sign: k.rsa.N.Bytes(), verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "HS256 with an Ed25519 key, which Keyfunc returns", alg: "HS256", sign: []byte(ed), verify: ed, want: jwtBad},
		{name: "RS256 claims to be PS256", alg: "PS256", method: jwt.SigningMethodRS256, sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "PS256 at a guard for RS256", alg: "RS256", as: "PS256", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "PS256 with a salt of 20 bytes", alg: "PS256", method: jwtPSS(20), sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "PS256 with the longest salt", alg: "PS256", method: jwtPSS(rsa.PSSSaltLengthAuto), sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "ES256 with a P-384 key", alg: "ES256", as: "ES256", method: jwt.SigningMethodES384, sign: k.p384, verify: jwtPublic(k.p384), want: jwtBad},
		{name: "ES256 with another curve of 256 bits", alg: "ES256", sign: k.p256, verify: otherCurve, want: jwtBad},
		{name: "RSA of 1024 bits", alg: "RS256", sign: k.weak, verify: jwtPublic(k.weak), want: jwtBad},
		{name: "another HMAC secret", alg: "HS256", sign: k.otherSecret, verify: k.secret, want: jwtBad},
		{name: "another RSA key", alg: "RS256", sign: k.otherRSA, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "another EC key", alg: "ES256", sign: k.otherP256, verify: jwtPublic(k.p256), want: jwtBad},
		{name: "another Ed25519 key", alg: "EdDSA", sign: k.otherEd, verify: jwtPublic(k.ed), want: jwtBad},
		{name: "key: nil", alg: "RS256", sign: k.rsa, want: jwtBad},
		{name: "key: nil RSA pointer", alg: "RS256", sign: k.rsa, verify: (*rsa.PublicKey)(nil), want: jwtBad},
		{name: "key: empty RSA key", alg: "RS256", sign: k.rsa, verify: &rsa.PublicKey{}, want: jwtBad},
		{name: "key: RSA key without an exponent", alg: "RS256", sign: k.rsa, verify: &rsa.PublicKey{N: k.rsa.N}, want: jwtBad},
		{name: "key: nil EC pointer", alg: "ES256", sign: k.p256, verify: (*ecdsa.PublicKey)(nil), want: jwtBad},
		{name: "key: empty EC key", alg: "ES256", sign: k.p256, verify: &ecdsa.PublicKey{}, want: jwtBad},
		{name: "key: EC key without a point", alg: "ES256", sign: k.p256, verify: &ecdsa.PublicKey{Curve: elliptic.P256()}, want: jwtBad},
		{name: "key: EC point off the curve", alg: "ES256", sign: k.p256, verify: &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}, want: jwtBad}, //nolint:staticcheck // as above
		{name: "key: short Ed25519 key", alg: "EdDSA", sign: k.ed, verify: ed[:31], want: jwtBad},
		{name: "key: a private key", alg: "RS256", sign: k.rsa, verify: k.rsa, want: jwtBad},
		{name: "key: a secret as a string", alg: "HS256", sign: k.secret, verify: string(k.secret), want: jwtBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Algorithms, config.Keyfunc, config.Cache = []string{row.alg}, jwtKeyfuncOfKid(row.verify), 10
				alg := row.alg
				if row.as != "" {
					alg = row.as
				}
				method := row.method
				if method == nil {
					method = jwt.GetSigningMethod(alg)
				}
				token := jwtSigned(t, method, row.sign, jwtHeader(alg).and(`"kid":"a"`).String(), jwtClaims.String())
				guard := jwtGuard(t, config)
				for range 2 {
					w := jwtServe(guard, token)
					if row.want == jwtGood {
						assert.Equal(t, jwtGood, jwtAnswer(w))
						continue
					}
					assertJWTRefusal(t, row.want, w, token)
				}
			})
		})
	}
}

// A secret that New could not see is checked when it verifies a token: RFC 7518
// section 3.2.
func TestJWTShortSecret(t *testing.T) {
	for _, row := range []struct {
		alg         string
		size, least int
	}{
		{"HS256", 0, 32},
		{"HS256", 1, 32},
		{"HS256", 31, 32},
		{"HS256", 32, 32},
		{"HS384", 32, 48},
		{"HS384", 47, 48},
		{"HS384", 48, 48},
		{"HS512", 32, 64},
		{"HS512", 48, 64},
		{"HS512", 63, 64},
		{"HS512", 64, 64},
	} {
		synctest.Test(t, func(t *testing.T) {
			secret := make([]byte, row.size)
			config := jwtConfig()
			config.Algorithms = []string{row.alg}
			config.Keyfunc = jwtKeyfunc(secret)
			_, err := bearer.New(bearer.Config{JWT: []bearer.JWT{config}})
			set := config
			set.Keyfunc = jwtKeyfunc(jwt.VerificationKeySet{Keys: []jwt.VerificationKey{jwtTestKeys().secret, secret}})
			_, setErr := bearer.New(bearer.Config{JWT: []bearer.JWT{set}})
			config.Keyfunc = jwtKeyfuncOfKid(secret)
			guard := jwtGuard(t, config)
			header := jwtHeader(row.alg).and(`"kid":"a"`).String()
			text := jwtSigned(t, jwt.GetSigningMethod(row.alg), secret, header, jwtClaims.String())
			if row.size == row.least {
				assert.NoError(t, err)
				assert.NoError(t, setErr)
				assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
				return
			}
			want := fmt.Sprintf("JWT.Keyfunc: a secret of %d bytes is too short: at least %d for %s", row.size, row.least, row.alg)
			assert.ErrorContains(t, err, want)
			assert.ErrorContains(t, setErr, want)
			assertJWTRefusal(t, jwtBad, jwtServe(guard, text), text)
		})
	}
}

// Each algorithm of a config is looked at, and not the first alone.
func TestJWTShortSecretOfOneAlgorithm(t *testing.T) {
	config := jwtConfig()
	config.Algorithms = []string{"HS256", "HS384", "HS512"}
	config.Keyfunc = jwtKeyfunc(make([]byte, 48))
	_, err := bearer.New(bearer.Config{JWT: []bearer.JWT{config}})
	assert.EqualError(t, err, "bearer: Config.JWT.Keyfunc: a secret of 48 bytes is too short: at least 64 for HS512")
	config.Keyfunc = func(t *jwt.Token) (any, error) {
		return make([]byte, map[any]int{"HS256": 32, "HS384": 48, "HS512": 64}[t.Header["alg"]]), nil
	}
	_, err = bearer.New(bearer.Config{JWT: []bearer.JWT{config}})
	assert.NoError(t, err)
}

func TestJWTConfig(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*bearer.JWT)
		want   string // "": no error
	}{
		{"good", func(*bearer.JWT) {}, ""},
		{"no issuer", func(j *bearer.JWT) { j.Issuer = "" }, "JWT.Issuer: required"},
		{"no audience", func(j *bearer.JWT) { j.Audiences = nil }, "JWT.Audiences: required"},
		{"white space in the issuer", func(j *bearer.JWT) { j.Issuer = "https://a b" }, `JWT.Issuer: "https://a b" has white space`},
		{"a space behind the issuer", func(j *bearer.JWT) { j.Issuer += " " }, "JWT.Issuer: "},
		{"a line break in the issuer", func(j *bearer.JWT) { j.Issuer = "a\nb" }, "JWT.Issuer: "},
		{"a wide space in the issuer", func(j *bearer.JWT) { j.Issuer = "a\u2003b" }, "JWT.Issuer: "},
		{"a control character in the issuer", func(j *bearer.JWT) { j.Issuer = "a\x00b" }, "JWT.Issuer: "},
		{"an issuer that is not UTF-8", func(j *bearer.JWT) { j.Issuer = "a\xff" }, "JWT.Issuer: "},
		{"an empty audience", func(j *bearer.JWT) { j.Audiences = []string{""} }, "JWT.Audiences: one is empty"},
		{"an empty audience among others", func(j *bearer.JWT) { j.Audiences = []string{"a", ""} }, "JWT.Audiences: one is empty"},
		{"two audiences", func(j *bearer.JWT) { j.Audiences = []string{"a", "b"} }, ""},
		{"two that say the scopes", func(j *bearer.JWT) {
			j.ScopeClaim, j.Scopes = "scp", func(map[string]any) (bearer.Scopes, error) { return "", nil }
		}, "JWT.ScopeClaim: set, and so is Config.JWT.Scopes"},
		{"no algorithm", func(j *bearer.JWT) { j.Algorithms = nil }, "JWT.Algorithms: required"},
		{"none", func(j *bearer.JWT) { j.Algorithms = []string{"none"} }, `JWT.Algorithms: "none" is not supported`},
		{"other case", func(j *bearer.JWT) { j.Algorithms = []string{"hs256"} }, `JWT.Algorithms: "hs256" is not supported`},
		{"none among others", func(j *bearer.JWT) { j.Algorithms = []string{"HS256", "none"} }, `"none" is not supported`},
		{"two families", func(j *bearer.JWT) { j.Algorithms = []string{"HS256", "RS256"} }, "HS256 and RS256 are of two families"},
		{"one family", func(j *bearer.JWT) { j.Algorithms = []string{"HS256", "HS384", "HS512"} }, ""},
		{"both names of Ed25519", func(j *bearer.JWT) { j.Algorithms = []string{"EdDSA", "Ed25519"} }, ""},
		{"Ed448", func(j *bearer.JWT) { j.Algorithms = []string{"Ed448"} }, `"Ed448" is not supported`},
		{"RS and PS are one family", func(j *bearer.JWT) { j.Algorithms = []string{"RS256", "PS512"} }, ""},
		{"leeway", func(j *bearer.JWT) { j.Leeway = -1 }, "JWT.Leeway: negative"},
		{"cache", func(j *bearer.JWT) { j.Cache = -1 }, "JWT.Cache: negative"},
		{"no Keyfunc", func(j *bearer.JWT) { j.Keyfunc = nil }, "JWT.Keyfunc: required"},
		{"a secret as a string", func(j *bearer.JWT) { j.Keyfunc = jwtKeyfunc("secret") }, "JWT.Keyfunc: returned a string: HS256 takes a []byte"},
		{"a long secret as a string", func(j *bearer.JWT) {
			j.Keyfunc = jwtKeyfunc("a secret that is text, and long enough")
		}, "JWT.Keyfunc: returned a string: HS256 takes a []byte"},
		{"a public key for HMAC", func(j *bearer.JWT) { j.Keyfunc = jwtKeyfunc(jwtPublic(jwtTestKeys().ed)) }, "returned a ed25519.PublicKey"},
		{"a public key for HMAC, in a set", func(j *bearer.JWT) {
			j.Keyfunc = jwtKeyfunc(jwt.VerificationKeySet{Keys: []jwt.VerificationKey{jwtTestKeys().secret, jwtPublic(jwtTestKeys().rsa)}})
		}, "returned a *rsa.PublicKey"},
		{"a Keyfunc that wants a kid", func(j *bearer.JWT) {
			j.Keyfunc = func(t *jwt.Token) (any, error) { return t.Header["kid"].(string), nil }
		}, ""},
		{"a Keyfunc that is out of order", func(j *bearer.JWT) {
			j.Keyfunc = func(*jwt.Token) (any, error) { return []byte{}, errors.New("offline") }
		}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := jwtConfig()
			row.change(&config)
			_, err := bearer.New(bearer.Config{JWT: []bearer.JWT{config}})
			if row.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, row.want)
		})
	}
	_, err := bearer.New(bearer.Config{JWT: make([]bearer.JWT, 1)})
	for _, field := range []string{"Issuer", "Audiences", "Algorithms", "Keyfunc"} {
		assert.ErrorContains(t, err, "bearer: Config.JWT."+field+": required", "every fault is named")
	}
}

// Keyfuncs compare the method with golang-jwt's own.
func TestJWTKeyfuncSeesTheRegisteredMethod(t *testing.T) {
	keys := jwtTestKeys()
	for _, row := range []struct {
		method    jwt.SigningMethod
		sign, key any
	}{
		{jwt.SigningMethodHS512, keys.secret, keys.secret},
		{jwt.SigningMethodRS256, keys.rsa, jwtPublic(keys.rsa)},
		{jwt.SigningMethodPS256, keys.rsa, jwtPublic(keys.rsa)},
		{jwt.SigningMethodES256, keys.p256, jwtPublic(keys.p256)},
		{jwt.SigningMethodEdDSA, keys.ed, jwtPublic(keys.ed)},
	} {
		t.Run(row.method.Alg(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Algorithms = []string{row.method.Alg()}
				config.Keyfunc = func(t *jwt.Token) (any, error) {
					if t.Method != row.method {
						return nil, errors.New("another method")
					}
					return row.key, nil
				}
				text := jwtSigned(t, row.method, row.sign, jwtHeader(row.method.Alg()).String(), jwtClaims.String())
				assert.Equal(t, jwtGood, jwtAnswer(jwtServe(jwtGuard(t, config), text)))
			})
		})
	}
}

func TestJWTKeyfunc(t *testing.T) {
	good := jwtTestKeys().secret
	for _, row := range []struct {
		name    string
		keyfunc jwt.Keyfunc
		want    string
	}{
		{"finds by kid", func(t *jwt.Token) (any, error) {
			if t.Header["kid"] == "../../etc/passwd" {
				return good, nil
			}
			return nil, errors.New("not asked with the kid")
		}, jwtGood},
		{"unknown kid", func(*jwt.Token) (any, error) { return nil, bearer.ErrKeyNotFound }, jwtBad},
		{"unknown kid, wrapped", func(*jwt.Token) (any, error) { return good, fmt.Errorf("kid: %w", bearer.ErrKeyNotFound) }, jwtBad},
		{"jwt.ErrTokenUnverifiable", func(*jwt.Token) (any, error) { return nil, fmt.Errorf("kid: %w", jwt.ErrTokenUnverifiable) }, jwtBad},
		{"jwt.ErrTokenMalformed", func(*jwt.Token) (any, error) { return nil, jwt.ErrTokenMalformed }, jwtBad},
		{"jwt.ErrTokenSignatureInvalid", func(*jwt.Token) (any, error) { return nil, jwt.ErrTokenSignatureInvalid }, jwtBad},
		{"jwt.ErrInvalidKey", func(*jwt.Token) (any, error) { return nil, jwt.ErrInvalidKey }, jwtBad},
		{"jwt.ErrInvalidKeyType", func(*jwt.Token) (any, error) { return nil, jwt.ErrInvalidKeyType }, jwtBad},
		{"no key and no error", func(*jwt.Token) (any, error) { return nil, nil }, jwtBad},
		{"outage", func(*jwt.Token) (any, error) { return nil, errors.New("connection refused") }, jwtNoKeys},
		{"outage with a key", func(*jwt.Token) (any, error) { return good, context.DeadlineExceeded }, jwtNoKeys},
		{"panic", func(*jwt.Token) (any, error) { panic("nil map") }, jwtNoKeys},
		{"panic with an error", func(*jwt.Token) (any, error) { panic(bearer.ErrKeyNotFound) }, jwtNoKeys},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Keyfunc, config.Cache = row.keyfunc, 10
				header := jwtHeader("HS256").and(`"kid":"../../etc/passwd"`).String()
				text := jwtSigned(t, jwt.SigningMethodHS256, good, header, jwtClaims.String())
				w := jwtServe(jwtGuard(t, config), text)
				assert.Equal(t, row.want, jwtAnswer(w))
				for _, leak := range []string{"connection refused", "nil map", "not found", "passwd"} {
					assert.NotContains(t, w.Body.String(), leak)
				}
			})
		})
	}
}

func TestJWTGuards(t *testing.T) {
	keyText, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live})
	keys, tokens := bearer.Config{Keys: store}, bearer.Config{JWT: []bearer.JWT{jwtConfig()}}
	both := bearer.Config{Keys: store, JWT: []bearer.JWT{jwtConfig()}}
	live, secret := tokens, tokens
	live.Environment, secret.SecretOnly = bearer.Live, true
	const (
		wrongType   = "401 unauthorized wrong_credential_type"
		mismatch    = "403 forbidden environment_mismatch"
		needsSecret = "403 forbidden secret_key_required"
		noKey       = "401 unauthorized invalid_api_key"
	)
	claims := jwtClaims
	for _, row := range []struct {
		name   string
		config bearer.Config
		claims jwtMembers
		text   string // instead of a token
		want   string
	}{
		{"S4.4 a key at a guard for JWTs", tokens, nil, keyText, wrongType},
		{"S4.4 a JWT at a guard for keys", keys, claims, "", wrongType},
		{"a bad JWT at a guard for keys", keys, nil, "a.b.c", wrongType},
		{"a bad key at a guard for JWTs", tokens, nil, "sk_live_", wrongType},
		{"a key at a guard for both", both, nil, keyText, jwtGood},
		{"a JWT at a guard for both", both, claims, "", jwtGood},
		{"S0.2 neither, at a guard for JWTs", tokens, nil, "a1b2c3", jwtBad},
		{"S0.2 neither, at a guard for both", both, nil, "a1b2c3", noKey},
		{"a key prefix and two dots", both, nil, "sk_live_a.b.c", noKey},
		{"environment: the guard's", live, claims.and(`"env":"live"`), "", jwtGood},
		{"environment: another", live, claims.and(`"env":"test"`), "", mismatch},
		{"environment: none", live, claims, "", mismatch},
		{"environment: unknown", live, claims.and(`"env":"LIVE"`), "", mismatch},
		{"environment: not a string", live, claims.and(`"env":["live"]`), "", mismatch},
		{"environment: an object", live, claims.and(`"env":{}`), "", mismatch},
		{"environment: any at a guard for any", tokens, claims.and(`"env":{}`), "", jwtGood},
		{"read-only at a guard for secret keys", secret, claims.and(`"read_only":true`), "", needsSecret},
		{"not read-only at a guard for secret keys", secret, claims.and(`"read_only":false`), "", jwtGood},
		{"read_only: null is not false", secret, claims.and(`"read_only":null`), "", needsSecret},
		{"read_only: object is not false", secret, claims.and(`"read_only":{}`), "", needsSecret},
		{"read_only: 0 is not false", secret, claims.and(`"read_only":0`), "", needsSecret},
		{"expired and of another environment", live, claims.with(`"exp":` + jwtPast), "", jwtExpired},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := row.text
				if text == "" {
					text = jwtMinted(t, row.claims)
				}
				assert.Equal(t, row.want, jwtAnswer(jwtServe(newGuard(t, row.config), text)))
			})
		})
	}
}

// A session that is logged shows neither the hash nor the data of its key.
func TestSessionInLogs(t *testing.T) {
	_, key := newKey(bearer.SecretKey, bearer.Live)
	key.Data = "private"
	var text, asJSON bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&asJSON, nil)} {
		slog.New(handler).Info("found", "session", bearer.Session{Key: &key}, "none", bearer.Session{Ended: true})
	}
	for _, log := range []string{text.String(), asJSON.String()} {
		assert.Contains(t, log, key.ID)
		assert.NotContains(t, log, key.Hash.String())
		assert.NotContains(t, log, "private")
	}
}
