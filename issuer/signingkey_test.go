package issuer_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
)

var algorithms = []string{"HS256", "EdDSA", "ES256"}

// privateJWK returns the private JWK of a key, with its parts as an application
// would have them.
func privateJWK(tb testing.TB, key issuer.SigningKey) map[string]any {
	tb.Helper()
	e := base64.RawURLEncoding.EncodeToString
	switch k := key.Key.(type) {
	case []byte:
		return map[string]any{"kty": "oct", "k": e(k)}
	case ed25519.PrivateKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": e(k[32:]), "d": e(k.Seed())}
	case *ecdsa.PrivateKey:
		point, err := k.PublicKey.Bytes()
		require.NoError(tb, err)
		d, err := k.Bytes()
		require.NoError(tb, err)
		return map[string]any{"kty": "EC", "crv": "P-256", "x": e(point[1:33]), "y": e(point[33:]), "d": e(d)}
	}
	tb.Fatalf("a key of type %T", key.Key)
	return nil
}

func with(m, changes map[string]any) map[string]any {
	changed := map[string]any{}
	for _, members := range []map[string]any{m, changes} {
		for name, v := range members {
			changed[name] = v
			if v == nil {
				delete(changed, name)
			}
		}
	}
	return changed
}

func jsonOf(tb testing.TB, v any) []byte {
	tb.Helper()
	text, err := json.Marshal(v)
	require.NoError(tb, err)
	return text
}

// What is written as JWKs comes back whole, and its tokens are verified by the
// other.
func TestParseSigningKeys(t *testing.T) {
	for _, algorithm := range algorithms {
		key, other := issuer.NewSigningKey(algorithm), issuer.NewSigningKey(algorithm)
		single, err := issuer.ParseSigningKeys(jsonOf(t, privateJWK(t, key)))
		require.NoError(t, err, algorithm)
		assert.Equal(t, []issuer.SigningKey{key}, single, "%s: with the thumbprint and the algorithm of its type", algorithm)

		set, err := issuer.ParseSigningKeys(jsonOf(t, map[string]any{"keys": []any{
			with(privateJWK(t, key), map[string]any{
				"kid": "first", "alg": algorithm, "use": "sig", "key_ops": []string{"sign", "verify"}, "x5c": []string{},
			}),
			with(privateJWK(t, other), map[string]any{"D": "not read", "KID": "not read"}),
		}, "more": 1}))
		require.NoError(t, err, algorithm)
		key.ID = "first"
		assert.Equal(t, []issuer.SigningKey{key, other}, set, algorithm)

		s := newSigned(t)
		s.config.Tokens.SigningKeys = set
		guard := s.tokens(s.issuer())
		assert.Equal(t, "ok", guard(first(s.session("user:42", nil))), algorithm)
		if algorithm == "HS256" {
			continue
		}
		public, err := issuer.ParseSigningKeys(jsonOf(t, with(privateJWK(t, key), map[string]any{
			"d": nil, "kid": "first", "key_ops": []string{"verify"},
		})))
		require.NoError(t, err, algorithm)
		assert.Equal(t, "first", public[0].ID)
		text := first(s.session("user:42", nil)) // before other is the first
		s.config.Tokens.SigningKeys = []issuer.SigningKey{other, public[0]}
		assert.Equal(t, "ok", s.tokens(s.issuer())(text), "%s: a public key verifies", algorithm)
	}
	alias, err := issuer.ParseSigningKeys(jsonOf(t, with(privateJWK(t, issuer.NewSigningKey("EdDSA")), map[string]any{"alg": "Ed25519"})))
	require.NoError(t, err)
	assert.Equal(t, "EdDSA", alias[0].Algorithm, "RFC 9864")
}

