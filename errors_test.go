package bearer_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A refusalCase is one row of the error table, and a request that leads to it.
type refusalCase struct {
	reason    string
	status    int
	code      bearer.Code
	challenge string
	retry     string // Retry-After

	config bearer.Config
	scopes []bearer.Scope
	fields []string
}

// refusalCases are the rows of the error table, in its order.
func refusalCases(t *testing.T) []refusalCase {
	t.Helper()
	const (
		bare    = `Bearer realm="api"`
		request = bare + `, error="invalid_request"`
		invalid = bare + `, error="invalid_token"`
		expired = invalid + `, error_description="The access token has expired"`
		scope   = bare + `, error="insufficient_scope", scope="tokens:read wallets:read"`
	)
	now := time.Now()
	good, goodKey := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	public, publicKey := newKey(bearer.PublishableKey, bearer.Live)
	revoked, revokedKey := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.RevokedAt = now })
	old, oldKey := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.ExpiresAt = now })
	bound, boundKey := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) {
		k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}
	})
	keys := bearer.Config{Keys: bearer.NewMemoryStore(goodKey, publicKey, revokedKey, oldKey, boundKey)}
	a := newAuthority()
	tokens := bearer.Config{JWT: []bearer.JWT{a.config()}}
	with := func(c bearer.Config, change func(*bearer.Config)) bearer.Config {
		change(&c)
		return c
	}
	limiter := func(u bearer.Usage, err error) bearer.Config {
		return with(keys, func(c *bearer.Config) {
			c.Limiter = limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { return u, err })
		})
	}
	denylist, noKeys := a.config(), a.config()
	denylist.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
		return bearer.Session{Ended: true}, nil
	}
	noKeys.Keyfunc = func(*jwt.Token) (any, error) { return nil, errDatabase }
	broken := storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return nil, errDatabase })
	wait := bearer.Usage{Wait: 2100 * time.Millisecond, Reset: 99 * time.Second}
	one := func(text string) []string { return []string{"Bearer " + text} }
	two := []bearer.Scope{"tokens:read", "wallets:read"}
	fresh := a.token(t, nil)
	late := a.token(t, map[string]any{"exp": now.Unix()})

	return []refusalCase{
		{"malformed_credentials", 400, "invalid_request", request, "", keys, nil, one("<script>alert(1)</script>")},
		{"multiple_credentials", 400, "invalid_request", request, "", keys, nil, append(one(good), one(good)...)},
		{"credential_too_long", 400, "invalid_request", request, "", keys, nil, one(strings.Repeat("a", 8193))},
		{"missing_credentials", 401, "unauthorized", bare, "", keys, nil, nil},
		{"invalid_api_key", 401, "unauthorized", invalid, "", keys, nil, one(unknown)},
		{"key_revoked", 401, "unauthorized", invalid, "", keys, nil, one(revoked)},
		{"invalid_token", 401, "unauthorized", invalid, "", tokens, nil, one(mistyped(fresh))},
		{"token_revoked", 401, "unauthorized", invalid, "", bearer.Config{JWT: []bearer.JWT{denylist}}, nil, one(fresh)},
		{"wrong_credential_type", 401, "unauthorized", invalid, "", tokens, nil, one(good)},
		{"token_expired", 401, "token_expired", expired, "", tokens, nil, one(late)},
		{"scope_insufficient", 403, "forbidden", scope, "", keys, two, one(good)},
		{"secret_key_required", 403, "forbidden", "", "", with(keys, func(c *bearer.Config) { c.SecretOnly = true }), nil, one(public)},
		{"environment_mismatch", 403, "forbidden", "", "", with(keys, func(c *bearer.Config) { c.Environment = bearer.Test }), nil, one(good)},
		{"key_expired", 403, "key_expired", "", "", keys, nil, one(old)},
		{"ip_not_allowed", 403, "ip_not_allowed", "", "", keys, nil, one(bound)},
		{"rate_limit_exceeded", 429, "rate_limit_exceeded", "", "3", limiter(wait, nil), nil, one(good)},
		{"cost_exceeds_limit", 429, "rate_limit_exceeded", "", "", with(keys, func(c *bearer.Config) { c.Cost = func(*http.Request) int { return 101 } }), nil, one(good)},
		{"store_unavailable", 503, "service_unavailable", "", "1", bearer.Config{Keys: broken}, nil, one(good)},
		{"limiter_unavailable", 503, "service_unavailable", "", "1", limiter(bearer.Usage{}, errDatabase), nil, one(good)},
		{"keys_unavailable", 503, "service_unavailable", "", "1", bearer.Config{JWT: []bearer.JWT{noKeys}}, nil, one(fresh)},
	}
}

