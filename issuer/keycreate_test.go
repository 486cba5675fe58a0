package issuer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// TestParamsOfHostileNames proves that a refusal repeats no name of a member that
// is long or not printable.
func TestParamsOfHostileNames(t *testing.T) {
	w := newKeyWorld(t)
	for name, want := range map[string]string{
		" ": " ", "~": "~", strings.Repeat("a", 64): strings.Repeat("a", 64),
		strings.Repeat("a", 65): "", `\u0007`: "", "\u007f": "", "é": "",
	} {
		a := w.call("POST", "/v1/api_keys", `{"name":"k","type":"secret","`+name+`":1}`)
		assert.Equal(t, http.StatusBadRequest, a.Status, a.Text)
		assert.Equal(t, want, a.param(), "%q", name)
	}
}

// TestMaxKeysBehindDeadOnes proves that live keys are counted although as many
// newer ones as a page holds have expired.
func TestMaxKeysBehindDeadOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t, func(c *issuer.Config) { c.Rules.MaxKeys = 2 })
		for n, ends := range []time.Duration{0, 0, time.Minute, time.Minute} {
			key := issuer.APIKey{Name: "k", Kind: bearer.SecretKey}
			if ends > 0 {
				key.ExpiresAt = time.Now().Add(ends)
			}
			_, err := w.ImportKey(t.Context(), w.by, key, bearer.KeyHash{byte(n + 1)})
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		_, _, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{Name: "k", Kind: bearer.SecretKey})
		assert.Equal(t, bearer.CodeConflict, bearer.CodeOf(err))
	})
}

// TestCreateKey proves S1.1, S4.8 and S4.13: what is chosen and what is not.
func TestCreateKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		a := w.call("POST", "/v1/api_keys", `{"name":" Production \t","type":"secret"}`)

		require.Equal(t, http.StatusCreated, a.Status, a.Text)
		kind, env, err := bearer.KeyFormat{}.Parse(a.text("key"))
		require.NoError(t, err)
		assert.Equal(t, bearer.SecretKey, kind)
		assert.Equal(t, bearer.Test, env)
		assert.Empty(t, w.guard()(a.text("key")))

		list, err := w.store.ListKeys(t.Context(), issuer.KeyQuery{Owner: "acme"})
		require.NoError(t, err)
		require.Len(t, list, 1)
		hash := bearer.KeyFormat{}.Hash(a.text("key"))
		assert.Equal(t, issuer.APIKey{
			ID: a.text("id"), Owner: "acme", Name: "Production", Kind: bearer.SecretKey, Environment: bearer.Test,
			Scopes: bearer.FullAccess, CreatedAt: time.Now().UTC(), CreatedBy: "operator", Version: 1,
			Secrets: []issuer.Secret{{
				ID: list[0].Secrets[0].ID, Hash: hash, Hint: bearer.KeyFormat{}.Hint(a.text("key")), CreatedAt: time.Now().UTC(),
			}},
		}, list[0])
		assert.Regexp(t, "^ak_[a-z2-7]{26}$", list[0].ID)
		assert.Regexp(t, "^[a-z2-7]{26}$", list[0].Secrets[0].ID)
		told := w.told()
		require.Len(t, told, 1)
		assert.Equal(t, "key.created", told[0].Type)
		assert.Equal(t, "operator", told[0].Actor)
		assert.Equal(t, list[0].ID, told[0].Target)
		assert.Equal(t, "acme", told[0].Owner)
		assert.Equal(t, netip.MustParseAddr("192.0.2.1"), told[0].IP)
	})
}

// TestKeyResource proves S4.13: the whole resource, with its members in order.
func TestKeyResource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		w.by = issuer.Caller{ID: "u_1", Owner: "acme", Scopes: bearer.FullAccess, Environment: bearer.Live}
		a := w.call("POST", "/v1/api_keys", `{"name":"<b>","type":"publishable","scopes":["tokens:read","tokens:read","wallets:*"],
			"allowed_ips":["192.0.2.7","::ffff:198.51.100.0/120","2001:db8::/32","192.0.2.7"],
			"allowed_origins":["https://app.example","http://localhost:3000"],
			"expires_at":"2030-01-31T13:00:00.1234567+01:00","metadata":{"b":"2","a":""}}`)
		require.Equal(t, http.StatusCreated, a.Status, a.Text)
		secret := a.JSON["secrets"].([]any)[0].(map[string]any)["id"].(string)
		hint := bearer.KeyFormat{}.Hint(a.text("key"))
		now := "2000-01-01T00:00:00Z"

		want := `{"id":"` + a.text("id") + `","object":"api_key","name":"\u003cb\u003e","type":"publishable",` +
			`"environment":"live","hint":"` + hint + `","scopes":["tokens:read","wallets:*"],"full_access":false,` +
			`"allowed_ips":["192.0.2.7","198.51.100.0/24","2001:db8::/32"],` +
			`"allowed_origins":["https://app.example","http://localhost:3000"],"limit":null,` +
			`"expires_at":"2030-01-31T12:00:00.123456Z","metadata":{"a":"","b":"2"},"disabled":false,"revoked":false,` +
			`"revoked_at":null,"reason":null,"last_used_at":null,"created_at":"` + now + `","created_by":"u_1",` +
			`"secrets":[{"id":"` + secret + `","hint":"` + hint + `","created_at":"` + now + `","ends_at":null,"last_used_at":null}]`

		assert.Equal(t, want+`,"key":"`+a.text("key")+"\"}\n", a.Text)
		assert.Equal(t, want+"}\n", w.call("GET", "/v1/api_keys/"+a.text("id"), "").Text, "the text is shown once (S1.1)")
		assert.Equal(t, `{"data":[`+want+"}],\"next_cursor\":null}\n", w.call("GET", "/v1/api_keys", "").Text)
	})
}