// The thumbprint of RFC 8037 appendix A.3.
func TestThumbprint(t *testing.T) {
	keys, err := issuer.ParseSigningKeys([]byte(
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	require.NoError(t, err)
	assert.Equal(t, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", keys[0].ID)
}

func TestParseSigningKeysRefuses(t *testing.T) {
	oct, okp, ec := issuer.NewSigningKey("HS256"), issuer.NewSigningKey("EdDSA"), issuer.NewSigningKey("ES256")
	o, e, c := privateJWK(t, oct), privateJWK(t, okp), privateJWK(t, ec)
	other := privateJWK(t, issuer.NewSigningKey("EdDSA"))
	otherEC := privateJWK(t, issuer.NewSigningKey("ES256"))
	short := base64.RawURLEncoding.EncodeToString(make([]byte, 31))
	for _, row := range []struct {
		name string
		jwks any
		want string
	}{
		{"nothing", "", "not a JSON object"},
		{"null", "null", "not a JSON object"},
		{"a list", []any{o}, "not a JSON object"},
		{"two values", string(jsonOf(t, o)) + string(jsonOf(t, o)), "not a JSON object"},
		{"no keys", map[string]any{"keys": []any{}}, "the JWK Set has no keys"},
		{"null keys", map[string]any{"keys": nil}, "the JWK Set has no keys"},
		{"keys that are none", map[string]any{"keys": []any{1}}, "not an array of objects"},
		{"keys that are an object", map[string]any{"keys": o}, "not an array of objects"},
		{"a null key", map[string]any{"keys": []any{o, nil}}, `JWK 1: kty is ""`},
		{"one kid twice", map[string]any{"keys": []any{
			with(o, map[string]any{"kid": "a"}), with(e, map[string]any{"kid": "a"}),
		}}, `JWK 1: the kid "a" is that of another`},
		{"one key twice", map[string]any{"keys": []any{o, o}}, "JWK 1: the kid"},
		{"no kty", with(o, map[string]any{"kty": nil}), `JWK 0: kty is ""`},
		{"RSA", with(o, map[string]any{"kty": "RSA"}), `JWK 0: kty is "RSA"`},
		{"a kid that is a number", with(o, map[string]any{"kid": 1}), "JWK 0: kid is not a string, or empty"},
		{"an empty kid", with(o, map[string]any{"kid": ""}), "JWK 0: kid is not a string, or empty"},
		{"for encryption", with(o, map[string]any{"use": "enc"}), `JWK 0: use is "enc"`},
		{"for another operation", with(o, map[string]any{"key_ops": []string{"verify"}}), "JWK 0: key_ops does not hold sign"},
		{"operations that are none", with(o, map[string]any{"key_ops": "sign"}), "JWK 0: key_ops is not an array"},
		{"another algorithm", with(o, map[string]any{"alg": "HS512"}), `JWK 0: alg is "HS512"`},
		{"the algorithm of another type", with(e, map[string]any{"alg": "ES256"}), `JWK 0: alg is "ES256"`},
		{"no secret", with(o, map[string]any{"k": nil}), "JWK 0: k is missing"},
		{"a short secret", with(o, map[string]any{"k": short}), "JWK 0: k has 31 bytes"},
		{"a secret with padding", with(o, map[string]any{"k": o["k"].(string) + "="}), "JWK 0: k is not base64url"},
		{"a secret with trailing bits", with(o, map[string]any{"k": o["k"].(string)[:42] + "B"}), "JWK 0: k is not base64url"},
		{"another curve", with(e, map[string]any{"crv": "X25519"}), `JWK 0: crv is "X25519"`},
		{"no curve", with(c, map[string]any{"crv": nil}), `JWK 0: crv is ""`},
		{"P-384", with(c, map[string]any{"crv": "P-384"}), `JWK 0: crv is "P-384"`},
		{"no x", with(e, map[string]any{"x": nil}), "JWK 0: x is missing"},
		{"a short x", with(e, map[string]any{"x": short}), "JWK 0: x has 31 bytes"},
		{"a short d", with(e, map[string]any{"d": short}), "JWK 0: d has 31 bytes"},
		{"the d of another", with(e, map[string]any{"d": other["d"]}), "JWK 0: d does not belong to the public part"},
		{"no y", with(c, map[string]any{"y": nil}), "JWK 0: y is missing"},
		{"a short y", with(c, map[string]any{"y": short}), "JWK 0: y has 31 bytes"},
		{"no point", with(c, map[string]any{"y": c["x"]}), "JWK 0: x and y are no point of P-256"},
		{"the d of another point", with(c, map[string]any{"d": otherEC["d"]}), "JWK 0: d does not belong to the public part"},
		{"a short d of a point", with(c, map[string]any{"d": short}), "JWK 0: d is no private key of P-256"},
		{"a d that is no number of P-256", with(c, map[string]any{
			"d": base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{255}, 32)),
		}), "JWK 0: d is no private key of P-256"},
	} {
		text, ok := row.jwks.(string)
		if !ok {
			text = string(jsonOf(t, row.jwks))
		}
		keys, err := issuer.ParseSigningKeys([]byte(text))
		require.ErrorContains(t, err, row.want, row.name)
		assert.Nil(t, keys, row.name)
		for _, secret := range []any{o["k"], e["d"], c["d"], other["d"], otherEC["d"]} {
			assert.NotContains(t, err.Error(), secret, row.name)
		}
	}
}

func FuzzParseSigningKeys(f *testing.F) {
	for _, algorithm := range algorithms {
		f.Add(jsonOf(f, privateJWK(f, issuer.NewSigningKey(algorithm))))
	}
	f.Add([]byte(`{"keys":[{"kty":"oct"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := issuer.ParseSigningKeys(text)
		if err != nil {
			return
		}
		for _, key := range keys {
			_, err := issuer.New(issuer.Config{Tokens: &issuer.Tokens{
				Issuer: "a", Audience: "b", SigningKeys: []issuer.SigningKey{issuer.NewSigningKey(key.Algorithm), key},
			}})
			assert.NoError(t, err, "what was parsed is used")
		}
	})
}

// No print shows a key.
func TestSigningKeyHidesItself(t *testing.T) {
	for _, algorithm := range algorithms {
		key := issuer.NewSigningKey(algorithm)
		members := privateJWK(t, key)
		secret := members["k"]
		if secret == nil {
			secret = members["d"]
		}
		raw, err := base64.RawURLEncoding.DecodeString(secret.(string))
		require.NoError(t, err)
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("made", "key", key)
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("made", "key", &key, "keys", []issuer.SigningKey{key})
		texts := []string{logged.String(), string(jsonOf(t, key)), string(jsonOf(t, map[string]any{"k": []any{&key}}))}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			texts = append(texts, fmt.Sprintf(verb, key), fmt.Sprintf(verb, &key), fmt.Sprintf(verb, []issuer.SigningKey{key}),
				fmt.Sprintf(verb, issuer.Tokens{SigningKeys: []issuer.SigningKey{key}}))
		}
		for _, text := range texts {
			assert.Contains(t, text, key.ID)
			for _, part := range []string{secret.(string), hex.EncodeToString(raw), fmt.Sprint(raw), string(raw)} {
				assert.NotContains(t, text, part)
			}
		}
	}
	assert.Panics(t, func() { issuer.NewSigningKey("none") })
}

func TestSetSigningKeysRefuses(t *testing.T) {
	hs, ed := issuer.NewSigningKey("HS256"), issuer.NewSigningKey("EdDSA")
	public := ed
	public.ID, public.Key = "public", ed.Key.(ed25519.PrivateKey).Public()
	for _, row := range []struct {
		name string
		old  issuer.SigningKey
		keys []issuer.SigningKey
		want []string
	}{
		{"none", hs, nil, []string{"SetSigningKeys: required"}},
		{"another family", hs, []issuer.SigningKey{ed}, []string{"SetSigningKeys: key 0: the algorithm is EdDSA, and the others' is HS256"}},
		{"two families", ed, []issuer.SigningKey{ed, hs}, []string{"key 1: the algorithm is HS256"}},
		{"one ID twice", hs, []issuer.SigningKey{hs, hs}, []string{`key 1: the ID "` + hs.ID + `" is that of another`}},
		{"a public key first", ed, []issuer.SigningKey{public, ed}, []string{"key 0: the first key is to sign"}},
		{"two faults", hs, []issuer.SigningKey{{}, {ID: "a", Algorithm: "HS256", Key: []byte("short")}}, []string{
			"key 0: the ID is empty", "key 1: a secret of 5 bytes",
		}},
	} {
		s := newSigned(t)
		s.config.Tokens.SigningKeys = []issuer.SigningKey{row.old}
		iss := s.issuer()
		guard, text := s.tokens(iss), first(s.session("user:42", nil))
		err := iss.SetSigningKeys(row.keys...)
		for _, want := range row.want {
			require.ErrorContains(t, err, want, row.name)
		}
		assert.Equal(t, "ok", guard(text), "%s: the keys stay as they are", row.name)

		s.config.Tokens.SigningKeys = append([]issuer.SigningKey{}, row.keys...)
		if row.name != "another family" {
			_, err = issuer.New(s.config)
			assert.ErrorContains(t, err, "Config.Tokens.SigningKeys", row.name)
		}
	}
	iss, err := issuer.New(issuer.Config{})
	require.NoError(t, err)
	assert.ErrorContains(t, iss.SetSigningKeys(hs), "Config.Tokens is nil")
}

// A signing key is replaced without harm: added second everywhere, moved to the
// front, and removed when its last token has expired. A token of a key that is not
// there is dead, though a guard remembers its signature.
func TestSigningKeysRotate(t *testing.T) {
	for _, algorithm := range algorithms {
		s := newSigned(t)
		old, next := issuer.NewSigningKey(algorithm), issuer.NewSigningKey(algorithm)
		s.config.Tokens.SigningKeys = []issuer.SigningKey{old}
		iss := s.issuer()
		guard := s.tokens(iss)
		oldToken, session := s.session("user:42", nil)
		nextToken := s.token(session, next)
		for _, step := range []struct {
			name        string
			keys        []issuer.SigningKey
			oldW, nextW string
		}{
			{"the old one alone", []issuer.SigningKey{old}, "ok", "invalid_token"},
			{"the next one second", []issuer.SigningKey{old, next}, "ok", "ok"},
			{"the next one in front", []issuer.SigningKey{next, old}, "ok", "ok"},
			{"the old one removed", []issuer.SigningKey{next}, "invalid_token", "ok"},
			{"another key with the ID of the old one", []issuer.SigningKey{next, {
				ID: old.ID, Algorithm: algorithm, Key: issuer.NewSigningKey(algorithm).Key,
			}}, "invalid_token", "ok"},
		} {
			require.NoError(t, iss.SetSigningKeys(step.keys...), step.name)
			for range 2 {
				assert.Equal(t, step.oldW, guard(oldToken), "%s: %s", algorithm, step.name)
				assert.Equal(t, step.nextW, guard(nextToken), "%s: %s", algorithm, step.name)
			}
		}
		session.ID = "se_other"
		anonymous := old
		anonymous.ID = ""
		assert.Equal(t, "invalid_token", guard(s.token(session, anonymous)), "an empty kid")
	}
}

// Signing keys may be replaced while tokens are signed and verified.
func TestSetSigningKeysConcurrently(t *testing.T) {
	s := newSigned(t)
	iss := s.issuer()
	guard, text := s.tokens(iss), first(s.session("user:42", nil))
	old := s.config.Tokens.SigningKeys[0]
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			assert.NoError(t, iss.SetSigningKeys(issuer.NewSigningKey("HS256"), old))
		}
	}()
	for {
		select {
		case <-done:
			return
		default:
			assert.Equal(t, "ok", guard(text))
		}
	}
}
