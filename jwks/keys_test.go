package jwks_test

import (
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/jwks"
)

// Which keys of a set are used. The key has the kid "k" unless the row says
// otherwise, and stands beside one that is good.
func TestUsableKeys(t *testing.T) {
	rsaWith := func(more members) members { return jwkOf("k", &rsaKey().PublicKey, more) }
	ecWith := func(more members) members { return jwkOf("k", &ecKey().PublicKey, more) }
	edWith := func(more members) members { return jwkOf("k", edKey().Public(), more) }
	p384, p521 := newEC(elliptic.P384()).PublicKey, newEC(elliptic.P521()).PublicKey
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	huge := new(big.Int).SetBit(new(big.Int).Set(rsaKey().N), 8192, 1)
	even := new(big.Int).SetBit(new(big.Int).Set(rsaKey().N), 0, 0)
	longE := new(big.Int).SetBit(big.NewInt(65537), 64, 1)
	secret := base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	for _, row := range []struct {
		name string
		alg  string
		jwk  members
		want answer
	}{
		{"RSA", "RS256", rsaWith(nil), good},
		{"RSA for PS256", "PS256", rsaWith(nil), good},
		{"RSA with use and alg", "RS256", rsaWith(members{"use": "sig", "alg": "RS256"}), good},
		{"RSA with another alg", "PS256", rsaWith(members{"alg": "RS256"}), unknown},
		{"RSA with an alg of encryption", "RS256", rsaWith(members{"alg": "RSA-OAEP"}), unknown},
		{"RSA with an alg of another type", "RS256", rsaWith(members{"alg": "ES256"}), unknown},
		{"RSA with an alg that is a number", "RS256", rsaWith(members{"alg": 256}), unknown},
		{"RSA with null for alg", "RS256", rsaWith(members{"alg": nil, "use": nil}), good},
		{"RSA for encryption", "RS256", rsaWith(members{"use": "enc"}), unknown},
		{"RSA for something else", "RS256", rsaWith(members{"use": "SIG"}), unknown},
		{"RSA with a use that is an array", "RS256", rsaWith(members{"use": []string{"sig"}}), unknown},
		{"RSA that verifies", "RS256", rsaWith(members{"key_ops": []string{"encrypt", "verify"}}), good},
		{"RSA that wraps keys", "RS256", rsaWith(members{"key_ops": []string{"wrapKey"}}), unknown},
		{"RSA that does nothing", "RS256", rsaWith(members{"key_ops": []string{}}), unknown},
		{"RSA with key_ops that are a string", "RS256", rsaWith(members{"key_ops": "verify"}), unknown},
		{"RSA whose use and key_ops differ", "RS256", rsaWith(members{"use": "enc", "key_ops": []string{"verify"}}), unknown},
		{"RSA of 1024 bits", "RS256", jwkOf("k", &shortRSA().PublicKey, nil), unknown},
		{"RSA of 8193 bits", "RS256", rsaWith(members{"n": number(huge, 0)}), unknown},
		{"RSA with the exponent 1", "RS256", rsaWith(members{"e": "AQ"}), unknown},
		{"RSA with an even exponent", "RS256", rsaWith(members{"e": "AQAA"}), unknown},
		{"RSA with the exponent 3", "RS256", rsaWith(members{"e": "Aw"}), good},
		{"RSA with an exponent of 31 bits", "RS256", rsaWith(members{"e": number(big.NewInt(1<<31-1), 0)}), good},
		{"RSA with an exponent of 32 bits", "RS256", rsaWith(members{"e": number(big.NewInt(1<<31+1), 0)}), unknown},
		{"RSA with an exponent of 41 bits", "RS256", rsaWith(members{"e": number(big.NewInt(1<<40+1), 0)}), unknown},
		{"RSA with 65537 in the last of 65 bits", "RS256", rsaWith(members{"e": number(longE, 0)}), unknown},
		{"RSA with an even modulus", "RS256", rsaWith(members{"n": number(even, 0)}), unknown},
		{"RSA with an exponent of 72 bits", "RS256", rsaWith(members{"e": "AQAAAAAAAQAB"}), unknown},
		{"RSA without an exponent", "RS256", rsaWith(members{"e": nil}), unknown},
		{"RSA with a modulus that is no base64url", "RS256", rsaWith(members{"n": "*"}), unknown},
		{"RSA with a modulus that is a number", "RS256", rsaWith(members{"n": 5}), unknown},
		{"RSA whose type is spelled otherwise", "RS256", rsaWith(members{"kty": "rsa"}), unknown},
		{"RSA with members in capitals", "RS256", rsaWith(members{"kty": nil, "KTY": "RSA"}), unknown},
		{"RSA with its private half", "RS256", rsaWith(members{"d": "AQAB"}), unknown},
		{"RSA with a prime", "RS256", rsaWith(members{"p": "AQAB"}), unknown},
		{"RSA with a secret of null", "RS256", rsaWith(members{"k": (*string)(nil), "d": (*string)(nil)}), good},
		{"RSA with an empty private half", "RS256", rsaWith(members{"d": ""}), unknown},
		{"RSA with certificates that are none", "RS256", rsaWith(members{"x5c": []string{"*"}, "x5t": "*"}), good},
		{"RSA with a URL of certificates", "RS256", rsaWith(members{"x5u": "http://127.0.0.1:1/"}), good},
		{"RSA with members that are not registered", "RS256", rsaWith(members{"ext": true, "issuer": "x"}), good},
		{"a kid that is a number", "RS256", jwkOf("", &rsaKey().PublicKey, members{"kid": 5}), unknown},
		{"a kid in another case", "RS256", jwkOf("K", &rsaKey().PublicKey, nil), unknown},
		{"no kid", "RS256", jwkOf("", &rsaKey().PublicKey, nil), unknown},
		{"P-256", "ES256", ecWith(nil), good},
		{"P-256 for ES384", "ES384", ecWith(nil), unknown},
		{"P-256 with the alg of another curve", "ES256", ecWith(members{"alg": "ES384"}), unknown},
		{"P-256 with the point of another curve", "ES256", jwkOf("k", &p384, members{"crv": "P-256"}), unknown},
		{"P-256 with a point that is not on it", "ES256", ecWith(members{"x": "AQAB"}), unknown},
		{"P-256 with the point 0", "ES256", ecWith(members{"x": "AA", "y": "AA"}), unknown},
		{"P-256 with a coordinate of many bytes", "ES256", ecWith(members{"y": strings.Repeat("_", 4000)}), unknown},
		{"P-256 with its private half", "ES256", ecWith(members{"d": "AQAB"}), unknown},
		{"P-384", "ES384", jwkOf("k", &p384, nil), good},
		{"P-521", "ES512", jwkOf("k", &p521, nil), good},
		{"P-224", "ES256", jwkOf("k", &newEC(elliptic.P224()).PublicKey, nil), unknown},
		{"secp256k1", "ES256", ecWith(members{"crv": "secp256k1"}), unknown},
		{"Ed25519", "EdDSA", edWith(nil), good},
		{"Ed25519 with alg EdDSA", "EdDSA", edWith(members{"alg": "EdDSA"}), good},
		{"Ed25519 with alg Ed25519", "EdDSA", edWith(members{"alg": "Ed25519"}), good},
		{"Ed25519 of 31 bytes", "EdDSA", edWith(members{"x": secret[:42]}), unknown},
		{"Ed448", "EdDSA", edWith(members{"crv": "Ed448"}), unknown},
		{"X25519", "EdDSA", edWith(members{"crv": "X25519", "x": base64.RawURLEncoding.EncodeToString(x25519.PublicKey().Bytes())}), unknown},
		{"a secret", "HS256", members{"kid": "k", "kty": "oct", "k": secret, "alg": "HS256"}, unknown},
		{"a secret for RS256", "RS256", members{"kid": "k", "kty": "oct", "k": secret}, unknown},
		{"a type that is not supported", "RS256", members{"kid": "k", "kty": "AKP", "alg": "ML-DSA-44", "pub": secret}, unknown},
		{"an empty object", "RS256", members{}, unknown},
		{"null", "RS256", nil, unknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(row.jwk, rsaJWK("good"))
				var seen jwks.Fetch
				keys, _ := newSource(t, i, jwks.Config{Observe: func(f jwks.Fetch) { seen = f }})
				assert.Equal(t, row.want, ask(keys, tokenOf(row.alg, "k")))
				assert.Equal(t, good, askFor(keys, "good"), "beside it")
				assert.Equal(t, []string{setURL}, unique(i.asked))
				synctest.Wait()
				assert.Equal(t, 2, seen.Keys+seen.Ignored)
			})
		})
	}
}

