package leak_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
	"github.com/blockauth/bearer/issuer/leak"
)

const (
	truePositive  = "true_positive"
	falsePositive = "false_positive"
)

var errBroken = errors.New("connection refused")

// TestGitHub proves that a message revokes what it names, and that the answer says
// of each match what it is.
func TestGitHub(t *testing.T) {
	w := newWorld(t)
	text, key := w.create(bearer.SecretKey)
	public, _ := w.create(bearer.PublishableKey)
	never, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)

	rec := w.send(w.message(matches(text, public, never, text, "some_token")))

	assert.Equal(t, []string{truePositive, falsePositive, falsePositive, truePositive, falsePositive}, labels(t, rec))
	assert.Equal(t, http.StatusUnauthorized, w.check(text))
	assert.Equal(t, http.StatusOK, w.check(public))
	told := w.told()
	require.Len(t, told, 2)
	assert.Equal(t, "key.leaked", told[0].Type)
	assert.Equal(t, netip.MustParseAddr("192.0.2.1"), told[0].IP)
	assert.Equal(t, map[string]string{
		"source": "github:content", "url": "https://github.com/octocat/hello/blob/0a/b.txt",
		"secret": key.Secrets[0].ID, "action": "revoked",
	}, told[0].Detail)
	assert.Equal(t, "key.revoked", told[1].Type)

	again := w.send(w.message(matches(text, public, never, text, "some_token")))
	assert.Equal(t, rec.Body.String(), again.Body.String(), "a replay")
	assert.Empty(t, w.told())
	assert.Equal(t, int32(1), w.github.fetches.Load())
}

// A body that is signed needs no media type.
func TestGitHubWithoutMediaType(t *testing.T) {
	w := newWorld(t)
	text, _ := w.create(bearer.SecretKey)
	r := w.message(matches(text))
	r.Header.Del("Content-Type")
	assert.Equal(t, []string{truePositive}, labels(t, w.send(r)))
	assert.Equal(t, http.StatusUnauthorized, w.check(text))
}

// TestGitHubAnswer proves the form of the feedback: a token is named by its hash,
// or by its text.
func TestGitHubAnswer(t *testing.T) {
	for _, isRaw := range []bool{false, true} {
		w := newWorld(t, func(s *setup) { s.github.RawTokens = isRaw })
		text, _ := w.create(bearer.SecretKey)
		sum := sha256.Sum256([]byte(text))
		name := `"token_hash":"` + hex.EncodeToString(sum[:]) + `"`
		if isRaw {
			name = `"token_raw":"` + text + `"`
		}
		rec := w.send(w.message(matches(text)))
		assert.Equal(t, `[{`+name+`,"token_type":"acme_key","label":"true_positive"}]`+"\n", rec.Body.String())
	}
}

// TestGitHubExample proves that the message that GitHub's documents show is good by
// the key that they show.
func TestGitHubExample(t *testing.T) {
	const (
		body = `[{"token":"some_token","type":"some_type","url":"some_url"}]`
		id   = "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a"
		sig  = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc="
		key  = `-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq` +
			`\nkCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==\n-----END PUBLIC KEY-----\n`
	)
	w := newWorld(t)
	w.github.fails(func(*http.Request) (*http.Response, error) {
		return response(http.StatusOK, `{"public_keys":[{"key_identifier":"`+id+`","key":"`+key+`","is_current":true}]}`), nil
	})
	for _, isGood := range []bool{true, false} {
		sent := body
		if !isGood {
			sent += "\n"
		}
		rec := w.send(messageOf(sent, id, sig))
		if isGood {
			assert.Equal(t, []string{falsePositive}, labels(t, rec))
		} else {
			assert.Equal(t, http.StatusForbidden, rec.Code)
		}
	}
}