// TestKeyResourceValues proves the members that a new key over HTTP cannot have.
func TestKeyResourceValues(t *testing.T) {
	ago := time.Date(1999, 1, 2, 3, 4, 5, 6000, time.UTC)
	tests := []struct {
		name   string
		change func(*issuer.APIKey)
		member string
		want   string
	}{
		{"full access", func(k *issuer.APIKey) {}, "scopes", `null`},
		{"full access", func(k *issuer.APIKey) {}, "full_access", `true`},
		{"no scopes", func(k *issuer.APIKey) { k.Scopes = "" }, "scopes", `[]`},
		{"no scopes", func(k *issuer.APIKey) { k.Scopes = "" }, "full_access", `false`},
		{"any address", func(k *issuer.APIKey) {}, "allowed_ips", `null`},
		{"any origin", func(k *issuer.APIKey) {}, "allowed_origins", `null`},
		{"no metadata", func(k *issuer.APIKey) {}, "metadata", `{}`},
		{"the guard's limit", func(k *issuer.APIKey) {}, "limit", `null`},
		{"a limit", func(k *issuer.APIKey) { k.Limit = bearer.Limit{Rate: 2.5, Burst: 10} }, "limit", `{"rate":2.5,"burst":10}`},
		{"unlimited", func(k *issuer.APIKey) { k.Limit = bearer.Unlimited }, "limit", `{"unlimited":true}`},
		{"a limit of nothing", func(k *issuer.APIKey) { k.Limit = bearer.PerSecond(0) }, "limit", `{"rate":0,"burst":-1}`},
		{"revoked", func(k *issuer.APIKey) { k.RevokedAt = ago }, "revoked_at", `"1999-01-02T03:04:05.000006Z"`},
		{"revoked", func(k *issuer.APIKey) { k.RevokedAt = ago }, "revoked", `true`},
		{"reason", func(k *issuer.APIKey) { k.Reason = "leaked" }, "reason", `"leaked"`},
		{"used", func(k *issuer.APIKey) { k.LastUsedAt = ago }, "last_used_at", `"1999-01-02T03:04:05.000006Z"`},
		{"no secrets", func(k *issuer.APIKey) { k.Secrets = nil }, "secrets", `[]`},
	}
	for n, test := range tests {
		t.Run(test.name+": "+test.member, func(t *testing.T) {
			w := newKeyWorld(t)
			key := issuer.APIKey{
				ID: fmt.Sprint("ak_", n), Owner: "acme", Name: "a", Kind: bearer.SecretKey, Environment: bearer.Test,
				Scopes: "*", CreatedAt: ago, Secrets: []issuer.Secret{{ID: "a", Hash: bearer.KeyHash{1}, CreatedAt: ago}},
			}
			test.change(&key)
			require.NoError(t, w.store.CreateKey(t.Context(), key))
			a := w.call("GET", "/v1/api_keys/"+key.ID, "")
			require.Equal(t, http.StatusOK, a.Status, a.Text)
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(a.Text), &members))
			assert.Equal(t, test.want, string(members[test.member]))
		})
	}
}

// strings of JSON, n of them.
func jsonList(n int, element func(int) string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = element(i)
	}
	text, _ := json.Marshal(list)
	return string(text)
}

