package command_test

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

func TestKeyNew(t *testing.T) {
	pepper := strings.Repeat("p", 32)
	tests := []struct {
		name   string
		args   []string
		format bearer.KeyFormat
		kind   bearer.Kind
		env    bearer.Environment
		n      int
	}{
		{"by default", nil, bearer.KeyFormat{}, bearer.SecretKey, bearer.Test, 1},
		{"with a namespace", []string{"-namespace", "acme"}, bearer.KeyFormat{Namespace: "acme"}, bearer.SecretKey, bearer.Test, 1},
		{"publishable and live", []string{"-kind", "publishable", "-environment", "live"}, bearer.KeyFormat{}, bearer.PublishableKey, bearer.Live, 1},
		{"several", []string{"-n", "7"}, bearer.KeyFormat{}, bearer.SecretKey, bearer.Test, 7},
		{
			"with a pepper", []string{"-pepper-file", file(t, pepper+"\n")},
			bearer.KeyFormat{Pepper: []byte(pepper)}, bearer.SecretKey, bearer.Test, 1,
		},
		{
			"with a pepper in hex", []string{"-pepper-encoding", "hex", "-pepper-file", file(t, hex.EncodeToString([]byte(pepper)))},
			bearer.KeyFormat{Pepper: []byte(pepper)}, bearer.SecretKey, bearer.Test, 1,
		},
		{
			"with a pepper in base64",
			[]string{"-pepper-encoding=base64", "-pepper-file", file(t, base64.StdEncoding.EncodeToString([]byte(pepper))+"\r\n")},
			bearer.KeyFormat{Pepper: []byte(pepper)}, bearer.SecretKey, bearer.Test, 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, "", append([]string{"key", "new", "-json"}, tt.args...)...)
			require.Zero(t, r.code, r.err)
			lines := r.lines(t)
			require.Len(t, lines, tt.n)
			for _, line := range lines {
				text, _ := line["key"].(string)
				kind, env, err := tt.format.Parse(text)
				require.NoError(t, err)
				assert.Equal(t, tt.kind, kind)
				assert.Equal(t, tt.env, env)
				assert.Equal(t, tt.format.Hash(text).String(), line["hash"])
				assert.Equal(t, tt.format.Hint(text), line["hint"])
			}
			text := run(t, "", append([]string{"key", "new"}, tt.args...)...)
			assert.Regexp(t, `^key   \S+\nhash  [0-9a-f]{64}\nhint  \S+\n`, text.out)
		})
	}
}

func TestKeyNewWritesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.txt")
	r := run(t, "", "key", "new", "-n", "3", "-output", path, "-json")
	require.Zero(t, r.code, r.err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	for i, line := range r.lines(t) {
		assert.NotContains(t, line, "key")
		assert.Equal(t, bearer.KeyFormat{}.Hash(strings.Fields(string(text))[i]).String(), line["hash"])
	}
	again := run(t, "", "key", "new", "-output", path)
	assert.Equal(t, 3, again.code)
	t.Chdir(t.TempDir())
	assert.Equal(t, 2, run(t, "", "key", "new", "-output", "-").code)
	assert.NoFileExists(t, "-")
	same, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, text, same, "it is not overwritten")
}

func TestKeyNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
	}{
		{"a namespace in upper case", []string{"-namespace", "Acme"}, 2},
		{"a long namespace", []string{"-namespace", strings.Repeat("a", 33)}, 2},
		{"an unknown kind", []string{"-kind", "token"}, 2},
		{"no kind", []string{"-kind", ""}, 2},
		{"an unknown environment", []string{"-environment", "prod"}, 2},
		{"no key", []string{"-n", "0"}, 2},
		{"too many", []string{"-n", "100001"}, 2},
		{"a missing pepper", []string{"-pepper-file", "/does/not/exist"}, 3},
		{"a short pepper", []string{"-pepper-file", file(t, "short\n")}, 2},
		{"an unknown encoding", []string{"-pepper-file", file(t, "short\n"), "-pepper-encoding", "rot13"}, 2},
		{"a pepper that is not in hex", []string{"-pepper-file", file(t, "hunter2"), "-pepper-encoding", "hex"}, 2},
		{"a huge pepper", []string{"-pepper-file", file(t, strings.Repeat("x", 70_000))}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, "", append([]string{"key", "new"}, tt.args...)...)
			assert.Equal(t, tt.code, r.code)
			assert.Empty(t, r.out)
			assert.NotContains(t, r.err, "hunter2")
			assert.NotContains(t, r.err, "short\n")
		})
	}
}