// TestGitHubRefusals proves that a message which GitHub did not sign does nothing.
func TestGitHubRefusals(t *testing.T) {
	type message struct {
		*world
		r    *http.Request
		text string
	}
	body := func(m *message, body string) {
		m.r.Body = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body
	}
	header := func(name string, values ...string) func(*message) {
		return func(m *message) { m.r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	const id, sig = "Github-Public-Key-Identifier", "Github-Public-Key-Signature"
	resign := func(m *message, key *ecdsa.PrivateKey, text string) {
		m.r.Header.Set(sig, signed(t, key, text))
	}
	tests := []struct {
		name   string
		change func(*message)
		status int
		reason string
	}{
		{"another byte", func(m *message) { body(m, strings.Replace(matches(m.text), "Content", "content", 1)) }, 403, "invalid_signature"},
		{"a byte more", func(m *message) { body(m, matches(m.text)+"\n") }, 403, "invalid_signature"},
		{"no body", func(m *message) { body(m, "") }, 403, "invalid_signature"},
		{"another key", func(m *message) {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			require.NoError(t, err)
			resign(m, key, matches(m.text))
		}, 403, "invalid_signature"},
		{"the key of another identifier", func(m *message) { m.r.Header.Set(id, m.github.add(elliptic.P256())) }, 403, "invalid_signature"},
		{"an identifier that is not known", header(id, "f00"), 403, "invalid_signature"},
		{"a key of P-384", func(m *message) {
			m.r.Header.Set(id, m.github.add(elliptic.P384()))
			m.r.Header.Set(sig, m.github.sign(m.r.Header.Get(id), matches(m.text))[:96])
		}, 403, "invalid_signature"},
		{"the hash of the body in place of the body", func(m *message) {
			sum := sha256.Sum256([]byte(matches(m.text)))
			m.r.Header.Set(sig, m.github.sign(m.github.first, string(sum[:])))
		}, 403, "invalid_signature"},
		{"two zeroes", header(sig, base64.StdEncoding.EncodeToString([]byte{0x30, 6, 2, 1, 0, 2, 1, 0})), 403, "invalid_signature"},
		{"zero bytes behind the signature", func(m *message) {
			der, _ := base64.StdEncoding.DecodeString(m.r.Header.Get(sig))
			m.r.Header.Set(sig, base64.StdEncoding.EncodeToString(append(der, 0)))
		}, 403, "invalid_signature"},
		{"r and s without ASN.1", header(sig, base64.StdEncoding.EncodeToString(make([]byte, 64))), 403, "invalid_signature"},
		{"no identifier", header(id), 400, "invalid_request"},
		{"an empty identifier", header(id, ""), 400, "invalid_request"},
		{"two identifiers", func(m *message) { m.r.Header.Add(id, m.github.first) }, 400, "invalid_request"},
		{"a long identifier", header(id, strings.Repeat("a", 129)), 400, "invalid_request"},
		{"an identifier of two words", header(id, "a b"), 400, "invalid_request"},
		{"no signature", header(sig), 400, "invalid_request"},
		{"two signatures", func(m *message) { m.r.Header.Add(sig, m.r.Header.Get(sig)) }, 400, "invalid_request"},
		{"no base64", header(sig, "!"), 400, "invalid_request"},
		{"base64 of URLs", header(sig, "__8="), 400, "invalid_request"},
		{"base64 without padding", header(sig, "MEU"), 400, "invalid_request"},
		{"base64 with odd bits", header(sig, "MEV="), 400, "invalid_request"},
		{"a long signature", header(sig, strings.Repeat("A", 200)), 400, "invalid_request"},
		{"a line break in it", func(m *message) { m.r.Header[sig] = []string{"MEQ\nCAA=="} }, 400, "invalid_request"},
		{"another media type", header("Content-Type", "text/plain"), 415, "unsupported_media_type"},
		{"no media type, compressed", func(m *message) {
			m.r.Header.Del("Content-Type")
			m.r.Header.Set("Content-Encoding", "gzip")
		}, 415, "unsupported_media_type"},
		{"two media types", header("Content-Type", "application/json", "application/json"), 415, "unsupported_media_type"},
		{"another charset", header("Content-Type", "application/json; charset=latin1"), 415, "unsupported_media_type"},
		{"a compressed body", header("Content-Encoding", "gzip"), 415, "unsupported_media_type"},
		{"GET", func(m *message) { m.r.Method = http.MethodGet }, 405, "method_not_allowed"},
		{"PUT", func(m *message) { m.r.Method = http.MethodPut }, 405, "method_not_allowed"},
		{"a huge body", func(m *message) { body(m, strings.Repeat("[", 4<<20+1)) }, 413, "payload_too_large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			text, key := w.create(bearer.SecretKey)
			m := &message{w, w.message(matches(text)), text}
			test.change(m)

			rec := w.send(m.r)

			assert.Equal(t, test.status, rec.Code, rec.Body)
			_, reason, _ := refusal(t, rec)
			assert.Equal(t, test.reason, reason)
			assert.Empty(t, rec.Header().Get("WWW-Authenticate"))
			assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			if test.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "POST", rec.Header().Get("Allow"))
			}
			assert.NotContains(t, rec.Body.String(), text)
			assert.Equal(t, http.StatusOK, w.check(text))
			stored, err := w.GetKey(t.Context(), issuer.Operator("acme"), key.ID)
			require.NoError(t, err)
			assert.Equal(t, key, stored)
			assert.Empty(t, w.told())
		})
	}
}

