package bearer_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const keysAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// keysChecksum returns the checksum of a key by other means than the package.
func keysChecksum(body string) string {
	digits := new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(body)))).Text(62)
	swapped := strings.Map(func(c rune) rune { // big.Int has the lower case first
		switch {
		case 'a' <= c && c <= 'z':
			return c - 'a' + 'A'
		case 'A' <= c && c <= 'Z':
			return c - 'A' + 'a'
		}
		return c
	}, digits)
	return strings.Repeat("0", 6-len(swapped)) + swapped
}

// keysForged returns a key text with a right checksum.
func keysForged(body string) string { return body + keysChecksum(body) }

func keysPepper() []byte { return []byte(strings.Repeat("pepper ", 5)) }

func TestKeyFormatGenerate(t *testing.T) {
	for _, row := range []struct {
		name   string
		format bearer.KeyFormat
		kind   bearer.Kind
		env    bearer.Environment
		prefix string
		length int
	}{
		{"S4.1 sk_test", bearer.KeyFormat{}, bearer.SecretKey, bearer.Test, "sk_test_", 47},
		{"S4.1 sk_live", bearer.KeyFormat{}, bearer.SecretKey, bearer.Live, "sk_live_", 47},
		{"S4.1 pk_test", bearer.KeyFormat{}, bearer.PublishableKey, bearer.Test, "pk_test_", 47},
		{"S4.1 pk_live", bearer.KeyFormat{}, bearer.PublishableKey, bearer.Live, "pk_live_", 47},
		{"namespace", bearer.KeyFormat{Namespace: "acme"}, bearer.SecretKey, bearer.Live, "acme_sk_live_", 52},
		{"namespace with underscores", bearer.KeyFormat{Namespace: "a_1_"}, bearer.PublishableKey, bearer.Test, "a_1__pk_test_", 52},
		{"namespace like a prefix", bearer.KeyFormat{Namespace: "sk"}, bearer.SecretKey, bearer.Live, "sk_sk_live_", 50},
		{"pepper", bearer.KeyFormat{Pepper: keysPepper()}, bearer.SecretKey, bearer.Live, "sk_live_", 47},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, hash := row.format.Generate(row.kind, row.env)
			assert.Len(t, text, row.length)
			assert.Regexp(t, "^"+regexp.QuoteMeta(row.prefix)+"[0-9A-Za-z]{8}_[0-9A-Za-z]{30}$", text)
			assert.Equal(t, keysChecksum(text[:len(text)-6]), text[len(text)-6:])
			assert.Equal(t, row.format.Hash(text), hash)
			assert.Equal(t, text[:len(row.prefix)+8], row.format.Hint(text))
			kind, env, err := row.format.Parse(text)
			require.NoError(t, err)
			assert.Equal(t, row.kind, kind)
			assert.Equal(t, row.env, env)
		})
	}
}

func TestKeyFormatGeneratePanics(t *testing.T) {
	for _, row := range []struct {
		name string
		kind bearer.Kind
		env  bearer.Environment
	}{
		{"no kind", 0, bearer.Live},
		{"a token", bearer.Token, bearer.Live},
		{"unknown kind", 4, bearer.Live},
		{"negative kind", -1, bearer.Live},
		{"no environment", bearer.SecretKey, 0},
		{"unknown environment", bearer.SecretKey, 3},
		{"negative environment", bearer.PublishableKey, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Panics(t, func() { bearer.KeyFormat{}.Generate(row.kind, row.env) })
		})
	}
}

// Each position of the random part takes each character as often as any other.
// The bounds are so wide that a fair generator fails once in a billion runs.
func TestKeyFormatUniform(t *testing.T) {
	const n, random = 20_000, 32
	var counts [random][256]int
	var all [256]int
	texts := make(map[string]bool, n)
	for range n {
		text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
		texts[text] = true
		for i, c := range []byte(strings.ReplaceAll(text[len("sk_test_"):], "_", "")[:random]) {
			counts[i][c]++
			all[c]++
		}
	}
	assert.Len(t, texts, n, "no two keys are equal")
	chiSquare := func(counts *[256]int, total int) float64 {
		expected, sum := float64(total)/62, 0.0
		for _, c := range []byte(keysAlphabet) {
			d := float64(counts[c]) - expected
			sum += d * d / expected
		}
		return sum
	}
	// 61 degrees of freedom: the mean is 61, the deviation 11.
	for i := range counts {
		assert.Less(t, chiSquare(&counts[i], n), 150.0, "position %d", i)
	}
	assert.Less(t, chiSquare(&all, n*random), 150.0, "all positions: a modulo bias would give thousands")
}