// TestCreateKeyBody proves S4.13 and S4.7: what a body may say. A refusal names
// the member, and nothing is made.
func TestCreateKeyBody(t *testing.T) {
	const some = `"name":"a","type":"secret"`
	pairs := func(n, name, value int) string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("%0*d", name, i)] = strings.Repeat("v", value)
		}
		text, _ := json.Marshal(m)
		return string(text)
	}
	scope := func(size int) func(int) string {
		return func(i int) string { return fmt.Sprintf("%0*d", size, i) }
	}
	address := func(i int) string { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String() }
	origin := func(i int) string { return fmt.Sprintf("https://%d.example", i) }
	tests := []struct {
		name  string
		body  string
		param string // of a 400; "-": 201
	}{
		{"nothing more", some, "-"},
		{"null everywhere", some + `,"environment":null,"scopes":null,"allowed_ips":null,"allowed_origins":null,"expires_at":null,"metadata":null`, "-"},

		{"no name", `"type":"secret"`, "name"},
		{"name: null", `"name":null,"type":"secret"`, "name"},
		{"name: number", `"name":1,"type":"secret"`, "name"},
		{"name: object", `"name":{},"type":"secret"`, "name"},
		{"name: empty", `"name":"","type":"secret"`, "name"},
		{"name: white space", `"name":" \n","type":"secret"`, "name"},
		{"name: 255 bytes", `"name":"` + strings.Repeat("é", 127) + `a","type":"secret"`, "-"},
		{"name: 256 bytes", `"name":"` + strings.Repeat("é", 128) + `","type":"secret"`, "name"},
		{"name: line break", `"name":"a\nb","type":"secret"`, "name"},
		{"name: DEL", `"name":"a\u007fb","type":"secret"`, "name"},
		{"name: C1", `"name":"a\u0085b","type":"secret"`, "name"},
		{"name: NUL", `"name":"a\u0000b","type":"secret"`, "name"},
		{"name: half a pair", `"name":"\ud800","type":"secret"`, "name"},
		{"name: twice", `"name":"a","name":"a","type":"secret"`, "name"},
		{"name: other case", `"Name":"a","type":"secret"`, "Name"},

		{"no type", `"name":"a"`, "type"},
		{"type: null", `"name":"a","type":null`, "type"},
		{"type: token", `"name":"a","type":"token"`, "type"},
		{"type: other case", `"name":"a","type":"Secret"`, "type"},
		{"type: number", `"name":"a","type":1`, "type"},
		{"type: empty", `"name":"a","type":""`, "type"},

		{"environment: test", some + `,"environment":"test"`, "-"},
		{"environment: live", some + `,"environment":"live"`, "-"},
		{"environment: other", some + `,"environment":"prod"`, "environment"},
		{"environment: empty", some + `,"environment":""`, "environment"},
		{"environment: number", some + `,"environment":1`, "environment"},

		{"scopes: one", some + `,"scopes":["social-read-posts"]`, "-"},
		{"scopes: all", some + `,"scopes":["*"]`, "-"},
		{"scopes: none", some + `,"scopes":[]`, "scopes"},
		{"scopes: string", some + `,"scopes":"a"`, "scopes"},
		{"scopes: number in it", some + `,"scopes":["a",1]`, "scopes"},
		{"scopes: null in it", some + `,"scopes":["a",null]`, "scopes"},
		{"scopes: empty one", some + `,"scopes":[""]`, "scopes"},
		{"scopes: two in one", some + `,"scopes":["a b"]`, "scopes"},
		{"scopes: a quote", some + `,"scopes":["a\""]`, "scopes"},
		{"scopes: not ASCII", some + `,"scopes":["é"]`, "scopes"},
		{"scopes: 64", some + `,"scopes":` + jsonList(64, scope(4)), "-"},
		{"scopes: 65", some + `,"scopes":` + jsonList(65, scope(4)), "scopes"},
		{"scopes: 2 KiB", some + `,"scopes":` + jsonList(3, func(i int) string { return strings.Repeat(string(rune('a'+i)), 682) }), "-"},
		{"scopes: 2 KiB and more", some + `,"scopes":` + jsonList(3, func(i int) string { return strings.Repeat(string(rune('a'+i)), 683) }), "scopes"},
		{"scopes: write, for a publishable key", `"name":"a","type":"publishable","scopes":["a:read","a:write"]`, "scopes"},
		{"scopes: wildcard, for a publishable key", `"name":"a","type":"publishable","scopes":["a:*"]`, "-"},
		{"scopes: omitted, for a publishable key", `"name":"a","type":"publishable"`, "-"},

		{"allowed_ips: none", some + `,"allowed_ips":[]`, "allowed_ips"},
		{"allowed_ips: string", some + `,"allowed_ips":"10.0.0.1"`, "allowed_ips"},
		{"allowed_ips: null in it", some + `,"allowed_ips":[null]`, "allowed_ips"},
		{"allowed_ips: name", some + `,"allowed_ips":["localhost"]`, "allowed_ips"},
		{"allowed_ips: empty", some + `,"allowed_ips":[""]`, "allowed_ips"},
		{"allowed_ips: zone", some + `,"allowed_ips":["fe80::1%eth0"]`, "allowed_ips"},
		{"allowed_ips: zone and prefix", some + `,"allowed_ips":["fe80::%eth0/64"]`, "allowed_ips"},
		{"allowed_ips: port", some + `,"allowed_ips":["10.0.0.1:80"]`, "allowed_ips"},
		{"allowed_ips: host bits", some + `,"allowed_ips":["10.0.0.1/8"]`, "allowed_ips"},
		{"allowed_ips: host bits, v6", some + `,"allowed_ips":["2001:db8::1/32"]`, "allowed_ips"},
		{"allowed_ips: host bits, mapped", some + `,"allowed_ips":["::ffff:10.0.0.0/90"]`, "allowed_ips"},
		{"allowed_ips: prefix too long", some + `,"allowed_ips":["10.0.0.0/33"]`, "allowed_ips"},
		{"allowed_ips: leading zeros", some + `,"allowed_ips":["010.0.0.1"]`, "allowed_ips"},
		{"allowed_ips: 100", some + `,"allowed_ips":` + jsonList(100, address), "-"},
		{"allowed_ips: 101", some + `,"allowed_ips":` + jsonList(101, address), "allowed_ips"},

		{"allowed_origins: of a secret key", some + `,"allowed_origins":["https://a.example"]`, "allowed_origins"},
		{"allowed_origins: none", `"name":"a","type":"publishable","allowed_origins":[]`, "allowed_origins"},
		{"allowed_origins: number", `"name":"a","type":"publishable","allowed_origins":[1]`, "allowed_origins"},
		{"allowed_origins: 100", `"name":"a","type":"publishable","allowed_origins":` + jsonList(100, origin), "-"},
		{"allowed_origins: 101", `"name":"a","type":"publishable","allowed_origins":` + jsonList(101, origin), "allowed_origins"},

		{"expires_at: future", some + `,"expires_at":"2100-01-01T00:00:00Z"`, "-"},
		{"expires_at: past", some + `,"expires_at":"1999-12-31T23:59:59Z"`, "expires_at"},
		{"expires_at: year 1", some + `,"expires_at":"0001-01-01T00:00:00Z"`, "expires_at"},
		{"expires_at: number", some + `,"expires_at":4102444800`, "expires_at"},
		{"expires_at: date", some + `,"expires_at":"2100-01-01"`, "expires_at"},
		{"expires_at: no zone", some + `,"expires_at":"2100-01-01T00:00:00"`, "expires_at"},
		{"expires_at: comma", some + `,"expires_at":"2100-01-01T00:00:00,5Z"`, "expires_at"},
		{"expires_at: one digit", some + `,"expires_at":"2100-01-01T0:00:00Z"`, "expires_at"},
		{"expires_at: empty", some + `,"expires_at":""`, "expires_at"},
		{"expires_at: beyond year 9999 in UTC", some + `,"expires_at":"9999-12-31T23:59:59-23:59"`, "expires_at"},

		{"metadata: 50 pairs", some + `,"metadata":` + pairs(50, 40, 500), "-"},
		{"metadata: 51 pairs", some + `,"metadata":` + pairs(51, 2, 1), "metadata"},
		{"metadata: name of 41 bytes", some + `,"metadata":` + pairs(1, 41, 1), "metadata"},
		{"metadata: value of 501 bytes", some + `,"metadata":` + pairs(1, 1, 501), "metadata"},
		{"metadata: empty name", some + `,"metadata":{"":"a"}`, "metadata"},
		{"metadata: line break in a value", some + `,"metadata":{"a":"b\nc"}`, "-"},
		{"metadata: line break in a name", some + `,"metadata":{"a\n":"b"}`, "metadata"},
		{"metadata: number", some + `,"metadata":{"a":1}`, "metadata"},
		{"metadata: null", some + `,"metadata":{"a":null}`, "metadata"},
		{"metadata: nested", some + `,"metadata":{"a":{}}`, "metadata"},
		{"metadata: array", some + `,"metadata":["a"]`, "metadata"},
		{"metadata: duplicate", some + `,"metadata":{"a":"1","a":"2"}`, "metadata"},
		{"metadata: empty", some + `,"metadata":{}`, "-"},

		{"owner", some + `,"owner":"other"`, "owner"},
		{"limit", some + `,"limit":{"unlimited":true}`, "limit"},
		{"id", some + `,"id":"ak_1"`, "id"},
		{"disabled", some + `,"disabled":true`, "disabled"},
		{"created_by", some + `,"created_by":"u_1"`, "created_by"},
		{"key", some + `,"key":"a"`, "key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newKeyWorld(t)
				a := w.call("POST", "/v1/api_keys", "{"+test.body+"}")
				list, err := w.store.ListKeys(t.Context(), issuer.KeyQuery{Owner: "acme"})
				require.NoError(t, err)
				if test.param == "-" {
					assert.Equal(t, http.StatusCreated, a.Status, a.Text)
					assert.Len(t, list, 1)
					return
				}
				assert.Equal(t, http.StatusBadRequest, a.Status)
				assert.Equal(t, "invalid_request", a.code())
				assert.Equal(t, test.param, a.param())
				assert.Empty(t, list)
				assert.Empty(t, w.told())
			})
		})
	}
}