// A signature with the other of its two values of s is of the same body by the same
// key, and does no more.
func TestGitHubMalleableSignature(t *testing.T) {
	w := newWorld(t)
	text, _ := w.create(bearer.SecretKey)
	digest := sha256.Sum256([]byte(matches(text)))
	r, s, err := ecdsa.Sign(rand.Reader, w.github.keys[w.github.first], digest[:])
	require.NoError(t, err)
	for range 2 {
		m := w.message(matches(text))
		m.Header.Set("Github-Public-Key-Signature", base64.StdEncoding.EncodeToString(derOf(r, s)))
		assert.Equal(t, []string{truePositive}, labels(t, w.send(m)))
		s.Sub(elliptic.P256().Params().N, s)
	}
	assert.Len(t, w.told(), 2)
}

// derOf returns the ASN.1 of two numbers.
func derOf(numbers ...*big.Int) []byte {
	var content []byte
	for _, n := range numbers {
		b := append([]byte{0}, n.Bytes()...)
		if b[1] < 0x80 {
			b = b[1:]
		}
		content = append(append(content, 2, byte(len(b))), b...)
	}
	return append([]byte{0x30, byte(len(content))}, content...)
}

// TestGitHubBodies proves what is read of a body that GitHub signed.
func TestGitHubBodies(t *testing.T) {
	tests := []struct {
		name, body string // KEY: the text of a live key
		status     int
		want       []string
	}{
		{"empty", `[]`, 200, []string{}},
		{"of before there were sources", `[{"token":"KEY","type":"t","url":"u"}]`, 200, []string{truePositive}},
		{"more members", `[{"token":"KEY","type":"t","url":"","source":"x","line":{"a":[1]}}]`, 200, []string{truePositive}},
		{"null", `[{"token":"KEY","type":null,"url":null,"source":null}]`, 200, []string{truePositive}},
		{"members of other types", `[{"token":"KEY","type":1,"url":{"a":1},"source":[]}]`, 200, []string{truePositive}},
		{"elements of other types", `[1,"x",null,[{"token":"a"}],{"token":2},{},{"token":"KEY"}]`, 200, []string{truePositive}},
		{"an odd source", `[{"token":"KEY","source":"a\nb"},{"token":"x","source":"` + strings.Repeat("a", 99) + `"}]`, 200, []string{truePositive, falsePositive}},
		{"NUL", `[{"token":"KEY\u0000"}]`, 200, []string{falsePositive}},
		{"half a surrogate pair", `[{"token":"\ud800KEY"}]`, 200, []string{falsePositive}},
		{"no UTF-8", "[{\"token\":\"\xffKEY\"},{\"token\":\"KEY\"}]", 200, []string{falsePositive, truePositive}},
		{"spaces", " [ {\"token\" : \"KEY\"} ] \n", 200, []string{truePositive}},
		{"nothing", ``, 400, nil},
		{"an object", `{"token":"KEY"}`, 400, nil},
		{"null alone", `null`, 400, nil},
		{"a text", `"KEY"`, 400, nil},
		{"two values", `[{"token":"KEY"}][]`, 400, nil},
		{"half of it", `[{"token":"KEY"}`, 400, nil},
		{"deep", strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000), 400, nil},
		{"too many", `[{}` + strings.Repeat(`,{}`, 20_000) + `]`, 413, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			text, _ := w.create(bearer.SecretKey)
			rec := w.send(w.message(strings.ReplaceAll(test.body, "KEY", text)))
			require.Equal(t, test.status, rec.Code, rec.Body)
			if test.status == http.StatusOK {
				assert.Equal(t, test.want, labels(t, rec))
			}
		})
	}
}

