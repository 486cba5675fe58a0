package bearer_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The expected results in this file are computed from the documents by other
// means than in the package: regular expressions, slices and encoding/json.

// A fuzzStore knows every key, and remembers what it was asked.
type fuzzStore struct{ asked []bearer.KeyHash }

func (s *fuzzStore) FindKey(_ context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	s.asked = append(s.asked, hash)
	return &bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live}, nil
}

var (
	fuzzBearer  = regexp.MustCompile("(?is)^[ \t]*bearer([^-!#$%&'*+.^_`|~0-9a-z].*)?$")
	fuzzB64     = regexp.MustCompile(`^[ \t]*(?i:bearer) +([A-Za-z0-9._~+/-]+=*)[ \t]*$`)
	fuzzKeyText = regexp.MustCompile(`^[sp]k_(test|live)_[0-9A-Za-z]{8}_[0-9A-Za-z]{30}$`)
)

// fuzzText is what stands behind the scheme of a field, if spaces part it.
func fuzzText(field string) string {
	behind := strings.Trim(field, " \t")[len("bearer"):]
	if text := strings.TrimLeft(behind, " "); text != behind {
		return text
	}
	return ""
}

// FuzzAuthorization compares what a guard makes of Authorization fields with the
// grammar of RFC 6750.
func FuzzAuthorization(f *testing.F) {
	text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	for _, field := range []string{
		"Bearer " + text, "bearer  " + text + " \t", "BEARER a", "Bearer", "Bearer ", "Bearer\ta", "Bearer a b", "Bearer a=b",
		"Bearer a==", "Bearer =", "Bearer a,b", `Bearer "a"`, "Bearer a%20", "Bearer é", "Basic a", "", " ", "Bearera", "Bearer, a",
		"Bearer a.b.c", "Bearer " + strings.Repeat("a", 8192), "Bearer " + strings.Repeat("a", 8193), "Bearer a\n", "\u00a0Bearer a",
	} {
		f.Add(field, field, false)
	}
	f.Add("Bearer a", "Bearer b", true)
	f.Fuzz(func(t *testing.T, field, second string, two bool) {
		store := new(fuzzStore)
		guard := newGuard(t, bearer.Config{
			Keys: store, Format: bearer.KeyFormat{Foreign: true}, Limit: bearer.Unlimited,
		})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{field}
		if two {
			r.Header["Authorization"] = []string{field, second}
		}
		_, err := guard.Check(r)

		want, match := "", fuzzB64.FindStringSubmatch(field)
		switch {
		case two:
			want = "bearer: invalid_request: multiple_credentials"
		case !fuzzBearer.MatchString(field):
			want = "bearer: unauthorized: missing_credentials"
		case len(fuzzText(field)) > 8192:
			want = "bearer: invalid_request: credential_too_long"
		case len(match) == 0:
			want = "bearer: invalid_request: malformed_credentials"
		case fuzzKeyText.MatchString(match[1]) && keysForged(match[1][:41]) != match[1]:
			want = "bearer: unauthorized: invalid_api_key: key has a wrong checksum"
		}
		switch {
		case want != "":
			require.EqualError(t, err, want)
			assert.Empty(t, store.asked)
		case fuzzKeyText.MatchString(match[1]): // its prefix may say another kind than the record
			assert.Equal(t, []bearer.KeyHash{sha256.Sum256([]byte(match[1]))}, store.asked)
		default:
			require.NoError(t, err)
			assert.Equal(t, []bearer.KeyHash{sha256.Sum256([]byte(match[1]))}, store.asked)
		}
	})
}