func TestKeyFormatParse(t *testing.T) {
	body := "sk_" + "live_" + "a1B2c3D4_" + strings.Repeat("e5F6", 6)
	good := keysForged(body)
	acme := bearer.KeyFormat{Namespace: "acme"}
	const form, sum = "bearer: not a key of this format", "bearer: key has a wrong checksum"
	for _, row := range []struct {
		name   string
		format bearer.KeyFormat
		text   string
		want   string // "": no error
	}{
		{"good", bearer.KeyFormat{}, good, ""},
		{"empty", bearer.KeyFormat{}, "", form},
		{"only a prefix", bearer.KeyFormat{}, "sk_live_", form},
		{"only a kind", bearer.KeyFormat{}, "sk_", form},
		{"a character short", bearer.KeyFormat{}, good[:len(good)-1], form},
		{"a character long", bearer.KeyFormat{}, good + "0", form},
		{"upper-case prefix", bearer.KeyFormat{}, "SK" + good[2:], form},
		{"unknown kind", bearer.KeyFormat{}, keysForged("rk" + body[2:]), form},
		{"unknown environment", bearer.KeyFormat{}, keysForged("sk_prod" + body[7:]), form},
		{"no environment", bearer.KeyFormat{}, keysForged("sk_" + body[8:]), form},
		{"dash in the body", bearer.KeyFormat{}, keysForged(body[:20] + "-" + body[21:]), form},
		{"underscore in the body", bearer.KeyFormat{}, keysForged(body[:20] + "_" + body[21:]), form},
		{"letter beyond ASCII", bearer.KeyFormat{}, keysForged(body[:20] + "é" + body[22:]), form},
		{"no underscore after the id", bearer.KeyFormat{}, keysForged(body[:16] + "0" + body[17:]), form},
		{"underscore one too early", bearer.KeyFormat{}, keysForged(body[:15] + "_4" + body[17:]), form},
		{"leading space", bearer.KeyFormat{}, " " + good, form},
		{"trailing line break", bearer.KeyFormat{}, good + "\n", form},
		{"wrong checksum", bearer.KeyFormat{}, body + "000000", sum},
		{"checksum of another kind", bearer.KeyFormat{}, "pk" + good[2:], sum},
		{"checksum of another environment", bearer.KeyFormat{}, strings.Replace(good, "live", "test", 1), sum},
		{"checksum in another case", bearer.KeyFormat{}, body + strings.ToLower(keysChecksum(body)) + "", sum},
		{"namespace", acme, keysForged("acme_" + body), ""},
		{"namespace: none", acme, good, form},
		{"namespace: another", acme, keysForged("acne_" + body), form},
		{"namespace: longer", acme, keysForged("acmes_" + body), form},
		{"namespace: no underscore", acme, keysForged("acme" + body), form},
		{"namespace: twice", acme, keysForged("acme_acme_" + body), form},
		{"namespace: checksum without it", acme, "acme_" + good, sum},
		{"namespace: where none is", bearer.KeyFormat{}, keysForged("acme_" + body), form},
	} {
		t.Run(row.name, func(t *testing.T) {
			kind, env, err := row.format.Parse(row.text)
			if row.want == "" {
				require.NoError(t, err)
				assert.Equal(t, bearer.SecretKey, kind)
				assert.Equal(t, bearer.Live, env)
				return
			}
			require.EqualError(t, err, row.want, "and no piece of the text")
			assert.Zero(t, kind)
			assert.Zero(t, env)
		})
	}
}