// TestOrigins proves what allowed_origins may hold: what browsers send.
func TestOrigins(t *testing.T) {
	tests := []struct {
		origin string
		good   bool
	}{
		{"https://app.example", true},
		{"http://app.example", true},
		{"http://localhost:3000", true},
		{"https://xn--bcher-kva.example", true},
		{"https://192.0.2.1:8443", true},
		{"https://[2001:db8::1]", true},
		{"https://[2001:db8::1]:8443", true},
		{"chrome-extension://abcdefghijklmnop", true},
		{"capacitor://localhost", true},
		{"http://a.example:443", true},
		{"https://a.example:80", true},

		{"", false},
		{"*", false},
		{"null", false},
		{"app.example", false},
		{"//app.example", false},
		{"https://", false},
		{"https://app.example/", false},
		{"https://app.example/path", false},
		{"https://app.example?", false},
		{"https://app.example?a=b", false},
		{"https://app.example#", false},
		{"https://user@app.example", false},
		{"https://app.example:443", false},
		{"http://app.example:80", false},
		{"https://app.example:", false},
		{"https://app.example:08443", false},
		{"https://[192.0.2.1]", false},
		{"https://[2001:DB8::1]", false},
		{"https://[fe80::1%25eth0]", false},
		{"https://app.example:0443", false},
		{"https://app.example:65536", false},
		{"https://App.example", false},
		{"HTTPS://app.example", false},
		{"https://*.app.example", false},
		{"https://bücher.example", false},
		{"https://app%2eexample", false},
		{"https://[2001:DB8::1]", false},
		{"https://[2001:db8:0::1]", false},
		{"https://[fe80::1%25eth0]", false},
		{"https://[::ffff:192.0.2.1]", true},
		{" https://app.example", false},
		{"https://app.example ", false},
		{"file:///", false},
		{"file://host", false},
		{"mailto:a@b", false},
		{"https://" + strings.Repeat("a", 500), false},
	}
	w := newKeyWorld(t)
	for _, test := range tests {
		t.Run(test.origin, func(t *testing.T) {
			_, key, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{
				Name: "a", Kind: bearer.PublishableKey, AllowedOrigins: []string{test.origin},
			})
			if test.good {
				require.NoError(t, err)
				assert.Equal(t, []string{test.origin}, key.AllowedOrigins)
				return
			}
			assert.Equal(t, bearer.CodeInvalidRequest, bearer.CodeOf(err))
		})
	}
}