// FuzzKeyFormat parses a key that was generated, which succeeds; one that differs
// from it by one byte, which fails; and any text, which succeeds if it has the
// form and the checksum.
func FuzzKeyFormat(f *testing.F) {
	body := "sk_" + "live_" + "a1B2c3D4_" + strings.Repeat("e5F6", 6)
	f.Add("", keysForged(body), uint(0), byte('p'), false, false)
	f.Add("acme", keysForged("acme_"+body), uint(20), byte('_'), true, true)
	f.Add("", body+"000000", uint(46), byte('0'), true, false)
	f.Add("", keysForged("sk_"+body[8:]), uint(3), byte(0), false, true)
	f.Add("sk", "sk_sk_live_", uint(7), byte(0xff), false, true)
	f.Add("", "", uint(1), byte(' '), false, false)
	f.Fuzz(func(t *testing.T, namespace, text string, at uint, c byte, publishable, test bool) {
		format := bearer.KeyFormat{Namespace: namespace}
		prefix := ""
		if namespace != "" {
			prefix = namespace + "_"
		}
		kind, env := bearer.SecretKey, bearer.Live
		if publishable {
			kind = bearer.PublishableKey
		}
		if test {
			env = bearer.Test
		}
		made, hash := format.Generate(kind, env)
		gotKind, gotEnv, err := format.Parse(made)
		require.NoError(t, err)
		assert.Equal(t, kind, gotKind)
		assert.Equal(t, env, gotEnv)
		assert.Equal(t, sha256.Sum256([]byte(made)), [32]byte(hash))
		assert.Equal(t, made[:len(made)-31], format.Hint(made))

		i := int(at % uint(len(made)))
		if made[i] != c {
			_, _, err = format.Parse(made[:i] + string([]byte{c}) + made[i+1:])
			assert.Error(t, err, "%q at %d", c, i)
		}

		rest, ok := strings.CutPrefix(text, prefix)
		form := ok && fuzzKeyText.MatchString(rest)
		good := form && keysForged(text[:len(text)-6]) == text
		gotKind, gotEnv, err = format.Parse(text)
		require.Equal(t, good, err == nil)
		assert.Equal(t, form, format.Hint(text) != "")
		if good {
			assert.Equal(t, rest[0] == 'p', gotKind == bearer.PublishableKey)
			assert.Equal(t, strings.HasPrefix(rest[3:], "test_"), gotEnv == bearer.Test)
		}
	})
}

var (
	fuzzBracketed = regexp.MustCompile(`(?s)^\[(.*)\](?::(\d+))?$`)
	fuzzWithPort  = regexp.MustCompile(`^([0-9.]+):(\d+)$`)
)

// fuzzHop reads one hop: an address, [IPv6], IPv4:port or [IPv6]:port.
func fuzzHop(hop string) netip.Addr {
	addr, err := netip.ParseAddr(hop)
	for _, form := range []*regexp.Regexp{fuzzBracketed, fuzzWithPort} {
		match := form.FindStringSubmatch(hop)
		if match == nil {
			continue
		}
		addr, err = netip.ParseAddr(match[1])
		if _, portErr := strconv.ParseUint(match[2], 10, 16); match[2] != "" && portErr != nil {
			return netip.Addr{}
		}
		if err == nil && addr.Is6() != (form == fuzzBracketed) {
			return netip.Addr{}
		}
	}
	if addr = addr.Unmap().WithZone(""); err != nil || addr.IsUnspecified() {
		return netip.Addr{}
	}
	return addr
}