// TestGitHubBatch proves that thousands of matches are seen to in one message, over
// a store that takes its time.
func TestGitHubBatch(t *testing.T) {
	const keys, others = 200, 4800
	synctest.Test(t, func(t *testing.T) {
		store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
		w := newWorld(t, func(s *setup) { s.issuer.Store = store })
		texts := make([]string, 0, keys+others)
		for range keys {
			text, _ := w.create(bearer.SecretKey)
			texts = append(texts, text)
		}
		for range others {
			text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
			texts = append(texts, text)
		}
		slow := func(context.Context) error {
			time.Sleep(10 * time.Millisecond)
			return nil
		}
		store.Before("", slow)
		start := time.Now()
		got := labels(t, w.send(w.message(matches(texts...))))
		assert.Less(t, time.Since(start), 5*time.Second)
		for i, label := range got {
			assert.Equal(t, i < keys, label == truePositive)
		}
		assert.Len(t, w.told(), 2*keys)
	})
}

// TestGitHubOutage proves that a message is answered with 503 if the store is out
// of order, that what can be done is done, and the rest with the next message.
func TestGitHubOutage(t *testing.T) {
	unknown := func(n int) (texts []string) {
		for range n {
			text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
			texts = append(texts, text)
		}
		return texts
	}
	failing := func(d time.Duration) func(context.Context) error {
		start := time.Now()
		return func(context.Context) error {
			if time.Since(start) < d {
				return errBroken
			}
			return nil
		}
	}
	for _, row := range []struct {
		name   string
		method string
		before func() func(context.Context) error
		tokens int
		status int
		least  time.Duration // how long the answer takes
		most   time.Duration
		calls  int // of the store, at most
	}{
		{"one report", "ReplaceKey", func() func(context.Context) error {
			var once sync.Once
			return func(context.Context) (err error) {
				once.Do(func() { err = errBroken })
				return err
			}
		}, 10, 200, time.Second, time.Second, 100},
		{"a failover", "", func() func(context.Context) error { return failing(3 * time.Second) }, 1000, 200, 4 * time.Second, 4 * time.Second, 1200},
		{"an outage", "", func() func(context.Context) error { return failing(time.Hour) }, 1000, 503, 10 * time.Second, 10 * time.Second, 4 * 50},
		{"a store that hangs", "KeyByHash", func() func(context.Context) error {
			return func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}
		}, 1000, 503, 20 * time.Second, 26 * time.Second, 200},
		{"a store that is too slow", "KeyByHash", func() func(context.Context) error {
			return func(context.Context) error {
				time.Sleep(time.Second)
				return nil
			}
		}, 1000, 503, 25 * time.Second, 26 * time.Second, 1000},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
				w := newWorld(t, func(s *setup) { s.issuer.Store = store })
				text, _ := w.create(bearer.SecretKey)
				texts := append(unknown(row.tokens-1), text)
				store.Calls()
				store.Before(row.method, row.before())
				start := time.Now()

				rec := w.send(w.message(matches(texts...)))

				assert.Equal(t, row.status, rec.Code)
				took := time.Since(start)
				assert.GreaterOrEqual(t, took, row.least)
				assert.LessOrEqual(t, took, row.most)
				assert.LessOrEqual(t, len(store.Calls()), row.calls)
				time.Sleep(time.Second) // the calls that are under way
				store.Before(row.method, nil)
				if row.status != http.StatusOK {
					assert.NotEmpty(t, rec.Header().Get("Retry-After"))
					assert.NotContains(t, rec.Body.String(), errBroken.Error())
					rec = w.send(w.message(matches(texts...)))
				}
				assert.Equal(t, truePositive, labels(t, rec)[row.tokens-1])
				assert.Equal(t, http.StatusUnauthorized, w.check(text))
				assert.Len(t, w.told(), 2)
			})
		})
	}
}

// A key that cannot be revoked keeps no other from being revoked.
func TestGitHubBrokenRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) {
			s.github.Decide = func(_ context.Context, key issuer.APIKey) (issuer.LeakAction, error) {
				if key.Name == "broken" {
					return issuer.RevokeLeaked, errBroken
				}
				return issuer.RevokeLeaked, nil
			}
		})
		text, _ := w.create(bearer.SecretKey)
		broken, _, err := w.CreateKey(t.Context(), issuer.Operator("acme"), issuer.APIKey{Name: "broken", Kind: bearer.SecretKey})
		require.NoError(t, err)
		assert.Equal(t, http.StatusServiceUnavailable, w.send(w.message(matches(broken, text))).Code)
		assert.Equal(t, http.StatusUnauthorized, w.check(text))
		assert.Equal(t, http.StatusOK, w.check(broken))
	})
}

