package issuer

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadObject proves what S0.5, S3.1, S4.5 and S4.13 ask of bodies.
func TestReadObject(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	long := func(n int) string { return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}` }
	for _, test := range []struct {
		name  string
		body  string
		code  bearer.Code // zero: good
		param string
	}{
		{"no members", "{}", "", ""},
		{"white space around", " \r\n\t{ \"a\" : 1 } \n", "", ""},
		{"escapes", `{"a":"\u00e9\ud83d\ude00\\u0000\\ud800\"\n"}`, "", ""},
		{"a number beyond float64", `{"a":1e999}`, "", ""},
		{"names differ by case", `{"a":1,"A":1}`, "", ""},
		{"one name in two objects", `{"a":{"b":1},"c":{"b":1}}`, "", ""},
		{"32 deep", `{"a":` + deep(31) + `}`, "", ""},
		{"64 KiB", long(maxBody), "", ""},

		{"nothing", "", bearer.CodeInvalidRequest, ""},
		{"white space", "  ", bearer.CodeInvalidRequest, ""},
		{"no JSON", "a=b", bearer.CodeInvalidRequest, ""},
		{"cut off", `{"a":`, bearer.CodeInvalidRequest, ""},
		{"array", `[{"a":1}]`, bearer.CodeInvalidRequest, ""},
		{"null", `null`, bearer.CodeInvalidRequest, ""},
		{"string", `"{}"`, bearer.CodeInvalidRequest, ""},
		{"two values", `{}{}`, bearer.CodeInvalidRequest, ""},
		{"trailing text", `{} a`, bearer.CodeInvalidRequest, ""},
		{"trailing comma", `{"a":1,}`, bearer.CodeInvalidRequest, ""},
		{"comment", `{/**/}`, bearer.CodeInvalidRequest, ""},
		{"byte order mark", "\ufeff{}", bearer.CodeInvalidRequest, ""},
		{"UTF-16", "\xff\xfe{\x00}\x00", bearer.CodeInvalidRequest, ""},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", bearer.CodeInvalidRequest, ""},
		{"encoded surrogate", "{\"a\":\"\xed\xa0\x80\"}", bearer.CodeInvalidRequest, ""},
		{"raw NUL", "{\"a\":\"\x00\"}", bearer.CodeInvalidRequest, ""},
		{"NUL", `{"a":"x\u0000"}`, bearer.CodeInvalidRequest, "a"},
		{"NUL, nested", `{"a":[{"b":"\u0000"}]}`, bearer.CodeInvalidRequest, "a"},
		{"NUL in a name", `{"a\u0000":1}`, bearer.CodeInvalidRequest, ""},
		{"NUL in a nested name", `{"a":{"\u0000":1}}`, bearer.CodeInvalidRequest, "a"},
		{"first half of a pair", `{"a":"\ud800"}`, bearer.CodeInvalidRequest, "a"},
		{"second half of a pair", `{"a":"\uDC00"}`, bearer.CodeInvalidRequest, "a"},
		{"half a pair and a letter", `{"a":"\ud83d\u0041"}`, bearer.CodeInvalidRequest, "a"},
		{"a pair and half a pair", `{"a":"\ud83d\ude00\ude00"}`, bearer.CodeInvalidRequest, "a"},
		{"half a pair in a name", `{"\ud800":1}`, bearer.CodeInvalidRequest, ""},
		{"duplicate", `{"a":1,"a":1}`, bearer.CodeInvalidRequest, "a"},
		{"duplicate, escaped", `{"ab":1,"\u0061b":2}`, bearer.CodeInvalidRequest, "ab"},
		{"duplicate, nested", `{"a":{"b":[{"c":1,"c":2}]}}`, bearer.CodeInvalidRequest, "a"},
		{"33 deep", `{"a":` + deep(32) + `}`, bearer.CodeInvalidRequest, "a"},
		{"very deep", `{"a":` + deep(20_000) + `}`, bearer.CodeInvalidRequest, ""},
		{"64 KiB and one", long(maxBody + 1), bearer.CodePayloadTooLarge, ""},
		{"much", strings.Repeat(" ", 1<<20), bearer.CodePayloadTooLarge, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
			r.Header.Set("Content-Type", "application/json")

			o, err := readObject(httptest.NewRecorder(), r)

			if test.code == "" {
				require.NoError(t, err)
				assert.NotNil(t, o)
				return
			}
			var e *bearer.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.code, e.Code)
			assert.Equal(t, test.param, e.Param)
			assert.Nil(t, o)
		})
	}
}

func TestReadObjectMediaType(t *testing.T) {
	for _, test := range []struct {
		name  string
		types []string
		body  string
		good  bool
	}{
		{"JSON", []string{"application/json"}, "{}", true},
		{"other case", []string{"Application/JSON"}, "{}", true},
		{"charset", []string{"application/json; charset=utf-8"}, "{}", true},
		{"charset in quotes and capitals", []string{`application/json;charset="UTF-8"`}, "{}", true},
		{"nothing at all", nil, "", true},
		{"nothing, of another type", []string{"application/x-www-form-urlencoded"}, "", true},
		{"none", nil, "{}", false},
		{"empty", []string{""}, "{}", false},
		{"two", []string{"application/json", "application/json"}, "{}", false},
		{"another charset", []string{"application/json; charset=latin1"}, "{}", false},
		{"another parameter", []string{"application/json; v=1"}, "{}", false},
		{"form", []string{"application/x-www-form-urlencoded"}, "{}", false},
		{"plain text", []string{"text/plain"}, "{}", false},
		{"suffix", []string{"application/merge-patch+json"}, "{}", false},
		{"malformed", []string{"application/json;"}, "{}", true},
		{"malformed parameter", []string{"application/json; charset"}, "{}", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
			r.Header["Content-Type"] = test.types

			_, err := readOptional(httptest.NewRecorder(), r)

			want := bearer.CodeUnsupportedMediaType
			if test.good {
				want = ""
			}
			assert.Equal(t, want, bearer.CodeOf(err))
		})
	}
}

func TestObjectMembers(t *testing.T) {
	o := object{"s": []byte(`"a"`), "n": []byte("1"), "null": []byte("null")}
	tests := []struct {
		name    string
		want    string
		isThere bool
		isGood  bool
	}{
		{"s", "a", true, true},
		{"n", "", false, false},
		{"null", "", false, true},
		{"absent", "", false, true},
		{"S", "", false, true}, // names compare byte for byte
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text, isThere, err := o.optionalText(test.name)

			assert.Equal(t, test.want, text)
			assert.Equal(t, test.isThere, isThere)
			assert.Equal(t, test.isGood, err == nil)

			_, err = o.text(test.name)
			assert.Equal(t, test.isThere, err == nil)
		})
	}
	require.NoError(t, o.only("s", "n", "null", "other"))
	var e *bearer.Error
	require.ErrorAs(t, o.only("s", "null"), &e)
	assert.Equal(t, "n", e.Param)
}

// FuzzReadObject compares what readObject accepts with encoding/json.
func FuzzReadObject(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"a":1}`, `{"a":"\u00e9\ud83d\ude00"}`, `{"a":"\ud83d"}`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`,
		`[]`, `null`, `{"a":[[[[]]]]}`, "\ufeff{}", `{"\\u0000":"\\"}`, `{"a":"\u0000"}`, `{"a":1e999}`, "{\"a\":\"\xff\"}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")

		o, err := readObject(httptest.NewRecorder(), r)
		if err != nil {
			var e *bearer.Error
			require.ErrorAs(t, err, &e)
			assert.Less(t, e.StatusCode(), 500)
			return
		}
		want := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		assert.Equal(t, want, map[string]json.RawMessage(o))
		for name := range o {
			assert.NotContains(t, name, "\x00")
			if text, isThere, err := o.optionalText(name); err == nil && isThere {
				assert.NotContains(t, text, "\x00")
			}
		}
	})
}

// A countedBody is an endless body that counts what is read of it.
type countedBody struct{ n int }

func (b *countedBody) Read(p []byte) (int, error) {
	b.n += len(p)
	return len(p), nil
}

// TestReadObjectReadsNoMore proves that a body without a length is bounded too.
func TestReadObjectReadsNoMore(t *testing.T) {
	body := &countedBody{}
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.Header.Set("Content-Type", "application/json")
	_, err := readObject(httptest.NewRecorder(), r)
	assert.Equal(t, bearer.CodePayloadTooLarge, bearer.CodeOf(err))
	assert.LessOrEqual(t, body.n, maxBody+1)

	r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	_, err = readObject(httptest.NewRecorder(), r)
	assert.Equal(t, bearer.CodeUnsupportedMediaType, bearer.CodeOf(err))

	r = httptest.NewRequest(http.MethodPost, "/", iotest.ErrReader(io.ErrUnexpectedEOF))
	r.Header.Set("Content-Type", "application/json")
	_, err = readObject(httptest.NewRecorder(), r)
	assert.Equal(t, bearer.CodeInvalidRequest, bearer.CodeOf(err))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