// FuzzForwardedFor compares the client's address with that of a simpler way: all
// lines joined, and the list read from its end.
func FuzzForwardedFor(f *testing.F) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	client := bearer.ForwardedFor(trusted...)
	isTrusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	for _, seed := range [][2]string{
		{"10.0.0.1:80", "192.0.2.1"}, {"10.0.0.1:80", "192.0.2.1, 10.0.0.2"}, {"10.0.0.1:80", "192.0.2.1\n10.0.0.2,10.0.0.3"},
		{"[2001:db8::1]:80", "[2001:db8::2]:443, [::ffff:10.0.0.1]"}, {"192.0.2.9:80", "198.51.100.1"}, {"10.0.0.1:80", ""},
		{"10.0.0.1:80", "192.0.2.1,,10.0.0.2"}, {"10.0.0.1:80", "192.0.2.1:99999"}, {"@", "192.0.2.1"}, {"10.0.0.1:80", "fe80::1%eth0"},
		{"[::ffff:10.0.0.1]:80", "[fe80::1%a]b]:80 , 10.1.1.1:1"}, {"10.0.0.1:80", "[192.0.2.1]"}, {"10.0.0.1:80", "unknown, 10.0.0.1"}, {"10.0.0.1:80", "192.0.2.1, 0.0.0.0"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, peer, lines string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = strings.Split(lines, "\n")
		got := client(r)

		want := fuzzHop(peer)
		if isTrusted(want) {
			assert.False(t, isTrusted(got), "%v is a proxy", got)
			hops := strings.Split(strings.ReplaceAll(lines, "\n", ","), ",")
			slices.Reverse(hops)
			want = netip.Addr{}
			for _, hop := range hops {
				if hop = strings.Trim(hop, " \t"); hop == "" {
					continue
				}
				if want = fuzzHop(hop); !isTrusted(want) {
					break
				}
				want = netip.Addr{}
			}
		}
		assert.Equal(t, want, got)
		assert.Equal(t, peer, r.RemoteAddr, "never overwritten")
	})
}

var fuzzScopeList = regexp.MustCompile(`^(?:[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*)?$`)

// FuzzScopes compares lists of scopes with slices of them.
func FuzzScopes(f *testing.F) {
	for _, seed := range [][2]string{
		{"tokens:read wallets:read", "tokens:read"}, {"*", "x"}, {"tokens:*", "tokensx:read"}, {"tokens:*", "tokens:"},
		{"tokens:*", "tokens:read"}, {" a  b ", "b"}, {"", ""}, {"a", ""}, {":*", ":a"}, {"a:*:*", "a:*:b"}, {"\xff", "\xff"}, {"a b", "a b"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, wanted string) {
		scopes, scope := bearer.Scopes(text), bearer.Scope(wanted)
		assert.Equal(t, fuzzScopeList.MatchString(text), scopes.Validate() == nil)
		assert.Equal(t, wanted != "" && !strings.Contains(wanted, " ") && fuzzScopeList.MatchString(wanted), scope.Validate() == nil)

		all := slices.Collect(scopes.All())
		held := false
		var want []bearer.Scope
		for s := range strings.SplitSeq(text, " ") {
			if s == "" {
				continue
			}
			want = append(want, bearer.Scope(s))
			prefix, isPrefix := strings.CutSuffix(s, "*")
			held = held || s == "*" || s == wanted ||
				isPrefix && strings.HasSuffix(prefix, ":") && strings.HasPrefix(wanted, prefix) && len(wanted) > len(prefix)
		}
		held = held && wanted != ""
		assert.Equal(t, want, all)
		assert.Equal(t, held, scopes.Contain(scope))
		assert.Equal(t, held, scopes.Contain(scope, scope))
		assert.True(t, scopes.Contain(), "none wanted")
		for _, s := range all {
			assert.True(t, scopes.Contain(s), "a list holds its own")
		}
		joined := bearer.JoinScopes(all...)
		assert.Equal(t, all, slices.Collect(joined.All()))
		if scopes.Validate() == nil {
			assert.Equal(t, scopes, joined)
		}
	})
}

// fuzzObject decodes a JSON object token by token. It reports whether data is
// one object in which no object has a name twice.
func fuzzObject(data []byte) (map[string]any, bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	distinct := true
	var value func() (any, error)
	value = func() (any, error) {
		token, err := d.Token()
		switch token {
		case json.Delim('{'):
			object := make(map[string]any)
			for d.More() {
				name, err := d.Token()
				if err != nil {
					return nil, err
				}
				key, _ := name.(string)
				_, twice := object[key]
				distinct = distinct && !twice
				if object[key], err = value(); err != nil {
					return nil, err
				}
			}
			_, err = d.Token()
			return object, err
		case json.Delim('['):
			array := []any{}
			for d.More() {
				element, err := value()
				if err != nil {
					return nil, err
				}
				array = append(array, element)
			}
			_, err = d.Token()
			return array, err
		}
		return token, err
	}
	v, err := value()
	object, ok := v.(map[string]any)
	_, end := d.Token()
	return object, err == nil && ok && distinct && end == io.EOF
}

