package bearer_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
)

// A logsBook is all that the guards of a test logged, in every form that an
// application might choose.
type logsBook struct {
	bytes.Buffer
	text, json *slog.Logger
}

func newLogsBook() *logsBook {
	b := new(logsBook)
	b.text = slog.New(slog.NewTextHandler(&b.Buffer, nil))
	b.json = slog.New(slog.NewJSONHandler(&b.Buffer, nil))
	return b
}

// observe is a Config.Observe that logs all it sees.
func (b *logsBook) observe(r *http.Request, p *bearer.Principal, err *bearer.Error) {
	b.text.Info("decision", "method", r.Method, "principal", p, "error", err)
	b.json.Info("decision", "method", r.Method, "principal", p, "error", err)
	show(b, p)
	if p != nil && p.Key != nil {
		show(b, p.Key)
		show(b, *p.Key)
		show(b, p.Key.Hash)
	}
	if err != nil {
		show(b, err)
		show(b, errors.Unwrap(err))
		fmt.Fprintln(b, err.Error(), err.Message())
	}
}

// logsDoor is a guard of which everything may be logged, and its secrets.
type logsDoor struct {
	book    *logsBook
	config  bearer.Config
	keys    map[string]bearer.Key // by text
	secrets [][]byte              // as bytes
	texts   []string              // as sent
}

func newLogsDoor(format bearer.KeyFormat) *logsDoor {
	d := &logsDoor{book: newLogsBook(), keys: make(map[string]bearer.Key)}
	store := new(bearer.MemoryStore)
	for name, change := range map[string]func(*bearer.Key){
		"good":    func(*bearer.Key) {},
		"revoked": func(k *bearer.Key) { k.RevokedAt = time.Now() },
		"expired": func(k *bearer.Key) { k.ExpiresAt = time.Now() },
		"limited": func(k *bearer.Key) { k.Limit = bearer.Limit{Rate: 1e-9, Burst: 1} },
	} {
		text, hash := format.Generate(bearer.SecretKey, bearer.Live)
		key := bearer.Key{ID: "key_" + name, Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: "tokens:read"}
		change(&key)
		d.keys[text] = key
		_ = store.Add(key)
		_ = store.Add(key) // its error is logged below
		show(d.book, store.Add(key))
		show(d.book, store)
	}
	unknown, hash := format.Generate(bearer.PublishableKey, bearer.Test)
	d.keys[unknown] = bearer.Key{Hash: hash}
	show(d.book, store.Update(d.keys[unknown]))
	d.config = bearer.Config{Keys: store, JWT: jwtConfig(), Format: format, Observe: d.book.observe}
	d.secrets = append(d.secrets, jwtTestKeys().secret)
	if format.Pepper != nil {
		d.secrets = append(d.secrets, format.Pepper)
	}
	for text, key := range d.keys {
		d.secrets = append(d.secrets, key.Hash[:])
		d.texts = append(d.texts, text, text[:len(text)-1]+"-", "Basic "+text, text+" "+text)
	}
	return d
}

// tokens adds JWTs of all kinds.
func (d *logsDoor) tokens(t *testing.T) {
	t.Helper()
	claims := jwtClaims.with(`"iat":0`, `"nbf":0`, `"exp":253402300799`)
	for i, fault := range jwtFaults() {
		if i%10 != 0 {
			continue // a log of all of them takes long to search
		}
		payload := strings.ReplaceAll(fault.payload, jwtExp, "253402300799")
		d.texts = append(d.texts, jwtSigned(t, jwt.SigningMethodHS256, jwtTestKeys().secret, fault.header, payload))
	}
	for _, member := range []string{`"x":1`, `"exp":1`, `"sub":"revoked"`, `"sub":"outage"`, `"sub":"panic"`} {
		d.texts = append(d.texts, jwtMinted(t, claims.with(member)))
	}
	d.config.JWT.Cache = 10
	d.config.JWT.Revoked = func(_ context.Context, p *bearer.Principal) (bool, error) {
		switch p.ID {
		case "outage":
			return false, errors.New("connection refused")
		case "panic":
			panic("nil map")
		}
		return p.ID == "revoked", nil
	}
}

