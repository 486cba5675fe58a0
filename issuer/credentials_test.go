package issuer_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// UUIDs that clients choose.
const (
	uuidA = "0b5f1a52-6d0e-4b8e-9f4e-0a4f2c1d3e5a"
	uuidB = "6f2c9d1e-3b7a-4c58-8d21-7e9f0a1b2c3d"
)

// A secret that a client chose: 32 characters.
var chosenSecret = strings.Repeat("ü7", 16)

var isUUID4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// The body of the refusal of a pair.
const invalidCredentials = `{"error":{"type":"authentication_error","code":"invalid_credentials",` +
	`"reason":"invalid_credentials","message":"The credentials are not valid.","status":401}}`

func bearerField(token string) string { return "Authorization: Bearer " + token }

// put asks for the replacement of a credential.
func (w *clientWorld) put(token, body string, fields ...string) *httptest.ResponseRecorder {
	return w.send(http.MethodPut, "/auth/credentials", body, append(fields, bearerField(token))...)
}

// pairBody is the body of a replacement.
func pairBody(key, secret string) string {
	body, _ := json.Marshal(map[string]string{"apiKey": key, "apiSecret": secret})
	return string(body)
}

func TestCredentialToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClientWorld(t)
		secret, c := w.client(issuer.Client{Credential: true, Scopes: "read", Environment: bearer.Live})
		assert.Regexp(t, isUUID4, c.ID)
		assert.GreaterOrEqual(t, len(secret), 32)
		w.told()

		rec := w.exchange(c.ID, secret) // S0.3
		require.Equal(t, http.StatusOK, rec.Code, rec.Body)
		assertSecretAnswer(t, rec)
		got := decoded(t, rec)
		token, _ := got["token"].(string)
		claims := jwt.MapClaims{}
		_, _, err := jwt.NewParser().ParseUnverified(token, claims)
		require.NoError(t, err)
		assert.Equal(t, claims["exp"], got["expiresAt"], "S0.4")
		assert.EqualValues(t, time.Now().Add(time.Hour).Unix(), got["expiresAt"])
		assert.Equal(t, "Bearer", got["tokenType"])
		assert.Len(t, got, 3)
		assert.Equal(t, "credential:"+c.ID, claims["sub"])
		assert.Equal(t, "live", claims["env"], "S0.11")
		assert.Equal(t, "read", claims["scope"])
		assert.Equal(t, []string{"token.issued"}, w.told())
		assert.Equal(t, http.StatusOK, w.status(w.guard(), token), "S0.1")

		assert.Equal(t, http.StatusOK, w.exchange(strings.ToUpper(c.ID), secret).Code, "in upper case")
		rec = w.send(http.MethodPost, "/auth/token", `{"apiKey":"`+c.ID+`","apiSecret":"`+secret+`","x":[1]}`, isJSON)
		assert.Equal(t, http.StatusOK, rec.Code, "members that are not known")
		time.Sleep(time.Hour)
		assert.Equal(t, http.StatusUnauthorized, w.status(w.guard(), token))
	})
}