// fuzzJWTHolds reports whether all that a guard must ask of a token holds.
func fuzzJWTHolds(text string, secret []byte, now time.Time) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return false
	}
	var decoded [3][]byte
	for i, part := range parts {
		data, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(data) != part {
			return false
		}
		decoded[i] = data
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	header, headerOK := fuzzObject(decoded[0])
	claims, claimsOK := fuzzObject(decoded[1])
	if !headerOK || !claimsOK || !hmac.Equal(mac.Sum(nil), decoded[2]) || header["alg"] != "HS256" {
		return false
	}
	for _, name := range []string{"crit", "b64", "zip"} {
		if _, there := header[name]; there {
			return false
		}
	}
	seconds := func(name string) float64 {
		number, _ := claims[name].(json.Number)
		value, _ := number.Float64()
		return value
	}
	audience, _ := claims["aud"].([]any)
	subject, _ := claims["sub"].(string)
	_, bound := claims["cnf"]
	instant := float64(now.UnixNano()) / 1e9
	const slack = 5 // between the guard's clock reading and this one
	for _, name := range []string{"jti", "sid"} {
		claim, there := claims[name]
		if _, ok := claim.(string); there && !ok {
			return false
		}
	}
	return !bound && claims["iss"] == jwtIssuer && (claims["aud"] == jwtAudience || slices.Contains(audience, any(jwtAudience))) &&
		subject != "" && seconds("exp") > instant-slack && seconds("nbf") < instant+slack
}

// FuzzJWT sends a guard any text, and any header and payload under a good
// signature. What it lets through must hold.
func FuzzJWT(f *testing.F) {
	secret := bytes.Repeat([]byte{'k'}, 32)
	header, claims := jwtHeader("HS256"), jwtClaims.with(`"exp":253402300799`)
	for _, fault := range jwtFaults() {
		payload := strings.ReplaceAll(fault.payload, jwtExp, "253402300799")
		f.Add(jwtSegment(fault.header)+"."+jwtSegment(payload)+".AAAA", fault.header, payload)
	}
	good := jwtSigned(f, jwt.SigningMethodHS256, secret, header.String(), claims.String())
	f.Add(good, header.String(), claims.String())
	f.Add(good+".", header.without("typ").String(), claims.with(`"aud":["other","api"]`).String())
	f.Add("a.b.c", "{}", claims.and(`"x":{"y":["z",1e2,null,true]}`, `"read_only":true`, `"env":"live"`).String())
	f.Fuzz(func(t *testing.T, text, header, payload string) {
		guard := fuzzJWTGuard(t, secret)
		signed := jwtSigned(t, jwt.SigningMethodHS256, secret, header, payload)
		for _, text := range []string{text, signed, signed} { // the last may come from the cache
			p, err := guard.Check(request(http.MethodGet, "/v1/tokens", text))
			holds := fuzzJWTHolds(strings.Trim(text, " \t"), secret, time.Now())
			if err == nil {
				assert.True(t, holds, "accepted: %q . %q", header, payload)
				assert.NotEmpty(t, p.ID)
				assert.Equal(t, p.ID, p.Claims["sub"])
				continue
			}
			assert.NotEmpty(t, bearer.CodeOf(err))
			assert.NotContains(t, []int{0, http.StatusOK, http.StatusInternalServerError, http.StatusServiceUnavailable},
				err.(*bearer.Error).StatusCode()) //nolint:errorlint // Check returns nothing else
		}
	})
}

