package bearer_test

import (
	"bytes"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// countedHash returns a hash of counted bytes, and its digits, which have letters.
func countedHash() (hash bearer.KeyHash, digits string) {
	for i := range hash {
		hash[i] = byte(0xd0 + i)
	}
	return hash, "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
}

func TestKeyHashPrintsItself(t *testing.T) {
	hash, digits := countedHash()
	for _, row := range []struct{ verb, want string }{
		{"%v", digits},
		{"%+v", digits},
		{"%s", digits},
		{"%x", digits},
		{"%X", strings.ToUpper(digits)},
		{"%#x", "0x" + digits},
		{"%q", `"` + digits + `"`},
		{"%#v", `"` + digits + `"`},
		{"%70s", "      " + digits},
		{"%d", fmt.Sprint(hash[:])},
	} {
		assert.Equal(t, row.want, fmt.Sprintf(row.verb, hash), row.verb)
		assert.Equal(t, row.want, fmt.Sprintf(row.verb, &hash), row.verb)
	}
	assert.Equal(t, digits, hash.String())
	assert.Equal(t, "map["+digits+":1]", fmt.Sprint(map[bearer.KeyHash]int{hash: 1}))
	assert.Equal(t, "[<nil>]", fmt.Sprint([]any{(*bearer.KeyHash)(nil)}))
}

// Logs show no hash, in slog's own formats.
func TestKeyHashInLogs(t *testing.T) {
	hash, digits := countedHash()
	var shown bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&shown, noTime), slog.NewJSONHandler(&shown, noTime)} {
		slog.New(h).Info("found", "hash", hash, "same", &hash)
	}
	assert.Equal(t, 4, strings.Count(shown.String(), "[redacted]"))
	assertAbsent(t, shown.String(), digits)
}

func TestKeyHashJSON(t *testing.T) {
	hash, digits := countedHash()
	_, other := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	want := map[bearer.KeyHash][]bearer.KeyHash{hash: {other}, other: {hash, {}}}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"`+digits+`":["`+other.String()+`"]`)
	var got map[bearer.KeyHash][]bearer.KeyHash
	require.NoError(t, json.Unmarshal(text, &got))
	assert.Equal(t, want, got)
}

func TestParseKeyHash(t *testing.T) {
	hash, digits := countedHash()
	text, _ := bearer.KeyFormat{Namespace: "acme_long_enough"}.Generate(bearer.SecretKey, bearer.Live)
	for _, row := range []struct {
		name, text string
		ok         bool
	}{
		{"lower case", digits, true},
		{"upper case", strings.ToUpper(digits), true},
		{"both", strings.ToUpper(digits[:32]) + digits[32:], true},
		{"nothing", "", false},
		{"one digit less", digits[1:], false},
		{"one digit more", digits + "0", false},
		{"one byte less", digits[2:], false},
		{"one byte more", digits + "00", false},
		{"0x", "0x" + digits, false},
		{"0x in place of a byte", "0x" + digits[2:], false},
		{`\x, as PostgreSQL writes bytes`, `\x` + digits, false},
		{"space before", " " + digits[1:], false},
		{"line break behind", digits + "\n", false},
		{"quotes", `"` + digits + `"`, false},
		{"not a digit", digits[:63] + "g", false},
		{"digits that are not ASCII", digits[:61] + "１", false},
		{"its bytes", string(hash[:]), false},
		{"redacted", "[redacted]", false},
		{"a key", text, false},
		{"64 characters of a key", (text + text)[:64], false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var scanned, unmarshalled bearer.KeyHash
			got, err := bearer.ParseKeyHash(row.text)
			scanErr := scanned.Scan(row.text)
			textErr := unmarshalled.UnmarshalText([]byte(row.text))
			if row.ok {
				require.NoError(t, err)
				require.NoError(t, scanErr)
				require.NoError(t, textErr)
				assert.Equal(t, []bearer.KeyHash{hash, hash, hash}, []bearer.KeyHash{got, scanned, unmarshalled})
				return
			}
			require.EqualError(t, err, "bearer: a key hash is 64 hexadecimal digits", "and not what was there instead")
			assert.Equal(t, err, textErr)
			require.Error(t, scanErr)
			assert.Zero(t, [...]bearer.KeyHash{got, scanned, unmarshalled})
			quoted, _ := json.Marshal(row.text)
			jsonErr := json.Unmarshal(quoted, &unmarshalled)
			require.Error(t, jsonErr)
			if len(row.text) > 16 {
				assertAbsent(t, jsonErr.Error()+scanErr.Error(), row.text[:16])
			}
		})
	}
}

// What cannot be read leaves a hash as it was.
func TestKeyHashUnmarshalsWhole(t *testing.T) {
	hash, digits := countedHash()
	got := hash
	require.Error(t, got.UnmarshalText([]byte(strings.Repeat("0", 62)+"xx")))
	require.Error(t, got.Scan(digits[:62]))
	assert.Equal(t, hash, got)
}

func TestKeyHashColumns(t *testing.T) {
	hash, digits := countedHash()
	value, err := hash.Value()
	require.NoError(t, err)
	assert.Equal(t, hash[:], value)
	for _, row := range []struct {
		name   string
		column driver.Value
		ok     bool
	}{
		{"32 bytes", hash[:], true},
		{"hexadecimal text", digits, true},
		{"hexadecimal text as bytes", []byte(digits), true},
		{"upper case, as HEX() writes it", []byte(strings.ToUpper(digits)), true},
		{"32 characters, such as an MD5 digest in hexadecimal", digits[:32], false},
		{"31 bytes", hash[:31], false},
		{"33 bytes", append(hash[:], 0), false},
		{"64 bytes", append(hash[:], hash[:]...), false},
		{"NULL", nil, false},
		{"no bytes", []byte{}, false},
		{"a number", int64(1), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got bearer.KeyHash
			err := got.Scan(row.column)
			if !row.ok {
				require.ErrorContains(t, err, "32 bytes")
				assert.Zero(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, hash, got)
		})
	}
}

// A store that names its entries by the text of a hash has an entry for each key,
// however it makes that text.
func TestKeyHashNames(t *testing.T) {
	names := map[string]func(bearer.KeyHash) string{
		"%x":     func(h bearer.KeyHash) string { return fmt.Sprintf("apikey:%x", h) },
		"%X":     func(h bearer.KeyHash) string { return fmt.Sprintf("apikey:%X", h) },
		"%v":     func(h bearer.KeyHash) string { return fmt.Sprintf("apikey:%v", h) },
		"%q":     func(h bearer.KeyHash) string { return fmt.Sprintf("%q", h) },
		"%d":     func(h bearer.KeyHash) string { return fmt.Sprintf("%d", h) },
		"Sprint": func(h bearer.KeyHash) string { return "apikey:" + fmt.Sprint([]any{h}) },
		"String": func(h bearer.KeyHash) string { return "apikey:" + h.String() },
		"JSON":   func(h bearer.KeyHash) string { text, _ := json.Marshal(h); return string(text) },
		"hex":    func(h bearer.KeyHash) string { return hex.EncodeToString(h[:]) },
	}
	for name, of := range names {
		hash := bearer.KeyFormat{}.Hash("a key")
		for i := range hash {
			other := hash
			other[i] ^= 1
			assert.NotEqual(t, of(hash), of(other), name)
		}
	}
}