// A key with one character changed is refused, and one with two swapped.
func TestKeyFormatChecksum(t *testing.T) {
	for _, format := range []bearer.KeyFormat{{}, {Namespace: "acme"}} {
		text, _ := format.Generate(bearer.SecretKey, bearer.Live)
		for i := range len(text) {
			for c := range 256 {
				if byte(c) == text[i] {
					continue
				}
				mistyped := text[:i] + string([]byte{byte(c)}) + text[i+1:]
				if _, _, err := format.Parse(mistyped); err == nil {
					assert.Fail(t, "accepted", "%q at %d", c, i)
				}
			}
		}
		for i := range len(text) - 1 { // two characters swapped
			swapped := text[:i] + string(text[i+1]) + string(text[i]) + text[i+2:]
			_, _, err := format.Parse(swapped)
			assert.Equal(t, swapped == text, err == nil, "at %d", i)
		}
	}
}

func TestKeyFormatHash(t *testing.T) {
	pepper := keysPepper()
	for _, text := range []string{"", "a", "sk_live_", strings.Repeat("k", 47), strings.Repeat("k", 128), strings.Repeat("k", 5000), "é\x00\xff"} {
		t.Run(fmt.Sprint(len(text)), func(t *testing.T) {
			assert.Equal(t, sha256.Sum256([]byte(text)), [32]byte(bearer.KeyFormat{}.Hash(text)))
			assert.Equal(t, sha256.Sum256([]byte(text)), [32]byte(bearer.KeyFormat{Namespace: "acme", Foreign: true}.Hash(text)))
			mac := hmac.New(sha256.New, pepper)
			mac.Write([]byte(text))
			hash := bearer.KeyFormat{Pepper: pepper}.Hash(text)
			assert.Equal(t, mac.Sum(nil), hash[:])
		})
	}
}

func TestKeyFormatHint(t *testing.T) {
	for _, row := range []struct {
		name   string
		format bearer.KeyFormat
		text   string
		want   string
	}{
		{"good", bearer.KeyFormat{}, "sk_" + "live_" + "a1B2c3D4_" + strings.Repeat("s", 30), "sk_live_" + "a1B2c3D4"},
		{"namespace", bearer.KeyFormat{Namespace: "acme"}, "acme_pk_" + "test_" + "a1B2c3D4_" + strings.Repeat("s", 30), "acme_pk_test_" + "a1B2c3D4"},
		{"without its namespace", bearer.KeyFormat{Namespace: "acme"}, "sk_" + "live_" + "a1B2c3D4_" + strings.Repeat("s", 30), ""},
		{"empty", bearer.KeyFormat{}, "", ""},
		{"short", bearer.KeyFormat{}, "sk_" + "live_" + "a1B2c3D4_" + strings.Repeat("s", 29), ""},
		{"foreign", bearer.KeyFormat{Foreign: true}, "0b5e8a9e-8b1c-4a7e-9a53-1f0f0c7d2e11", ""},
		{"a JWT", bearer.KeyFormat{}, "a.b.c", ""},
	} {
		t.Run(row.name, func(t *testing.T) { assert.Equal(t, row.want, row.format.Hint(row.text)) })
	}
	text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	secret := text[len("sk_live_")+9:]
	for i := range len(secret) - 3 {
		assert.NotContains(t, bearer.KeyFormat{}.Hint(text), secret[i:i+4])
	}
}

func TestKeyFormatConfig(t *testing.T) {
	for _, row := range []struct {
		name   string
		format bearer.KeyFormat
		want   string // "": no error
	}{
		{"zero", bearer.KeyFormat{}, ""},
		{"namespace", bearer.KeyFormat{Namespace: "acme_2"}, ""},
		{"namespace of 32", bearer.KeyFormat{Namespace: strings.Repeat("a", 32)}, ""},
		{"namespace of 33", bearer.KeyFormat{Namespace: strings.Repeat("a", 33)}, "Format.Namespace: longer than 32 characters"},
		{"upper case", bearer.KeyFormat{Namespace: "Acme"}, `Format.Namespace: "Acme" has more than`},
		{"dash", bearer.KeyFormat{Namespace: "ac-me"}, `Format.Namespace: "ac-me" has more than`},
		{"space", bearer.KeyFormat{Namespace: "ac me"}, `Format.Namespace: "ac me" has more than`},
		{"beyond ASCII", bearer.KeyFormat{Namespace: "acmé"}, `Format.Namespace: "acmé" has more than`},
		{"pepper of 31", bearer.KeyFormat{Pepper: make([]byte, 31)}, "Format.Pepper: 31 bytes are too few: at least 32"},
		{"pepper of 1", bearer.KeyFormat{Pepper: []byte("p")}, "Format.Pepper: 1 bytes are too few: at least 32"},
		{"pepper of 32", bearer.KeyFormat{Pepper: make([]byte, 32)}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := bearer.New(bearer.Config{Keys: bearer.NewMemoryStore(), Format: row.format})
			if row.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, row.want)
		})
	}
}