func TestCredentialTokenRefusals(t *testing.T) { // S0.5
	w := newClientWorld(t)
	secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	goneSecret, gone := w.client(issuer.Client{Credential: true, Scopes: "read"})
	require.NoError(t, w.DeleteClient(t.Context(), w.by, gone.ID))
	appSecret, _ := w.client(issuer.Client{ID: uuidA, Scopes: "read"})
	tests := []struct {
		name        string
		key, secret string
	}{
		{"an unknown apiKey", uuidB, secret},
		{"a wrong secret", c.ID, secret + "x"},
		{"an empty secret", c.ID, ""},
		{"a deleted credential", gone.ID, goneSecret},
		{"an OAuth client", uuidA, appSecret},
		{"no UUID", "app", secret},
		{"an empty apiKey", "", secret},
		{"a UUID in braces", "{" + c.ID + "}", secret},
		{"a UUID with a space", c.ID + " ", secret},
		{"both empty", "", ""},
	}
	first := ""
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := w.exchange(tt.key, tt.secret)
			assert.Equal(t, http.StatusUnauthorized, rec.Code)
			body := rec.Body.String()
			assert.JSONEq(t, invalidCredentials, body)
			assert.Equal(t, cmp.Or(first, body), body, "the same bytes")
			first = body
			assert.NotEmpty(t, rec.Header().Get("WWW-Authenticate"))
		})
	}

	malformed := []struct{ name, body, param string }{
		{"no apiKey", `{"apiSecret":"x"}`, "apiKey"},
		{"no apiSecret", `{"apiKey":"x"}`, "apiSecret"},
		{"nothing", `{}`, "apiKey"},
		{"a number", `{"apiKey":1,"apiSecret":"x"}`, "apiKey"},
		{"null", `{"apiKey":"x","apiSecret":null}`, "apiSecret"},
		{"an array", `{"apiKey":"x","apiSecret":["x"]}`, "apiSecret"},
		{"twice", `{"apiKey":"x","apiSecret":"x","apiKey":"y"}`, "apiKey"},
		{"no object", `["x"]`, ""},
		{"no JSON", `apiKey=x`, ""},
		{"no body", ``, ""},
	}
	for _, tt := range malformed {
		t.Run(tt.name, func(t *testing.T) {
			rec := w.send(http.MethodPost, "/auth/token", tt.body, isJSON)
			assert.Equal(t, http.StatusBadRequest, rec.Code)
			e, _ := decoded(t, rec)["error"].(map[string]any)
			if tt.param != "" {
				assert.Equal(t, tt.param, e["param"])
			}
		})
	}
	rec := w.send(http.MethodPost, "/auth/token?apiKey="+c.ID+"&apiSecret="+secret, `{}`, isJSON)
	assert.Equal(t, http.StatusBadRequest, rec.Code, "S0.6")
}

// A credential is good at /auth/token alone, and its parts are no tokens.
func TestCredentialElsewhere(t *testing.T) {
	w := newClientWorld(t)
	secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	rec := w.post("/oauth/token", clientGrant, basicField(c.ID, secret))
	assert.Equal(t, http.StatusUnauthorized, rec.Code)
	for _, text := range []string{c.ID, secret} { // S0.2
		assert.Equal(t, http.StatusUnauthorized, w.status(w.guard(), text))
		assert.Equal(t, http.StatusUnauthorized, w.put(text, "").Code)
	}
	_, _, err := w.RotateClientSecret(t.Context(), w.by, c.ID, 0)
	assert.ErrorIs(t, err, issuer.ErrConflict)
}

func TestReplaceCredential(t *testing.T) { // S0.7, S0.8
	tests := []struct {
		name   string
		body   string
		fields []string
		chosen bool
	}{
		{"nothing", "", nil, false},
		{"an empty object", "{}", []string{isJSON}, false},
		{"null members", `{"apiKey":null,"apiSecret":null}`, []string{isJSON}, false},
		{"a pair", pairBody(uuidA, chosenSecret), []string{isJSON}, true},
		{"a pair in upper case", pairBody(strings.ToUpper(uuidA), chosenSecret), []string{isJSON}, true},
		{"a UUID of version 7", pairBody("01890a5d-ac96-774b-bcce-b302099a8057", chosenSecret), []string{isJSON}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newClientWorld(t)
			secret, old := w.client(issuer.Client{Credential: true, Name: "n", Scopes: "read", Environment: bearer.Live})
			guard := w.guard()
			first, second := w.pairToken(old.ID, secret), w.pairToken(old.ID, secret)
			for _, token := range []string{first, second} {
				require.Equal(t, http.StatusOK, w.status(guard, token))
			}
			w.told()

			rec := w.put(first, tt.body, tt.fields...)
			var next struct{ APIKey, APISecret string }
			if tt.chosen {
				require.Equal(t, http.StatusNoContent, rec.Code, rec.Body)
				assert.Empty(t, rec.Body.String())
				require.NoError(t, json.Unmarshal([]byte(tt.body), &next))
			} else {
				require.Equal(t, http.StatusOK, rec.Code, rec.Body)
				assertSecretAnswer(t, rec)
				require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &next))
				assert.Len(t, decoded(t, rec), 2)
				assert.Regexp(t, isUUID4, next.APIKey)
				assert.GreaterOrEqual(t, len(next.APISecret), 32)
			}
			assert.Equal(t, []string{"credential.replaced"}, w.told())
			for _, token := range []string{first, second} {
				assert.Equal(t, http.StatusUnauthorized, w.status(guard, token), "S0.8")
				assert.Equal(t, http.StatusUnauthorized, w.put(token, "").Code)
			}
			assert.Equal(t, http.StatusUnauthorized, w.exchange(old.ID, secret).Code)
			assert.Equal(t, http.StatusOK, w.status(guard, w.pairToken(next.APIKey, next.APISecret)))

			got, err := w.GetClient(t.Context(), w.by, strings.ToLower(next.APIKey))
			require.NoError(t, err)
			assert.Equal(t, old.ID, got.Replaces)
			got.ID, got.SecretHash, got.CreatedAt, got.Replaces = old.ID, old.SecretHash, old.CreatedAt, ""
			assert.Equal(t, old, got, "it keeps the rest")
		})
	}
}