// FuzzJWTScopes gives a good token any scope claim. It stays good, and holds
// scope-tokens that stand in the claim, and no others.
func FuzzJWTScopes(f *testing.F) {
	secret := bytes.Repeat([]byte{'k'}, 32)
	for _, seed := range []string{
		`"a:read  b:read"`, `" a"`, `" "`, `["a"]`, `["a","Site Admin"]`, `"a:read,b:read"`, `["a b",1,null,{},["c"]]`, `null`, `1e2`,
		`{"a":["b"]}`, `"a\tb"`, `"\ud800 b"`, `["*","tokens:*"]`, `"é \u002a"`, `true`, `""`, `[]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, claim string) {
		var value any
		if json.Unmarshal([]byte(claim), &value) != nil || !utf8.ValidString(claim) {
			return
		}
		if _, distinct := fuzzObject([]byte(`{"x":` + claim + `}`)); !distinct {
			return
		}
		claims := jwtClaims.with(`"exp":253402300799`, `"scope":`+claim).String()
		text := jwtSigned(t, jwt.SigningMethodHS256, secret, jwtHeader("HS256").String(), claims)
		p, err := fuzzJWTGuard(t, secret).Check(request(http.MethodGet, "/v1/tokens", text))
		if len(text) > 8<<10 || strings.Contains(claim, `\u`) && err != nil {
			return // too long, or a name has half a surrogate pair
		}
		if !assert.NoError(t, err) {
			return
		}
		assert.NoError(t, p.Scopes.Validate())
		var written []string
		switch value := value.(type) {
		case string:
			if !strings.Contains(value, ",") {
				written = strings.Split(value, " ")
			}
		case []any:
			for _, element := range value {
				s, _ := element.(string)
				written = append(written, s)
			}
		}
		var want []bearer.Scope
		for _, s := range written {
			if s != "" && !strings.Contains(s, " ") && fuzzScopeList.MatchString(s) {
				want = append(want, bearer.Scope(s))
			}
		}
		assert.Equal(t, want, slices.Collect(p.Scopes.All()))
	})
}

// FuzzScopesOfTwo narrows the scopes of a token to those of the key that it was
// made from. It then holds what both hold, and nothing else.
func FuzzScopesOfTwo(f *testing.F) {
	secret := bytes.Repeat([]byte{'k'}, 32)
	for _, seed := range [][3]string{
		{"*", "a b", "a"}, {"tokens:*", "tokens:read b", "tokens:read"}, {"tokens:read", "tokens:*", "tokens:write"},
		{"a:*", "a:b:*", "a:b:c"}, {":*", ":a *", ":b"}, {"a b", "b c", "b"}, {"* a", "*", "*"}, {"a:*", "a:", "a:"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, token, key, wanted string) {
		scopes, scope := bearer.Scopes(token), bearer.Scope(wanted)
		if scopes.Validate() != nil || scope.Validate() != nil || strings.ContainsAny(token, ",") || len(token) > 4000 {
			return
		}
		config := jwtConfig()
		config.Keyfunc = jwtKeyfunc(secret)
		config.Session = behind(&bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: bearer.Scopes(key)})
		guard := newGuard(t, bearer.Config{JWT: []bearer.JWT{config}, Limit: bearer.Unlimited})
		claims := jwtClaims.with(`"exp":253402300799`, `"scope":"`+token+`"`).String()
		text := jwtSigned(t, jwt.SigningMethodHS256, secret, jwtHeader("HS256").String(), claims)
		p, err := guard.Check(request(http.MethodGet, "/v1/tokens", text))
		require.NoError(t, err)
		assert.Equal(t, scopes.Contain(scope) && bearer.Scopes(key).Contain(scope), p.Holds(scope))
	})
}

func fuzzJWTGuard(t *testing.T, secret []byte) *bearer.Guard {
	t.Helper()
	config := jwtConfig()
	config.Keyfunc, config.Cache = jwtKeyfunc(secret), 4
	return newGuard(t, bearer.Config{JWT: []bearer.JWT{config}, Limit: bearer.Unlimited})
}
