package jwks_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/jwks"
)

const (
	issuerURL = "https://issuer.test/tenant"
	setURL    = "https://issuer.test/keys"
)

// The keys of the tests, made once: RSA keys take a while.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	shortRSA = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(1024) })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { _, k, _ := ed25519.GenerateKey(nil); return k })
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// members are those of a JSON object.
type members map[string]any

// jwkOf returns a JWK with a kid, if that is not "", and what else it has; nil
// removes a member.
func jwkOf(kid string, public any, more members) members {
	jwk := members{"kid": kid}
	switch k := public.(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", number(k.N, 0), number(big.NewInt(int64(k.E)), 0)
	case *ecdsa.PublicKey:
		size := (k.Params().BitSize + 7) / 8
		jwk["kty"], jwk["crv"] = "EC", k.Params().Name
		jwk["x"], jwk["y"] = number(k.X, size), number(k.Y, size)
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(k)
	}
	if kid == "" {
		delete(jwk, "kid")
	}
	for name, v := range more {
		jwk[name] = v
		if v == nil {
			delete(jwk, name)
		}
	}
	return jwk
}

func number(n *big.Int, size int) string {
	return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, max(size, (n.BitLen()+7)/8))))
}

// rsaJWK is a JWK with the RSA key of the tests.
func rsaJWK(kid string) members { return jwkOf(kid, &rsaKey().PublicKey, nil) }

func setOf(keys ...members) string {
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// An issuer is a fake that answers in memory, so that time stands still in a
// bubble while it does. It is an [http.RoundTripper].
type issuer struct {
	mu      sync.Mutex
	bodies  map[string]string // by the URL
	header  http.Header
	status  int           // zero: 200
	err     error         // instead of an answer
	delay   time.Duration // before each answer; the context ends it
	hangs   string        // a URL that is not answered
	fetches []time.Time   // of sets
	asked   []string      // the URLs
}

// newIssuer returns an issuer with the keys.
func newIssuer(keys ...members) *issuer {
	i := &issuer{bodies: map[string]string{}, header: http.Header{}}
	i.setKeys(keys...)
	i.bodies[issuerURL+"/.well-known/openid-configuration"] = `{"issuer":"` + issuerURL + `","jwks_uri":"` + setURL + `"}`
	return i
}

func (i *issuer) update(change func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

func (i *issuer) setKeys(keys ...members) {
	i.update(func(i *issuer) { i.bodies[setURL] = setOf(keys...) })
}

func (i *issuer) setDown(down bool) {
	i.update(func(i *issuer) {
		i.err = nil
		if down {
			i.err = errors.New("connection refused")
		}
	})
}

func (i *issuer) setDelay(d time.Duration) { i.update(func(i *issuer) { i.delay = d }) }

// count returns how many sets were fetched.
func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.fetches)
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	place := r.URL.String()
	i.asked = append(i.asked, place)
	if place == setURL {
		i.fetches = append(i.fetches, time.Now())
	}
	body, known := i.bodies[place]
	status, err, delay, header := i.status, i.err, i.delay, i.header.Clone()
	if i.hangs == place {
		delay = time.Hour
	}
	i.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !known:
		status = http.StatusNotFound
	case status == 0:
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// newSource returns a source of the issuer's keys, whose goroutine ends with
// the test, or when stop is called.
func newSource(t *testing.T, i *issuer, c jwks.Config) (keys *jwks.Source, stop context.CancelFunc) {
	t.Helper()
	if c.URL == "" && c.Issuer == "" {
		c.URL = setURL
	}
	c.Client = &http.Client{Transport: i}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	keys, err := jwks.New(ctx, c)
	require.NoError(t, err)
	return keys, stop
}

// tokenOf returns a token as a Keyfunc sees it; the kid "" is none.
func tokenOf(alg, kid string) *jwt.Token {
	token := jwt.New(jwt.GetSigningMethod(alg))
	if kid != "" {
		token.Header["kid"] = kid
	}
	return token
}

// An answer is what a guard makes of that of a Keyfunc.
type answer string

const (
	good    answer = "200"
	unknown answer = "401"
	outage  answer = "503"
)

func ask(keys *jwks.Source, token *jwt.Token) answer {
	key, err := keys.Keyfunc(token)
	switch {
	case err == nil && key != nil:
		return good
	case errors.Is(err, bearer.ErrKeyNotFound):
		return unknown
	case err != nil:
		return outage
	}
	panic("neither a key nor an error")
}

// askFor asks for an RSA key.
func askFor(keys *jwks.Source, kid string) answer { return ask(keys, tokenOf("RS256", kid)) }