type writer struct {
	name  string
	write func(http.ResponseWriter, *http.Request, *bearer.Error)
}

var writers = []writer{
	{"WriteError", bearer.WriteError},
	{"WriteStatusMessage", bearer.WriteStatusMessage},
	{"WriteOAuthError", bearer.WriteOAuthError},
	{"WriteProblem", bearer.WriteProblem},
}

// golden compares text with a file, which -update writes.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", "errors", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

// S4.9, S4.12, S2.5: every row of the error table through every writer. Whole
// answers are in testdata/errors.
func TestErrorTable(t *testing.T) {
	for _, row := range refusalCases(t) {
		t.Run(row.reason, func(t *testing.T) {
			var all string
			for _, writer := range writers {
				var seen *bearer.Error
				config := row.config
				config.ErrorHandler = writer.write
				config.Observe = func(_ *http.Request, _ *bearer.Principal, e *bearer.Error) { seen = e }
				r := request(http.MethodGet, "/v1/tokens", "")
				r.Header["Authorization"] = row.fields
				w := serve(newGuard(t, config).Require(row.scopes...)(pass), r)

				require.NotNil(t, seen)
				assert.Equal(t, row.code, seen.Code)
				assert.Equal(t, row.reason, seen.Reason)
				assert.Equal(t, row.status, seen.StatusCode())
				status, challenge := row.status, row.challenge
				if row.reason == "key_expired" && writer.name == "WriteOAuthError" {
					status, challenge = http.StatusUnauthorized, `Bearer realm="api", error="invalid_token"` // RFC 6750
				}
				assert.Equal(t, status, w.Code)
				assert.Equal(t, challenge, w.Header().Get("WWW-Authenticate"))
				assert.Equal(t, row.retry, w.Header().Get("Retry-After"))
				assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
				assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
				answer := dump(w)
				assert.NotContains(t, answer, "10.0.0.7", "no cause")
				assert.NotContains(t, answer, "203.0.113", "no allowed address")
				for _, field := range row.fields {
					assert.NotContains(t, answer, field[len("Bearer "):], "no echo")
				}
				all += "--- " + writer.name + "\n" + answer
			}
			golden(t, row.reason, all)
		})
	}
}

// Errors that no guard makes by itself.
func TestErrorTableWithoutGuard(t *testing.T) {
	for _, row := range []struct {
		name      string
		err       bearer.Error
		status    int
		challenge string
	}{
		{"invalid_credentials", bearer.Error{Code: bearer.CodeInvalidCredentials, Reason: "invalid_credentials"}, 401, `Bearer realm="api"`},
		{"without_reason", bearer.Error{Code: bearer.CodeUnauthorized}, 401, `Bearer realm="api", error="invalid_token"`},
		{"code_of_others", bearer.Error{Code: "teapot", Reason: "short"}, 500, ""},
		{"scope_without_scopes", bearer.Error{Code: bearer.CodeForbidden, Reason: "scope_insufficient"}, 403, `Bearer realm="api", error="insufficient_scope"`},
		{"scope_with_a_quote", bearer.Error{Code: bearer.CodeForbidden, Reason: "scope_insufficient", Scopes: `a"b`}, 403, `Bearer realm="api", error="insufficient_scope"`},
		{"retry_rounded_up", bearer.Error{Code: bearer.CodeServiceUnavailable, Reason: "store_unavailable", RetryAfter: 1001 * time.Millisecond}, 503, ""},
		{"quota", bearer.Error{
			Code: bearer.CodeRateLimitExceeded, Reason: "rate_limit_exceeded", RetryAfter: time.Nanosecond,
			Usage: bearer.Usage{Limit: bearer.PerSecond(100), Wait: time.Nanosecond},
		}, 429, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var all string
			for _, writer := range writers {
				w := httptest.NewRecorder()
				writer.write(w, httptest.NewRequest(http.MethodGet, "/", nil), &row.err)
				assert.Equal(t, row.status, w.Code)
				assert.Equal(t, row.challenge, w.Header().Get("WWW-Authenticate"))
				all += "--- " + writer.name + "\n" + dump(w)
			}
			golden(t, row.name, all)
		})
	}
}

