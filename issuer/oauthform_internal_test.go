package issuer

import (
	"encoding/base64"
	"net/url"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What parseForm reads, net/url reads too, and writes back to the same form.
func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{
		"", "&&", "=", "a", "a=b&c=d", "a=1&a=2", "a=%zz", "a=%", "a=%ff", "a+b=%2B+%26", "a;b=c", "\x00=\xff",
		"grant_type=client_credentials&client_id=a%3Ab&client_secret=%C3%BC&scope=read+write",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fields, err := parseForm(text)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(fields), maxFields)
		values := url.Values{}
		for _, field := range fields {
			require.NotContains(t, values, field.name)
			require.True(t, utf8.ValidString(field.name) && utf8.ValidString(field.value))
			values.Set(field.name, field.value)
		}
		again, err := parseForm(values.Encode())
		require.NoError(t, err)
		require.ElementsMatch(t, fields, again)
		for name := range values {
			require.Equal(t, values.Get(name), fields.get(name))
		}
	})
}

// Whatever a client sends by Basic in the form of RFC 6749 section 2.3.1 is read,
// and nothing panics.
func FuzzParseBasic(f *testing.F) {
	for _, seed := range [][2]string{{"app", "secret"}, {"a:b", "%+ :"}, {"ü", "€"}, {"", ""}, {"\xff", "x"}} {
		f.Add(seed[0], seed[1], "Basic "+base64.StdEncoding.EncodeToString([]byte(seed[0]+":"+seed[1])))
	}
	f.Fuzz(func(t *testing.T, id, secret, field string) {
		if gotID, gotSecret, isBasic := parseBasic(field); isBasic {
			assert.NotEmpty(t, gotID)
			assert.True(t, utf8.ValidString(gotID) && utf8.ValidString(gotSecret))
		}
		if id == "" || !utf8.ValidString(id) || !utf8.ValidString(secret) {
			return
		}
		pair := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
		gotID, gotSecret, isBasic := parseBasic("basic " + base64.StdEncoding.EncodeToString([]byte(pair)))
		assert.True(t, isBasic)
		assert.Equal(t, id, gotID)
		assert.Equal(t, secret, gotSecret)
	})
}

func TestUUID(t *testing.T) {
	for range 100 {
		id := newUUID()
		canonical, isUUID := parseUUID(id)
		require.True(t, isUUID)
		require.Equal(t, id, canonical)
	}
}
