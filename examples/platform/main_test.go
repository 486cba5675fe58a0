//go:build unix

package main_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	program "github.com/blockauth/bearer/examples/platform"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// built builds the program once for all tests, and returns where it is.
var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "platform")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// command returns what that runs the program.
func command(ctx context.Context, t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	binary, err := built()
	require.NoError(t, err)
	return exec.CommandContext(ctx, binary, arguments...)
}

// start runs the program. It returns the first line that it prints, and a function
// that asks it to end and returns how it did.
func start(t *testing.T, arguments ...string) (line string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	command := command(ctx, t, arguments...)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	reader := bufio.NewReader(stdout)
	line, err = reader.ReadString('\n')
	require.NoError(t, err)
	return line, func() error {
		require.NoError(t, command.Process.Signal(syscall.SIGTERM))
		rest, err := io.ReadAll(reader)
		require.NoError(t, err)
		assert.Empty(t, rest, "one line")
		return command.Wait()
	}
}

// The program prints one line of JSON with the members that are documented, and
// each of them is good.
func TestProgram(t *testing.T) {
	line, stop := start(t, "-json", "-addr", "127.0.0.1:0")
	var all map[string]string
	require.NoError(t, json.Unmarshal([]byte(line), &all))
	var members []string
	for _, m := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(line, -1) {
		members = append(members, m[1])
	}
	assert.Equal(t, []string{
		"addr", "email", "password", "member_email", "member_password", "api_key", "api_secret", "client_id",
		"client_secret", "introspect_client_id", "introspect_client_secret", "secret_key", "publishable_key",
	}, members)
	for name, value := range all {
		assert.NotEmpty(t, value, name)
	}
	post := func(path, mediaType, body string) int {
		answer, err := http.Post("http://"+all["addr"]+path, mediaType, strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	const form = "application/x-www-form-urlencoded"
	for name, got := range map[string]int{
		"admin":   post("/auth/login", "application/json", `{"email":"`+all["email"]+`","password":"`+all["password"]+`"}`),
		"member":  post("/auth/login", "application/json", `{"email":"`+all["member_email"]+`","password":"`+all["member_password"]+`"}`),
		"pair":    post("/auth/token", "application/json", `{"apiKey":"`+all["api_key"]+`","apiSecret":"`+all["api_secret"]+`"}`),
		"secret":  post("/auth/login", "application/json", `{"api_key":"`+all["secret_key"]+`"}`),
		"public":  post("/auth/login", "application/json", `{"api_key":"`+all["publishable_key"]+`"}`),
		"client":  post("/oauth/token", form, "grant_type=client_credentials&scope=read&client_id="+all["client_id"]+"&client_secret="+all["client_secret"]),
		"inspect": post("/oauth/introspect", form, "token=x&client_id="+all["introspect_client_id"]+"&client_secret="+all["introspect_client_secret"]),
	} {
		assert.Equal(t, http.StatusOK, got, name)
	}
	assert.NoError(t, stop())
}

// words splits a line as a shell does, with quotes and without anything else.
func words(line string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		all = append(all, m[1]+m[2]+m[3])
	}
	return all
}

// curl makes the request of a line, with its variables.
func curl(t *testing.T, line string, variables map[string]string) (int, string) {
	t.Helper()
	for name, value := range variables {
		line = strings.ReplaceAll(line, "$"+name, value)
	}
	var target, body, user string
	header := http.Header{}
	for args := words(line)[1:]; len(args) > 0; args = args[1:] {
		switch args[0] {
		case "-H":
			name, value, _ := strings.Cut(args[1], ": ")
			header.Set(name, value)
			args = args[1:]
		case "-d":
			body = strings.TrimPrefix(body+"&"+args[1], "&")
			args = args[1:]
		case "-u":
			user = args[1]
			args = args[1:]
		default:
			target = args[0]
		}
	}
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header
	if body != "" && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if id, secret, ok := strings.Cut(user, ":"); ok {
		r.SetBasicAuth(id, secret)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// What the program prints works as it stands.
func TestProgramPrintsWhatWorks(t *testing.T) {
	text := serve(t, program.Settings{Addr: "127.0.0.1:0"}, "Ctrl-C")
	variables := map[string]string{}
	commands := regexp.MustCompile(`(?m)^ {2}(curl .*(?:\\\n.*)*)$`).FindAllString(strings.ReplaceAll(text, "\\\n", " "), -1)
	assert.Len(t, commands, 15)
	for _, line := range commands {
		line, comment, _ := strings.Cut(strings.TrimSpace(line), "   # ")
		status, body := curl(t, line, variables)
		if comment == "403" {
			assert.Equal(t, http.StatusForbidden, status, line)
			continue
		}
		assert.Less(t, status, 300, "%s: %s", line, body)
		for name, member := range map[string]string{"TOKEN": "access_token", "KEY": "key"} {
			m := regexp.MustCompile(`"` + member + `":"([^"]+)"`).FindStringSubmatch(body)
			if m != nil && (name != "TOKEN" || variables["TOKEN"] == "") {
				variables[name] = m[1]
			}
		}
	}
}

// serve runs the program until the end of the test, and returns what it prints up
// to a line that begins so.
func serve(t *testing.T, s program.Settings, last string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- program.Run(ctx, s, in)
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.HasPrefix(lines.Text(), last); {
		text.WriteString(lines.Text() + "\n")
	}
	return text.String()
}

// The first start with a database prints what it has made, and a later one only
// where it is. That Redis is away is no reason not to start.
func TestProgramWithDatabase(t *testing.T) {
	dir := t.TempDir()
	s := program.Settings{
		Addr: "127.0.0.1:0", SigningKeys: filepath.Join(dir, "keys.json"), Database: filepath.Join(dir, "a file?.db"),
		Redis: "redis://127.0.0.1:1",
	}
	require.NoError(t, program.WriteSigningKeys(s.SigningKeys))
	t.Run("the first start", func(t *testing.T) {
		assert.Contains(t, serve(t, s, "Ctrl-C"), "curl -H 'Authorization: Bearer sk_test_")
	})
	t.Run("the second start", func(t *testing.T) {
		text := serve(t, s, "The first start with this database has printed")
		assert.NotContains(t, text, "curl")
		url := regexp.MustCompile(`http://127\S+`).FindString(text)
		answer, err := http.Get(url + "/healthz")
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		answer, err = http.Get(url + "/v1/tokens")
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusUnauthorized, answer.StatusCode)
	})
	assert.FileExists(t, s.Database)
}

// What a start cannot go on with is named, and no password is repeated.
func TestRunTellsWhatIsWrong(t *testing.T) {
	keys, noKeys := filepath.Join(t.TempDir(), "keys.json"), filepath.Join(t.TempDir(), "none.json")
	require.NoError(t, program.WriteSigningKeys(keys))
	require.NoError(t, os.WriteFile(noKeys, []byte("{}"), 0o600))
	with := func(database, redis string) program.Settings {
		return program.Settings{SigningKeys: keys, Database: database, Redis: redis}
	}
	for _, row := range []struct {
		name     string
		settings program.Settings
		want     string
	}{
		{"an address", program.Settings{Addr: "256.0.0.1:0"}, "another address"},
		{"no keys for a database", program.Settings{Database: "file.db"}, "-database needs -signing-keys"},
		{"keys that are not there", program.Settings{SigningKeys: "missing.json"}, "-signing-keys: open missing.json"},
		{"keys that are none", program.Settings{SigningKeys: noKeys}, "-signing-keys " + noKeys},
		{"a URL of all replicas", program.Settings{URL: "platform"}, `-url: "platform"`},
		{"the scheme of a database", with("oracle://user:secret@host/db", ""), `-database: "oracle" is not the scheme`},
		{"no PostgreSQL", with("postgres://user:secret@127.0.0.1:1/db", ""), "-database: "},
		{"a URL of PostgreSQL", with("postgres://user:secret@host:port/db", ""), "-database: "},
		{"no MySQL", with("mysql://user:secret@127.0.0.1:1/db", ""), "-database: "},
		{"a URL of MySQL", with("mysql://user:secret@host:port/db", ""), "-database: "},
		{"a directory that is not there", with(filepath.Join(t.TempDir(), "missing", "file.db"), ""), "-database: "},
		{"the scheme of Redis", with("", "http://user:secret@127.0.0.1"), "-redis: "},
		{"a URL of Redis", with("", "redis://:secret/@host:6379"), "-redis: not a URL"},
		{"a DSN of SQLite", with("file:other.db", ""), "-database: a file is named by its path"},
		{"a database in memory", with(":memory:", ""), "-database: each connection would have a database of its own"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.settings.Addr = cmp.Or(row.settings.Addr, "127.0.0.1:0")
			err := program.Run(t.Context(), row.settings, io.Discard)
			require.ErrorContains(t, err, row.want)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

// A file of keys is made once: replicas that were started with it go on.
func TestWriteSigningKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, program.WriteSigningKeys(name))
	first, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, program.WriteSigningKeys(name))
	again, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, string(first), string(again))
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())
}
