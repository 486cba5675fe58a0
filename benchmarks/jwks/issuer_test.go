package jwks_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	oldKey   = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	newKey   = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	shortKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(1024) })
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

type jwk map[string]any

// jwkOf returns the JWK of a key, with what else it has.
func jwkOf(kid string, key *rsa.PrivateKey, more jwk) jwk {
	encode := base64.RawURLEncoding.EncodeToString
	all := jwk{
		"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig",
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}
	maps.Copy(all, more)
	return all
}

func setOf(keys ...jwk) string {
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// token returns a good token, for a year.
func token(kid string, key *rsa.PrivateKey) string {
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "alice", "exp": time.Now().Add(365 * 24 * time.Hour).Unix(),
	})
	t.Header["kid"] = kid
	text, err := t.SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}

// A server is the issuer's. It is an [http.RoundTripper], and answers in memory.
type server struct {
	mu       sync.Mutex
	body     string
	location string        // redirects there from setURL
	down     time.Time     // until then, there is no connection
	delay    time.Duration // before an answer
	endless  bool          // the body never ends
	fetches  atomic.Int64
	read     atomic.Int64 // the most bytes that were read of an endless body
}

func (s *server) set(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.fetches.Add(1)
	s.mu.Lock()
	body, location, down, delay, endless := s.body, s.location, s.down, s.delay, s.endless
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if time.Now().Before(down) {
		return nil, errors.New("connection refused")
	}
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	answer.Body = io.NopCloser(strings.NewReader(body))
	if endless {
		answer.Body = &endlessBody{Reader: strings.NewReader(`{"keys":[`), most: &s.read}
	}
	if location != "" && r.URL.String() == setURL {
		answer.StatusCode = http.StatusFound
		answer.Header.Set("Location", location)
	}
	return answer, nil
}

// enough is how many mebibytes of an endless body show that a reader has no limit.
const enough = 16

// An endlessBody is the beginning of a set, and then spaces.
type endlessBody struct {
	io.Reader

	most *atomic.Int64 // that was read of one such body
	read int64
}

func (b *endlessBody) Read(p []byte) (int, error) {
	n, _ := b.Reader.Read(p)
	if b.read >= enough<<20 {
		return 0, io.EOF
	}
	for i := range p[n:] {
		p[n+i] = ' '
	}
	b.read += int64(len(p))
	b.most.Store(max(b.most.Load(), b.read))
	return len(p), nil
}

// Close implements [io.Closer].
func (*endlessBody) Close() error { return nil }