func TestReplaceCredentialRefusals(t *testing.T) {
	w := newClientWorld(t)
	secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	_, other := w.client(issuer.Client{Credential: true, Scopes: "read"})
	_, gone := w.client(issuer.Client{Credential: true, Scopes: "read"})
	require.NoError(t, w.DeleteClient(t.Context(), w.by, gone.ID))
	w.client(issuer.Client{ID: uuidB, Scopes: "read"})
	token := w.pairToken(c.ID, secret)
	tests := []struct {
		name   string
		body   string
		fields []string
		status int
		param  string
	}{
		{"31 characters", pairBody(uuidA, strings.Repeat("ü", 31)), []string{isJSON}, 400, "apiSecret"}, // S0.10
		{"an empty secret", pairBody(uuidA, ""), []string{isJSON}, 400, "apiSecret"},
		{"a long secret", pairBody(uuidA, strings.Repeat("x", 1025)), []string{isJSON}, 400, "apiSecret"},
		{"no UUID", pairBody("app", chosenSecret), []string{isJSON}, 400, "apiKey"},
		{"a UUID without hyphens", pairBody(strings.ReplaceAll(uuidA, "-", ""), chosenSecret), []string{isJSON}, 400, "apiKey"},
		{"hyphens elsewhere", pairBody("0b5f1a526-d0e-4b8e-9f4e-0a4f2c1d3e5a", chosenSecret), []string{isJSON}, 400, "apiKey"},
		{"an empty apiKey", pairBody("", chosenSecret), []string{isJSON}, 400, "apiKey"},
		{"apiKey alone", `{"apiKey":"` + uuidA + `"}`, []string{isJSON}, 400, "apiSecret"},
		{"apiSecret alone", `{"apiSecret":"` + chosenSecret + `"}`, []string{isJSON}, 400, "apiKey"},
		{"a number", `{"apiKey":1,"apiSecret":"` + chosenSecret + `"}`, []string{isJSON}, 400, "apiKey"},
		{"another member", `{"apikey":"` + uuidA + `"}`, []string{isJSON}, 400, "apikey"},
		{"no object", `[]`, []string{isJSON}, 400, ""},
		{"no media type", pairBody(uuidA, chosenSecret), nil, 415, ""},
		{"its own", pairBody(c.ID, chosenSecret), []string{isJSON}, 409, ""},
		{"its own in upper case", pairBody(strings.ToUpper(c.ID), chosenSecret), []string{isJSON}, 409, ""},
		{"another's", pairBody(other.ID, chosenSecret), []string{isJSON}, 409, ""},
		{"a deleted one", pairBody(gone.ID, chosenSecret), []string{isJSON}, 409, ""}, // S0.9
		{"an OAuth client's", pairBody(uuidB, chosenSecret), []string{isJSON}, 409, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := w.put(token, tt.body, tt.fields...)
			require.Equal(t, tt.status, rec.Code, rec.Body)
			e, _ := decoded(t, rec)["error"].(map[string]any)
			if tt.param != "" {
				assert.Equal(t, tt.param, e["param"])
			}
			if tt.status == http.StatusConflict {
				assert.Equal(t, "conflict", e["code"])
			}
			assert.Equal(t, http.StatusOK, w.status(w.guard(), token), "nothing was touched")
		})
	}
}