// TestCatalogue proves S4.7: a scope that is not declared is refused at creation.
func TestCatalogue(t *testing.T) {
	w := newKeyWorld(t, func(c *issuer.Config) {
		c.Catalogue = []bearer.Scope{"tokens:read", "tokens:write", "social-read-posts"}
	})
	tests := []struct {
		scopes string
		status int
	}{
		{`["tokens:read","social-read-posts"]`, http.StatusCreated},
		{`["tokens:*"]`, http.StatusCreated},
		{`["*"]`, http.StatusCreated},
		{`null`, http.StatusCreated},
		{`["tokens:burn"]`, http.StatusBadRequest},
		{`["wallets:*"]`, http.StatusBadRequest},
		{`["tokens:read","wallets:read"]`, http.StatusBadRequest},
	}
	for _, test := range tests {
		t.Run(test.scopes, func(t *testing.T) {
			a := w.call("POST", "/v1/api_keys", `{"name":"a","type":"secret","scopes":`+test.scopes+`}`)
			assert.Equal(t, test.status, a.Status)
			if test.status == http.StatusBadRequest {
				assert.Equal(t, "scopes", a.param())
			}
		})
	}
}

// A heldCase is what a caller holds, and what it asks for.
type heldCase struct {
	name    string
	holds   bearer.Scopes
	asks    bearer.Scopes
	allowed bool
}