// An application that writes errors of its own gets a well-formed answer from
// any of them.
func TestWritersOfOddErrors(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    *bearer.Error
		status int
		code   string
	}{
		{"nil", nil, 500, ""},
		{"zero", &bearer.Error{}, 500, ""},
		{"a code of the application", &bearer.Error{Code: "teapot"}, 500, "teapot"},
		{"a code to be quoted", &bearer.Error{Code: "a\"b\\c\n<é\xff", Reason: "\"}"}, 500, "a\"b\\c\n<é\ufffd"},
		{"a reason of the application", &bearer.Error{Code: bearer.CodeForbidden, Reason: "closed"}, 403, "forbidden"},
	} {
		for _, writer := range writers {
			t.Run(row.name+"/"+writer.name, func(t *testing.T) {
				w := httptest.NewRecorder()
				writer.write(w, nil, row.err)
				assert.Equal(t, row.status, w.Code)
				assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
				var body struct {
					Code  string          `json:"code"`
					Error json.RawMessage `json:"error"`
				}
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), "%s", w.Body)
				switch writer.name {
				case "WriteError":
					require.NoError(t, json.Unmarshal(body.Error, &body))
					fallthrough
				case "WriteProblem":
					assert.Equal(t, row.code, body.Code)
				}
			})
		}
	}
}

// RFC 9110 section 15.5.2, also for codes that no guard uses.
func TestEvery401HasAChallenge(t *testing.T) {
	for _, code := range []bearer.Code{
		bearer.CodeUnauthorized, bearer.CodeTokenExpired, bearer.CodeInvalidCredentials, bearer.CodeInvalidRefreshToken,
	} {
		for _, writer := range writers {
			if code == bearer.CodeInvalidRefreshToken && writer.name == "WriteOAuthError" {
				continue // it is a 400 there
			}
			w := httptest.NewRecorder()
			writer.write(w, httptest.NewRequest(http.MethodGet, "/", nil), &bearer.Error{Code: code})
			require.Equal(t, http.StatusUnauthorized, w.Code)
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), `Bearer realm="api"`)
		}
	}
}

func TestStatusMessageHasTwoMembers(t *testing.T) {
	const wrong = "Access token has expired or is invalid."
	for _, row := range []struct {
		name string
		err  bearer.Error
		want string
	}{
		{"S2.5 unknown", bearer.Error{Code: bearer.CodeUnauthorized, Reason: "invalid_api_key"}, wrong},
		{"S2.5 revoked", bearer.Error{Code: bearer.CodeUnauthorized, Reason: "key_revoked"}, wrong},
		{"S2.5 expired JWT", bearer.Error{Code: bearer.CodeTokenExpired, Reason: "token_expired"}, wrong},
		{"S2.5 expired key", bearer.Error{Code: bearer.CodeKeyExpired, Reason: "key_expired"}, wrong},
		{"S2.5 none", bearer.Error{Code: bearer.CodeUnauthorized, Reason: "missing_credentials"}, "This resource needs a bearer credential."},
		{"S2.5 another type", bearer.Error{Code: bearer.CodeUnauthorized, Reason: "wrong_credential_type"}, "This resource does not accept this type of credential."},
		{"S2.5 forbidden", bearer.Error{Code: bearer.CodeForbidden, Reason: "scope_insufficient"}, "The credential lacks a required scope."},
		{"S2.5 limited", bearer.Error{Code: bearer.CodeRateLimitExceeded}, "Too many requests. Try again later."},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			bearer.WriteStatusMessage(w, httptest.NewRequest(http.MethodGet, "/", nil), &row.err)
			var body map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			assert.Equal(t, map[string]any{"status": false, "message": row.want}, body)
		})
	}
}

func TestRefusalReplacesFieldsOfAnotherAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	for name, value := range map[string]string{
		"Content-Length": "4096", "Content-Encoding": "gzip", "ETag": `"x"`, "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
		"Content-Type": "text/html", "Cache-Control": "public, max-age=3600", "Vary": "Origin",
	} {
		w.Header().Set(name, value)
	}
	bearer.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), &bearer.Error{Code: bearer.CodeForbidden})
	assert.Equal(t, http.Header{
		"Content-Type":           {"application/json"},
		"Content-Encoding":       {"gzip"}, // of a middleware that compresses what is written
		"Cache-Control":          {"no-store"},
		"X-Content-Type-Options": {"nosniff"},
		"Vary":                   {"Origin"},
	}, w.Header())
}

type compressor struct {
	http.ResponseWriter

	z *gzip.Writer
}

func (c compressor) Write(b []byte) (int, error) { return c.z.Write(b) }

