package benchmarks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const (
	issuer   = "https://issuer.example"
	audience = "api"
)

// A tokenIssuer signs tokens with one algorithm.
type tokenIssuer struct {
	alg          string
	sign, verify any
}

func newIssuers(tb testing.TB) []tokenIssuer {
	tb.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	public := func(s crypto.Signer) any { return s.Public() }
	return []tokenIssuer{{"HS256", secret, secret}, {"ES256", ec, public(ec)}, {"EdDSA", ed, public(ed)}}
}

// field returns the Authorization field of a token with the usual claims, and
// with others in their place; a nil one is left out.
func (i tokenIssuer) field(tb testing.TB, others jwt.MapClaims) string {
	tb.Helper()
	claims := jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "user_1", "scope": scope, "jti": "1",
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
	maps.Copy(claims, others)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text, err := jwt.NewWithClaims(jwt.GetSigningMethod(i.alg), claims).SignedString(i.sign)
	require.NoError(tb, err)
	return bearerField(text)
}

func (i tokenIssuer) key(*jwt.Token) (any, error) { return i.verify, nil }

// BenchmarkJWTRoute is a GET with a JWT whose signature, issuer, audience,
// times and scope are checked. The guard also limits; its peers do not.
func BenchmarkJWTRoute(b *testing.B) {
	for _, from := range newIssuers(b) {
		fields := []string{from.field(b, nil)}
		for _, peer := range jwtPeers {
			h := peer.handler(b, from)
			b.Run("alg="+from.alg+"/"+peer.name, func(b *testing.B) {
				serial(b, func() client { return over(h) }, fields)
			})
		}
	}
}

type jwtPeer struct {
	name    string
	handler func(testing.TB, tokenIssuer) http.Handler
}

var jwtPeers = []jwtPeer{
	{"bearer", bearerJWT(0)},
	{"bearer-cached", bearerJWT(1000)},
	{"golang-jwt-parse", parseOnly},
	{"auth0", auth0JWT},
	{"jwtauth", chiJWT},
	{"echo-jwt", echoJWT},
	{"gin-jwt", ginJWT},
}