func unique(all []string) (once []string) {
	for _, s := range all {
		if len(once) == 0 || once[len(once)-1] != s {
			once = append(once, s)
		}
	}
	return once
}

// A set may hold what is no key at all.
func TestElementsThatAreNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		i.bodies[setURL] = `{"keys":[null,1,"x",[],{"kid":{}},` + setOf(rsaJWK("a"))[len(`{"keys":[`):]
		keys, _ := newSource(t, i, jwks.Config{})
		assert.Equal(t, good, askFor(keys, "a"))
	})
}

// With Algorithms, keys of others are none.
func TestAlgorithms(t *testing.T) {
	for _, row := range []struct {
		name       string
		algorithms []string
		alg, kid   string
		want       answer
	}{
		{"any, RSA", nil, "PS384", "r", good},
		{"any, ECDSA", nil, "ES256", "e", good},
		{"any, EdDSA", nil, "EdDSA", "d", good},
		{"the one", []string{"RS256"}, "RS256", "r", good},
		{"another of its family", []string{"RS256"}, "RS512", "r", unknown},
		{"of another family", []string{"RS256"}, "ES256", "e", unknown},
		{"one of two", []string{"RS256", "PS256"}, "PS256", "r", good},
		{"the other name of EdDSA", []string{"Ed25519"}, "EdDSA", "d", good},
		{"no key fits", []string{"ES512"}, "ES512", "e", outage},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(rsaJWK("r"), jwkOf("e", &ecKey().PublicKey, nil), jwkOf("d", edKey().Public(), nil))
				keys, _ := newSource(t, i, jwks.Config{Algorithms: row.algorithms})
				assert.Equal(t, row.want, ask(keys, tokenOf(row.alg, row.kid)))
			})
		})
	}
}