func TestDeleteCredential(t *testing.T) { // S0.9
	w := newClientWorld(t)
	secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	guard := w.guard()
	first, second := w.pairToken(c.ID, secret), w.pairToken(c.ID, secret)
	for _, token := range []string{first, second} {
		require.Equal(t, http.StatusOK, w.status(guard, token))
	}
	w.told()
	rec := w.send(http.MethodDelete, "/auth/credentials", "", bearerField(first))
	assert.Equal(t, http.StatusNoContent, rec.Code)
	assert.Equal(t, []string{"credential.deleted"}, w.told())
	for _, token := range []string{first, second} {
		assert.Equal(t, http.StatusUnauthorized, w.status(guard, token))
		assert.Equal(t, http.StatusUnauthorized, w.send(http.MethodDelete, "/auth/credentials", "", bearerField(token)).Code)
	}
	assert.Equal(t, http.StatusUnauthorized, w.exchange(c.ID, secret).Code)
	_, _, err := w.CreateClient(t.Context(), w.by, issuer.Client{ID: c.ID, Credential: true, Scopes: "read"})
	assert.ErrorIs(t, err, issuer.ErrExists)
}

// Only its own token replaces or deletes a credential.
func TestCredentialCallers(t *testing.T) {
	w := newClientWorld(t)
	appSecret, _ := w.client(issuer.Client{ID: "app", Scopes: "*"})
	key, _, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{Name: "k", Kind: bearer.SecretKey})
	require.NoError(t, err)
	grant, err := w.StartSession(t.Context(), issuer.User{ID: "ann", Scopes: "*"}, "")
	require.NoError(t, err)
	tests := []struct {
		name   string
		fields []string
		status int
	}{
		{"nobody", nil, 401},
		{"an API key", []string{bearerField(key)}, 401},
		{"a client's token", []string{bearerField(w.oauthToken("app", appSecret))}, 403},
		{"a user's token", []string{bearerField(grant.AccessToken)}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, method := range []string{http.MethodPut, http.MethodDelete} {
				assert.Equal(t, tt.status, w.send(method, "/auth/credentials", "", tt.fields...).Code)
			}
		})
	}
}

// Of many replacements at once, one wins; the others are refused as their token
// is. The pair that won is the one that is good.
func TestReplaceCredentialRaces(t *testing.T) {
	for _, name := range []string{"minted", "one pair"} {
		t.Run(name, func(t *testing.T) {
			w := newClientWorld(t)
			for n := range 2 {
				secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
				token := w.pairToken(c.ID, secret)
				body, fields := "", []string(nil)
				if name == "one pair" {
					body, fields = pairBody(uuidA[:24]+fmt.Sprintf("%012d", n), chosenSecret), []string{isJSON}
				}
				var (
					wg   sync.WaitGroup
					mu   sync.Mutex
					good []*httptest.ResponseRecorder
				)
				for range 3 { // no more wait for a hash
					wg.Go(func() {
						rec := w.put(token, body, fields...)
						mu.Lock()
						defer mu.Unlock()
						if rec.Code < http.StatusBadRequest {
							good = append(good, rec)
						} else {
							assert.Equal(t, http.StatusUnauthorized, rec.Code, rec.Body)
						}
					})
				}
				wg.Wait()
				require.Len(t, good, 1)
				if name == "minted" {
					got := decoded(t, good[0])
					w.pairToken(got["apiKey"].(string), got["apiSecret"].(string))
				}
				assert.Equal(t, http.StatusUnauthorized, w.exchange(c.ID, secret).Code)
			}
		})
	}
}