// heldCases say when a list of scopes is no more than another one.
var heldCases = []heldCase{
	{"the same", "a b", "b a", true},
	{"less", "a b", "a", true},
	{"more", "a", "a b", false},
	{"another", "a", "b", false},
	{"all of all", "*", "*", true},
	{"one of all", "*", "a", true},
	{"a family of all", "*", "a:*", true},
	{"all, of a family", "a:*", "*", false},
	{"all, hidden in a list", "a:* b", "b *", false},
	{"one of a family", "a:*", "a:read a:b:c", true},
	{"a family of itself", "a:*", "a:*", true},
	{"a family within a family", "a:*", "a:b:*", true},
	{"a family around a family", "a:b:*", "a:*", false},
	{"a family, of its members", "a:read a:write", "a:*", false},
	{"a family with a longer name", "a:*", "ab:read", false},
	{"the name of a family", "a:*", "a:", false},
	{"a family without a colon", "a*", "ab", false},
	{"anything, of nothing", "", "a", false},
	{"all, of nothing", "", "*", false},
}

// TestNeverMoreThanHeld proves that no one creates, imports, patches or rotates to
// more scopes than they hold (S4.8: omitted scopes are all).
func TestNeverMoreThanHeld(t *testing.T) {
	for _, test := range heldCases {
		t.Run(test.name, func(t *testing.T) {
			w := newKeyWorld(t)
			by := issuer.Caller{ID: "u_1", Owner: "acme", Scopes: test.holds}
			var zero bearer.Code
			want := zero
			if !test.allowed {
				want = bearer.CodeForbidden
			}
			key := issuer.APIKey{Name: "a", Kind: bearer.SecretKey, Scopes: test.asks}

			_, _, err := w.CreateKey(t.Context(), by, key)
			assert.Equal(t, want, bearer.CodeOf(err), "create")
			_, err = w.ImportKey(t.Context(), by, key, bearer.KeyHash{1})
			assert.Equal(t, want, bearer.CodeOf(err), "import")

			_, small := w.create("acme", func(k *issuer.APIKey) { k.Scopes = "zzz" })
			_, err = w.UpdateKey(t.Context(), by, small.ID, func(k *issuer.APIKey) error {
				k.Scopes = test.asks
				return nil
			})
			assert.Equal(t, want, bearer.CodeOf(err), "update")
			_, full := w.create("acme", func(k *issuer.APIKey) { k.Scopes = test.asks })
			_, _, err = w.RotateKey(t.Context(), by, full.ID, 0)
			assert.Equal(t, want, bearer.CodeOf(err), "rotate")
			if !test.allowed {
				assert.Equal(t, "zzz", string(w.stored(small).Scopes))
				assert.Equal(t, full, w.stored(full))
			}
		})
	}
}

// TestOmittedScopesAreAll proves S4.8 for callers who do not hold all.
func TestOmittedScopesAreAll(t *testing.T) {
	w := newKeyWorld(t)
	w.by.Scopes = "tokens:read"
	a := w.call("POST", "/v1/api_keys", `{"name":"a","type":"secret"}`)
	assert.Equal(t, http.StatusForbidden, a.Status)
	assert.Equal(t, "forbidden", a.code())
	assert.Equal(t, "scopes", a.param())
}

// TestKeyEnvironments proves S4.3 for callers: none leaves its own environment.
func TestKeyEnvironments(t *testing.T) {
	tests := []struct {
		name   string
		caller bearer.Environment
		asks   string
		want   string // "": 403
	}{
		{"any, omitted", 0, ``, "test"},
		{"any, live", 0, `,"environment":"live"`, "live"},
		{"live, omitted", bearer.Live, ``, "live"},
		{"live, null", bearer.Live, `,"environment":null`, "live"},
		{"live, live", bearer.Live, `,"environment":"live"`, "live"},
		{"live, test", bearer.Live, `,"environment":"test"`, ""},
		{"test, live", bearer.Test, `,"environment":"live"`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newKeyWorld(t)
			w.by.Environment = test.caller
			a := w.call("POST", "/v1/api_keys", `{"name":"a","type":"secret"`+test.asks+`}`)
			if test.want == "" {
				assert.Equal(t, http.StatusForbidden, a.Status)
				assert.Equal(t, "environment_mismatch", a.refusal("reason"))
				return
			}
			assert.Equal(t, test.want, a.text("environment"))
			_, env, err := bearer.KeyFormat{}.Parse(a.text("key"))
			require.NoError(t, err)
			assert.Equal(t, test.want, env.String())
		})
	}
}