// TestGitHubDecide proves that the application decides.
func TestGitHubDecide(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.github.Decide = func(context.Context, issuer.APIKey) (issuer.LeakAction, error) { return issuer.FlagLeaked, nil }
	})
	text, key := w.create(bearer.SecretKey)
	assert.Equal(t, []string{truePositive}, labels(t, w.send(w.message(matches(text)))))
	assert.Equal(t, http.StatusOK, w.check(text))
	stored, err := w.GetKey(t.Context(), issuer.Operator("acme"), key.ID)
	require.NoError(t, err)
	assert.Equal(t, "leaked: github:content; secret "+key.Secrets[0].ID, stored.Reason)
}

// TestGitHubAtOnce proves that a hundred messages of one key at once revoke it once.
func TestGitHubAtOnce(t *testing.T) {
	w := newWorld(t)
	text, _ := w.create(bearer.SecretKey)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { assert.Equal(t, []string{truePositive}, labels(t, w.send(w.message(matches(text))))) })
	}
	all.Wait()
	assert.Len(t, w.told(), 2)
	assert.Equal(t, int32(1), w.github.fetches.Load(), "all wait for one fetch")
}

// TestNothingShows proves that no answer, event, error or print holds a key or the
// token of GitHub's API.
func TestNothingShows(t *testing.T) {
	const token = "ghp_x"
	config := leak.GitHubConfig{Token: token}
	var lines bytes.Buffer
	slog.New(slog.NewTextHandler(&lines, nil)).Info("x", "config", config)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&lines, verb, config)
		fmt.Fprintf(&lines, verb, &config)
	}
	assert.NotContains(t, lines.String(), token)

	var refused []string
	w := newWorld(t, func(s *setup) {
		s.issuer.ErrorHandler = func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
			refused = append(refused, e.Error())
			bearer.WriteError(w, r, e)
		}
	})
	text, _ := w.create(bearer.SecretKey)
	w.send(w.message(`{"token":"` + text + `"}`))
	w.send(w.message(matches(text)))
	w.report("192.0.2.1:1", `{"key":"`+text+`","x":1}`)
	w.report("192.0.2.1:1", `{"key":"`+text+`","source":"`+text+`"}`)
	told, err := json.Marshal(w.told())
	require.NoError(t, err)
	require.Len(t, refused, 3)
	assert.NotContains(t, string(told)+strings.Join(refused, " "), text)
}

// TestConfigs proves which configs cannot work.
func TestConfigs(t *testing.T) {
	iss, err := issuer.New(issuer.Config{})
	require.NoError(t, err)
	for url, isGood := range map[string]bool{
		"": true, "https://github.example/api/v3/meta/public_keys/secret_scanning": true, "http://127.0.0.1:8080/": true,
		"http://localhost/": true, "http://[::1]/": true, "http://github.example/": false, "https://me:x@github.example/": false,
		"/keys": false, "file:///etc": false, "://": false, "http://0.0.0.0/": false,
	} {
		_, err := leak.GitHub(iss, leak.GitHubConfig{KeysURL: url})
		assert.Equal(t, isGood, err == nil, url)
	}
	for limit, isGood := range map[bearer.Limit]bool{
		{}: true, bearer.Unlimited: true, bearer.PerMinute(1): true, bearer.PerMinute(0): false, {Rate: 1}: false, {Burst: 1}: false,
	} {
		_, err := leak.Reports(iss, leak.ReportsConfig{Limit: limit})
		assert.Equal(t, isGood, err == nil, limit)
	}
	_, err = leak.GitHub(nil, leak.GitHubConfig{})
	assert.Error(t, err)
	_, err = leak.Reports(nil, leak.ReportsConfig{})
	assert.Error(t, err)
}

// A ClientIP that panics is an outage.
func TestClientIPPanics(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.issuer.ClientIP = func(*http.Request) netip.Addr { panic("x") } })
	text, _ := w.create(bearer.SecretKey)
	assert.Equal(t, http.StatusServiceUnavailable, w.send(w.message(matches(text))).Code)
	assert.Equal(t, http.StatusOK, w.check(text))
}