func TestKeyCheck(t *testing.T) {
	key := newKey("acme")
	other, _ := bearer.KeyFormat{}.Generate(bearer.PublishableKey, bearer.Test)
	broken := key[:len(key)-1] + string("ab"[b2i(key[len(key)-1] == 'a')])
	tests := []struct {
		name, in string
		args     []string
		code     int
		want     string
	}{
		{"a key", key, nil, 0, "line 1: a secret key for live data: " + hintOf(key) + "\n"},
		{"two keys", key + "\r\n\n" + other + "\n", nil, 0, "line 3: a publishable key for test data: " + hintOf(other) + "\n"},
		{"of the namespace", key, []string{"-namespace", "acme"}, 0, "a secret key"},
		{"of another namespace", key, []string{"-namespace", "other"}, 1, "no key: it is a key of another namespace: " + hintOf(key)},
		{"a wrong checksum", broken, nil, 1, "line 1: no key: its checksum is wrong: a character is: " + hintOf(key) + "\n"},
		{"a good one behind a wrong one", broken + "\n" + key, nil, 1, "line 2: a secret key"},
		{"white space", " " + key, nil, 1, "there is white space around it"},
		{"another text", "hunter2", nil, 1, "line 1: no key: it does not have the form of a key\n"},
		{"in a file", "", []string{"-file", file(t, key)}, 0, "line 1: a secret key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"key", "check"}, tt.args...)
			r := run(t, tt.in, args...)
			assert.Equal(t, tt.code, r.code)
			assert.Contains(t, r.out, tt.want)
			assert.Empty(t, r.err)
			inJSON := run(t, tt.in, append(args, "-json")...)
			assert.Equal(t, tt.code, inJSON.code)
			lines := inJSON.lines(t)
			assert.Equal(t, strings.Contains(r.out, "\nline") || !strings.Contains(r.out, "no key"), lines[len(lines)-1]["valid"])
			for _, secret := range []string{key[15:], "hunter2"} {
				assert.NotContains(t, r.out+inJSON.out, secret)
			}
		})
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestKeyCheckWithoutInput(t *testing.T) {
	assert.Equal(t, 2, run(t, "\n\n", "key", "check").code)
	assert.Equal(t, 3, run(t, "", "key", "check", "-file", "/does/not/exist").code)
	long := run(t, newKey("")+"\n"+strings.Repeat("s", 2<<20), "key", "check")
	assert.Equal(t, 3, long.code)
	assert.Equal(t, "bearer: line 2 is longer than 1048576 bytes\n", long.err)
}

func TestKeyHash(t *testing.T) {
	key, format := newKey("acme"), bearer.KeyFormat{Namespace: "acme"}
	wrong := "acme_sk_live_" + strings.Repeat("a", 8) + "_" + strings.Repeat("b", 30)
	r := run(t, key+"\nlegacy text\n"+wrong+"\n", "key", "hash", "-namespace", "acme")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, format.Hash(key).String()+"  "+format.Hint(key)+"\n", r.out)
	assert.Equal(t, "line 2: no key: it does not have the form of a key\n"+
		"line 3: no key: its checksum is wrong: a character is\n", r.err)

	r = run(t, key+"\nlegacy text\n", "key", "hash", "-namespace", "acme", "-foreign", "-json")
	require.Zero(t, r.code)
	lines := r.lines(t)
	require.Len(t, lines, 2)
	assert.Equal(t, format.Hash("legacy text").String(), lines[1]["hash"])
	assert.NotContains(t, lines[1], "hint")

	r = run(t, wrong, "key", "hash", "-namespace", "acme", "-foreign")
	assert.Equal(t, 1, r.code, "a guard refuses it")
	r = run(t, "x", "key", "hash", "-namespace", "Acme", "-json")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.err, `{"error":{"exit":2,"message":"-namespace`)
}

func TestKeyHint(t *testing.T) {
	key := newKey("acme")
	r := run(t, key+"\n"+key[:len(key)-1]+"!\n"+key[:len(key)-1]+"\n", "key", "hint")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, hintOf(key)+"\n", r.out)
	assert.Equal(t, 2, strings.Count(r.err, "no key"))
	r = run(t, key, "key", "hint", "-json")
	assert.Equal(t, `{"line":1,"hint":"`+hintOf(key)+"\"}\n", r.out)
}