// TestKeyRules proves S2.1, S2.3 and the rest of what an application may rule.
func TestKeyRules(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name  string
		rules issuer.KeyRules
		body  string
		want  string // expires_at; "": never; else "400 " and the param
	}{
		{"MustScope: omitted", issuer.KeyRules{MustScope: true}, ``, "400 scopes"},
		{"MustScope: null", issuer.KeyRules{MustScope: true}, `,"scopes":null`, "400 scopes"},
		{"MustScope: some", issuer.KeyRules{MustScope: true}, `,"scopes":["social-read-posts"]`, ""},
		{"MustExpire: omitted", issuer.KeyRules{MustExpire: true}, ``, "400 expires_at"},
		{"MustExpire: said", issuer.KeyRules{MustExpire: true}, `,"expires_at":"2000-01-08T00:00:00Z"`, "2000-01-08T00:00:00Z"},
		{"MustExpire: default", issuer.KeyRules{MustExpire: true, DefaultTTL: 7 * day}, ``, "2000-01-08T00:00:00Z"},
		{"DefaultTTL: omitted", issuer.KeyRules{DefaultTTL: 7 * day}, ``, "2000-01-08T00:00:00Z"},
		{"DefaultTTL: said", issuer.KeyRules{DefaultTTL: 7 * day}, `,"expires_at":"2000-02-01T00:00:00Z"`, "2000-02-01T00:00:00Z"},
		{"MaxTTL: omitted", issuer.KeyRules{MaxTTL: 7 * day}, ``, "2000-01-08T00:00:00Z"},
		{"MaxTTL: at it", issuer.KeyRules{MaxTTL: 7 * day}, `,"expires_at":"2000-01-08T00:00:00Z"`, "2000-01-08T00:00:00Z"},
		{"MaxTTL: beyond it", issuer.KeyRules{MaxTTL: 7 * day}, `,"expires_at":"2000-01-08T00:00:00.000001Z"`, "400 expires_at"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newKeyWorld(t, func(c *issuer.Config) { c.Rules = test.rules })
				a := w.call("POST", "/v1/api_keys", `{"name":"a","type":"secret"`+test.body+`}`)
				if param, isRefused := strings.CutPrefix(test.want, "400 "); isRefused {
					assert.Equal(t, http.StatusBadRequest, a.Status)
					assert.Equal(t, param, a.param())
					return
				}
				require.Equal(t, http.StatusCreated, a.Status, a.Text)
				assert.Equal(t, test.want, a.text("expires_at"))
			})
		})
	}
}

// TestMaxKeys proves that only keys that are of use count, and each owner's alone.
func TestMaxKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t, func(c *issuer.Config) { c.Rules.MaxKeys = 3 })
		create := func(body string) int {
			return w.call("POST", "/v1/api_keys", `{"name":"a","type":"secret"`+body+`}`).Status
		}
		for range 3 {
			w.create("other")
			require.Equal(t, http.StatusCreated, create(`,"expires_at":"2000-01-01T01:00:00Z"`))
		}
		assert.Equal(t, http.StatusConflict, create(""))
		time.Sleep(time.Hour) // they expire
		var last issuer.APIKey
		for range 3 {
			_, last = w.create("acme")
		}
		assert.Equal(t, http.StatusConflict, create(""))
		_, err := w.ImportKey(t.Context(), w.by, issuer.APIKey{Name: "a", Kind: bearer.SecretKey}, bearer.KeyHash{1})
		require.NoError(t, err, "imports are not counted")
		_, err = w.RevokeKey(t.Context(), w.by, last.ID, "")
		require.NoError(t, err)
		assert.Equal(t, http.StatusConflict, create(""), "but they count")
		keys, _, err := w.ListKeys(t.Context(), w.by, issuer.KeyQuery{})
		require.NoError(t, err)
		_, err = w.RevokeKey(t.Context(), w.by, keys[0].ID, "")
		require.NoError(t, err)
		assert.Equal(t, http.StatusCreated, create(""))
	})
}

// TestImportKey proves S1.2: a key of an older system works without its text.
func TestImportKey(t *testing.T) {
	w := newKeyWorld(t, func(c *issuer.Config) { c.Format.Foreign = true })
	text := "old-" + strings.Repeat("x", 40)
	hash := bearer.KeyFormat{}.Hash(text)
	key, err := w.ImportKey(t.Context(), w.by, issuer.APIKey{ID: "7", Name: "old", Kind: bearer.SecretKey, Scopes: "a"}, hash)
	require.NoError(t, err)
	assert.Equal(t, "7", key.ID)
	assert.Empty(t, key.Secrets[0].Hint)
	assert.Empty(t, w.guard()(text))
	assert.Equal(t, "key.created", w.told()[0].Type)

	for _, test := range []struct {
		name string
		id   string
		hash bearer.KeyHash
		code bearer.Code
	}{
		{"the ID again", "7", bearer.KeyHash{1}, bearer.CodeConflict},
		{"the hash again", "8", hash, bearer.CodeConflict},
		{"no hash", "9", bearer.KeyHash{}, bearer.CodeInvalidRequest},
		{"an ID with a slash", "a/b", bearer.KeyHash{2}, bearer.CodeInvalidRequest},
		{"an ID of dots", "..", bearer.KeyHash{2}, bearer.CodeInvalidRequest},
		{"a long ID", strings.Repeat("a", 256), bearer.KeyHash{2}, bearer.CodeInvalidRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.ImportKey(t.Context(), w.by, issuer.APIKey{ID: test.id, Name: "old", Kind: bearer.SecretKey}, test.hash)
			assert.Equal(t, test.code, bearer.CodeOf(err))
		})
	}
	// The new text of a rotation is of the format.
	fresh, _, err := w.RotateKey(t.Context(), w.by, "7", time.Hour)
	require.NoError(t, err)
	assert.Empty(t, w.guard()(fresh))
	assert.Empty(t, w.guard()(text))
}