// A guard is not changed by what happens to the pepper that New was given.
func TestKeyFormatPepperIsCopied(t *testing.T) {
	format := bearer.KeyFormat{Pepper: keysPepper()}
	text, hash := format.Generate(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live})
	guard := newGuard(t, bearer.Config{Keys: store, Format: format})
	clear(format.Pepper)
	_, err := guard.Check(request(http.MethodGet, "/v1/tokens", text))
	assert.NoError(t, err)
}

func TestKeyFormatAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	format := bearer.KeyFormat{Namespace: "acme"}
	text, _ := format.Generate(bearer.SecretKey, bearer.Live)
	mistyped := text[:len(text)-1] + "-"
	var hash bearer.KeyHash
	var err error
	for _, row := range []struct {
		name string
		call func()
	}{
		{"Hash", func() { hash = format.Hash(text) }},
		{"Parse", func() { _, _, err = format.Parse(text) }},
		{"Parse, refused", func() { _, _, err = format.Parse(mistyped) }},
		{"Hint", func() { _ = format.Hint(text) }},
	} {
		assert.Zero(t, testing.AllocsPerRun(100, row.call), row.name)
	}
	assert.NotZero(t, hash)
	assert.Error(t, err)
}

// A pepper is replaced while keys that were hashed by an older one stay good.
func TestOldPeppers(t *testing.T) {
	newest, older, oldest := bytes.Repeat([]byte{3}, 32), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{1}, 32)
	key := func(pepper []byte) (string, bearer.Key) {
		text, hash := bearer.KeyFormat{Pepper: pepper}.Generate(bearer.SecretKey, bearer.Live)
		return text, bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live}
	}
	unknown, _ := key(newest)
	for _, row := range []struct {
		name    string
		pepper  []byte // of the record
		old     [][]byte
		want    string
		lookUps int
	}{
		{"the newest", newest, [][]byte{older, oldest}, "passed", 1},
		{"the one before", older, [][]byte{older, oldest}, "passed", 2},
		{"the oldest", oldest, [][]byte{older, oldest}, "passed", 3},
		{"none", nil, [][]byte{older, nil}, "passed", 3},
		{"one that is no more", oldest, [][]byte{older}, "401 invalid_api_key", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, record := key(row.pepper)
			n := 0
			format := bearer.KeyFormat{Pepper: bytes.Clone(newest), OldPeppers: row.old}
			h := newGuard(t, bearer.Config{Keys: counting(bearer.NewMemoryStore(record), &n), Format: format}).Handler(pass)
			clear(format.Pepper)
			assert.Equal(t, row.want, verdict(get(h, text)))
			assert.Equal(t, row.lookUps, n)
			assert.Equal(t, "401 invalid_api_key", verdict(get(h, unknown)))
			n = 0
			assert.Equal(t, "401 invalid_api_key", verdict(get(h, mistyped(text))))
			assert.Zero(t, n, "a mistyped key is not looked up")
		})
	}
}

// An outage is no reason to look a key up by an older pepper.
func TestOldPeppersInAnOutage(t *testing.T) {
	n := 0
	store := storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) {
		n++
		return nil, errDatabase
	})
	text, _ := newKey(bearer.SecretKey, bearer.Live)
	format := bearer.KeyFormat{OldPeppers: [][]byte{bytes.Repeat([]byte{1}, 32)}}
	assert.Equal(t, "503 store_unavailable", verdict(get(newGuard(t, bearer.Config{Keys: store, Format: format}).Handler(pass), text)))
	assert.Equal(t, 1, n)
}