// A middleware in front that compresses the body has set Content-Encoding
// already: a refusal keeps it.
func TestRefusalBehindACompressor(t *testing.T) {
	_, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	w := httptest.NewRecorder()
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	guard.Handler(pass).ServeHTTP(compressor{w, z}, request(http.MethodGet, "/", ""))
	require.NoError(t, z.Close())
	assert.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	_, err := gzip.NewReader(w.Body)
	assert.NoError(t, err)
}

// The fields of a refusal are set before ErrorHandler is called, so that one
// that writes its own body needs to set none.
func TestErrorHandlerFindsTheFieldsSet(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = bearer.PerSecond(1) })
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(key),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			http.Error(w, e.Message(), e.StatusCode())
		},
	})
	w := get(guard.Handler(pass), "")
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, `Bearer realm="api"`, w.Header().Get("WWW-Authenticate"))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	get(guard.Handler(pass), text)
	w = get(guard.Handler(pass), text)
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
	assert.NotEmpty(t, w.Header().Get("RateLimit"))
}

func TestErrorText(t *testing.T) {
	guard := newGuard(t, bearer.Config{Keys: storeFunc(
		func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return nil, errDatabase },
	)})
	text, _ := newKey(bearer.SecretKey, bearer.Live)
	_, err := guard.Check(request(http.MethodGet, "/", text))

	require.Error(t, err)
	assert.Equal(t, "bearer: service_unavailable: store_unavailable: "+errDatabase.Error(), err.Error())
	assert.ErrorIs(t, err, errDatabase, "operators get the cause")
	assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(fmt.Errorf("wrapped: %w", err)))
	assert.Equal(t, "bearer: key_expired", (&bearer.Error{Code: bearer.CodeKeyExpired, Reason: "key_expired"}).Error())
	assert.Equal(t, "bearer: forbidden", (&bearer.Error{Code: bearer.CodeForbidden}).Error())
	assert.Empty(t, bearer.CodeOf(errDatabase))
	assert.Empty(t, bearer.CodeOf(nil))
	assert.Empty(t, bearer.CodeOf((*bearer.Error)(nil)))
}

func TestMessage(t *testing.T) {
	for _, row := range []struct {
		name string
		err  bearer.Error
		want string
	}{
		{"by reason", bearer.Error{Code: bearer.CodeForbidden, Reason: "secret_key_required"}, "This operation needs a secret API key."},
		{"by code", bearer.Error{Code: bearer.CodeKeyExpired, Reason: "of another"}, "The API key has expired."},
		{"by status", bearer.Error{Code: bearer.CodeForbidden, Reason: "of another"}, "Forbidden."},
		{"of nothing", bearer.Error{}, "Internal Server Error."},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, row.err.Message())
		})
	}
}

func TestRealm(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped(""))
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), Realm: "acme api, v1"})
	for _, row := range []struct {
		name       string
		credential string
		want       string
	}{
		{"missing", "", `Bearer realm="acme api, v1"`},
		{"malformed", "a b", `Bearer realm="acme api, v1", error="invalid_request"`},
		{"unknown", "a", `Bearer realm="acme api, v1", error="invalid_token"`},
		{"scope", text, `Bearer realm="acme api, v1", error="insufficient_scope", scope="tokens:read"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := get(guard.Require("tokens:read")(pass), row.credential)
			assert.Equal(t, row.want, w.Header().Get("WWW-Authenticate"))
			w = get(guard.Handler(guard.Require("tokens:read")(pass)), row.credential)
			assert.Equal(t, row.want, w.Header().Get("WWW-Authenticate"), "nested")
		})
	}
}

// What is wrong with a record is told in the cause, for who keeps the records.
func TestCausesOfRecords(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*bearer.Key)
		want   string
	}{
		{"scopes", scoped("b"), "bearer: forbidden: scope_insufficient"},
		{"scopes of an array", scoped("{a,b}"), `bearer: forbidden: scope_insufficient: ` +
			`the scopes of the key are "{a,b}": spaces separate scopes, and nothing else does`},
		{"a limit without a burst", func(k *bearer.Key) { k.Limit = bearer.Limit{Rate: 10} },
			"bearer: rate_limit_exceeded: the limit lets nothing through: rate 10, burst 0"},
	} {
		text, key := newKey(bearer.SecretKey, bearer.Live, row.change)
		_, err := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Check(request(http.MethodGet, "/", text), "a")
		assert.EqualError(t, err, row.want, row.name)
	}
}