// Several keys with one kid, or tokens without one.
func TestSeveralKeys(t *testing.T) {
	many := func(n int) (all []members) {
		for k := range n {
			all = append(all, rsaJWK(strconv.Itoa(k)))
		}
		return all
	}
	for _, row := range []struct {
		name string
		keys []members
		kid  string
		want int // keys; 0: the token is refused
	}{
		{"no kid, one key", many(1), "", 1},
		{"no kid, two keys", many(2), "", 2},
		{"no kid, as many as are tried", many(16), "", 16},
		{"no kid, one more", many(17), "", 0},
		{"a kid among as many", many(17), "7", 1},
		{"no kid, and keys of other types", append(many(1), jwkOf("e", &ecKey().PublicKey, nil)), "", 1},
		{"no kid in the set either", []members{rsaJWK(""), rsaJWK("b")}, "", 2},
		{"a kid twice", []members{rsaJWK("a"), jwkOf("a", &otherRSA().PublicKey, nil), rsaJWK("b")}, "a", 2},
		{"a kid of two types", []members{rsaJWK("a"), jwkOf("a", &ecKey().PublicKey, nil)}, "a", 1},
		{"a kid of two uses", []members{rsaJWK("a"), jwkOf("a", &otherRSA().PublicKey, members{"use": "enc"})}, "a", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys, _ := newSource(t, newIssuer(row.keys...), jwks.Config{})
				key, err := keys.Keyfunc(tokenOf("RS256", row.kid))
				if row.want == 0 {
					assert.ErrorContains(t, err, "no kid")
					return
				}
				require.NoError(t, err)
				set, several := key.(jwt.VerificationKeySet)
				assert.Equal(t, row.want > 1, several)
				if several {
					assert.Len(t, set.Keys, row.want)
				}
			})
		})
	}
}