// serve sends every text to a guard, in a handler that logs its context.
func (d *logsDoor) serve(t *testing.T, config bearer.Config) {
	t.Helper()
	guard := newGuard(t, config)
	show(d.book, guard)
	show(d.book, *guard)
	show(d.book, config)
	show(d.book, &config)
	show(d.book, config.Format)
	show(d.book, &config.Format)
	h := guard.Handler(guard.Require("tokens:read")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), d, d.book.text))
		defer cancel()
		show(d.book, r.Context())
		show(d.book, ctx)
		show(d.book, bearer.FromContext(ctx))
	})))
	for _, text := range d.texts {
		for _, method := range []string{http.MethodGet, http.MethodPost} { // the second may come from the cache, or be limited
			r := request(method, "/v1/tokens", text)
			w := serve(h, r)
			d.book.Write(w.Body.Bytes())
			fmt.Fprintln(d.book, w.Header())
			_, err := guard.Check(r, "wallets:write")
			show(d.book, err)
		}
		show(d.book, config.Format.Hint(text))
	}
}

// No log, error, answer or print has a key, a token, a hash, a secret or an
// Authorization value: SECURITY, "Logs".
func TestLogsHoldNoSecret(t *testing.T) {
	for _, row := range []struct {
		name   string
		format bearer.KeyFormat
	}{
		{"SHA-256", bearer.KeyFormat{}},
		{"pepper and namespace", bearer.KeyFormat{Namespace: "acme", Pepper: keysPepper()}},
		{"foreign keys", bearer.KeyFormat{Foreign: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newLogsDoor(row.format)
			d.tokens(t)
			d.serve(t, d.config)
			for _, change := range []func(*bearer.Config){
				func(c *bearer.Config) {
					c.Keys = storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return nil, errDatabase })
				},
				func(c *bearer.Config) { c.Keys = nil },
				func(c *bearer.Config) { c.JWT = nil },
				func(c *bearer.Config) { c.FailureLimit = bearer.Limit{Rate: 1e-9, Burst: 3} },
				func(c *bearer.Config) { c.Environment = bearer.Test },
			} {
				config := d.config
				change(&config)
				d.serve(t, config)
			}
			d.assertClean(t)
		})
	}
}

func (d *logsDoor) assertClean(t *testing.T) {
	t.Helper()
	log := d.book.String()
	for _, reason := range []string{ // the log is worth reading
		"invalid_api_key", "key_revoked", "key_expired", "rate_limit_exceeded", "store_unavailable", "connection refused", "nil map",
		"invalid_token", "token_expired", "token_revoked", "malformed_credentials", "wrong_credential_type", "scope_insufficient",
		"environment_mismatch", "secret", "user_1", "key_good", "method=GET", `"method":"POST"`, "[redacted]", "bearer.Guard",
	} {
		assert.Contains(t, log, reason)
	}
	for _, secret := range d.secrets {
		for _, form := range spellings(secret) {
			assertAbsent(t, log, form)
		}
	}
	for _, text := range d.texts {
		assertAbsent(t, log, text)
		for piece := range strings.SplitSeq(text, ".") {
			if len(piece) >= 16 {
				assertAbsent(t, log, piece)
				assertAbsent(t, log, hex.EncodeToString([]byte(piece[len(piece)-16:])))
			}
		}
	}
	for text := range d.keys { // the part behind the public id
		assertAbsent(t, log, text[len(text)-30:len(text)-6])
		assertAbsent(t, log, text[len(text)-12:])
	}
	for _, field := range []string{"Bearer sk", "Bearer pk", "Bearer acme", "Bearer ey", "Bearer Basic"} {
		assertAbsent(t, log, field)
	}
}