// TestCreateKeyValues proves what Go code may not store, which HTTP cannot say.
func TestCreateKeyValues(t *testing.T) {
	prefix := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	tests := []struct {
		name   string
		change func(*issuer.APIKey)
		param  string // "": good
	}{
		{"a limit", func(k *issuer.APIKey) { k.Limit = bearer.PerSecond(5) }, ""},
		{"no limit", func(k *issuer.APIKey) { k.Limit = bearer.Unlimited }, ""},
		{"a limit of nothing", func(k *issuer.APIKey) { k.Limit = bearer.PerSecond(0) }, "limit"},
		{"a negative limit", func(k *issuer.APIKey) { k.Limit = bearer.Limit{Rate: -1, Burst: 1} }, "limit"},
		{"a limit without a burst", func(k *issuer.APIKey) { k.Limit = bearer.Limit{Rate: 1} }, "limit"},
		{"the zero prefix", func(k *issuer.APIKey) { k.AllowedIPs = make([]netip.Prefix, 1) }, "allowed_ips"},
		{"host bits", func(k *issuer.APIKey) { k.AllowedIPs = prefix("10.0.0.1/8") }, "allowed_ips"},
		{"a token", func(k *issuer.APIKey) { k.Kind = bearer.Token }, "type"},
		{"no kind", func(k *issuer.APIKey) { k.Kind = 0 }, "type"},
		{"an environment that is none", func(k *issuer.APIKey) { k.Environment = 3 }, "environment"},
		{"scopes with a space too many", func(k *issuer.APIKey) { k.Scopes = "a  b" }, "scopes"},
		{"a name that is not UTF-8", func(k *issuer.APIKey) { k.Name = "\xff" }, "name"},
		{"metadata that is not UTF-8", func(k *issuer.APIKey) { k.Metadata = map[string]string{"a": "\xff"} }, "metadata"},
		{"metadata with NUL", func(k *issuer.APIKey) { k.Metadata = map[string]string{"a": "\x00"} }, "metadata"},
		{"the year 10000", func(k *issuer.APIKey) { k.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "expires_at"},
		{"now", func(k *issuer.APIKey) { k.ExpiresAt = time.Now() }, "expires_at"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newKeyWorld(t)
				key := issuer.APIKey{Name: "a", Kind: bearer.SecretKey}
				test.change(&key)
				_, _, err := w.CreateKey(t.Context(), w.by, key)
				if test.param == "" {
					require.NoError(t, err)
					return
				}
				var e *bearer.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, bearer.CodeInvalidRequest, e.Code)
				assert.Equal(t, test.param, e.Param)
			})
		})
	}
	t.Run("shares nothing", func(t *testing.T) {
		w := newKeyWorld(t)
		ips, metadata := prefix("10.0.0.0/8"), map[string]string{"a": "b"}
		_, key := w.create("acme", func(k *issuer.APIKey) { k.AllowedIPs, k.Metadata = ips, metadata })
		ips[0], metadata["a"] = netip.Prefix{}, "c"
		assert.Equal(t, prefix("10.0.0.0/8"), key.AllowedIPs)
		assert.Equal(t, map[string]string{"a": "b"}, key.Metadata)
	})
}

// TestCreateKeyManyScopes proves that a list that is too long is refused before it
// is searched for what stands in it twice, which would take its square.
func TestCreateKeyManyScopes(t *testing.T) {
	w := newKeyWorld(t)
	var scopes []bearer.Scope
	for n := range 200_000 {
		scopes = append(scopes, bearer.Scope(fmt.Sprintf("s%d", n)))
	}
	began := time.Now()
	_, _, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{
		Name: "a", Kind: bearer.SecretKey, Scopes: bearer.JoinScopes(scopes...),
	})
	assert.Equal(t, bearer.CodeInvalidRequest, bearer.CodeOf(err))
	assert.Less(t, time.Since(began), 5*time.Second, "the square takes minutes")
}
