package issuer_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// tokens returns what a config of JWTs must say.
func tokens() *issuer.Tokens {
	return &issuer.Tokens{
		Issuer: "https://api.example", Audience: "https://api.example",
		SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
	}
}

// usersFunc is a Users and a Registrar of one function.
type usersFunc func(ctx context.Context, email, password string) (issuer.User, error)

func (f usersFunc) VerifyPassword(ctx context.Context, email, password string) (issuer.User, error) {
	return f(ctx, email, password)
}

func (f usersFunc) FindUser(ctx context.Context, id string) (issuer.User, error) {
	return f(ctx, id, "")
}

func (f usersFunc) Register(ctx context.Context, email, password string) (issuer.User, error) {
	return f(ctx, email, password)
}

func TestNewRefusesMisconfiguration(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*issuer.Config)
		field  string
	}{
		{"nil *MemoryStore", func(c *issuer.Config) { c.Store = (*issuer.MemoryStore)(nil) }, "Config.Store"},
		{"nil *Passwords for users", func(c *issuer.Config) { c.Users = (*issuer.Passwords)(nil) }, "Config.Users"},
		{"nil *Passwords to register", func(c *issuer.Config) { c.Registrar = (*issuer.Passwords)(nil) }, "Config.Registrar"},
		{"a zero MemoryStore", func(c *issuer.Config) { c.Store = new(issuer.MemoryStore) }, "Config.Store"},
		{"zero Passwords", func(c *issuer.Config) { c.Users = new(issuer.Passwords) }, "Config.Users"},
		{"Passwords over nothing", func(c *issuer.Config) { c.Users = issuer.NewPasswords(nil) }, "Config.Users"},
		{"Passwords over a nil *MemoryStore", func(c *issuer.Config) { c.Registrar = issuer.NewPasswords((*issuer.MemoryStore)(nil)) }, "Config.Registrar"},
		{"Passwords with a malformed scope", func(c *issuer.Config) {
			p := issuer.NewPasswords(issuer.NewMemoryStore())
			p.Scopes = "a  b"
			c.Registrar = p
		}, "Config.Registrar"},
		{"nil function for users", func(c *issuer.Config) { c.Users = usersFunc(nil) }, "Config.Users"},
		{"nil *Buckets", func(c *issuer.Config) { c.Limiter = (*bearer.Buckets)(nil) }, "Config.Limiter"},
		{"users without tokens", func(c *issuer.Config) { c.Users, c.Tokens = usersFunc(noUser), nil }, "Config.Users"},
		{"registrar without tokens", func(c *issuer.Config) { c.Registrar, c.Tokens = usersFunc(noUser), nil }, "Config.Registrar"},
		{"namespace in capitals", func(c *issuer.Config) { c.Format.Namespace = "Acme" }, "Config.Format.Namespace"},
		{"short pepper", func(c *issuer.Config) { c.Format.Pepper = make([]byte, 31) }, "Config.Format.Pepper"},
		{"short old pepper", func(c *issuer.Config) { c.Format.OldPeppers = [][]byte{make([]byte, 31)} }, "Config.Format.OldPeppers"},
		{"a catalogue with a family", func(c *issuer.Config) { c.Catalogue = []bearer.Scope{"tokens:*"} }, "Config.Catalogue"},
		{"a catalogue with all", func(c *issuer.Config) { c.Catalogue = []bearer.Scope{"*"} }, "Config.Catalogue"},
		{"a catalogue with a list", func(c *issuer.Config) { c.Catalogue = []bearer.Scope{"a b"} }, "Config.Catalogue"},
		{"a catalogue with nothing", func(c *issuer.Config) { c.Catalogue = []bearer.Scope{""} }, "Config.Catalogue"},
		{"negative DefaultTTL", func(c *issuer.Config) { c.Rules.DefaultTTL = -1 }, "Config.Rules.DefaultTTL"},
		{"negative MaxTTL", func(c *issuer.Config) { c.Rules.MaxTTL = -1 }, "Config.Rules.MaxTTL"},
		{"negative Grace", func(c *issuer.Config) { c.Rules.Grace = -1 }, "Config.Rules.Grace"},
		{"negative MaxGrace", func(c *issuer.Config) { c.Rules.MaxGrace = -1 }, "Config.Rules.MaxGrace"},
		{"DefaultTTL beyond MaxTTL", func(c *issuer.Config) {
			c.Rules.DefaultTTL, c.Rules.MaxTTL = 2*time.Hour, time.Hour
		}, "Config.Rules.DefaultTTL"},
		{"Grace beyond MaxGrace", func(c *issuer.Config) { c.Rules.Grace, c.Rules.MaxGrace = 2*time.Hour, time.Hour }, "Config.Rules.Grace"},
		{"Grace beyond the usual MaxGrace", func(c *issuer.Config) { c.Rules.Grace = 8 * 24 * time.Hour }, "Config.Rules.Grace"},
		{"negative MaxKeys", func(c *issuer.Config) { c.Rules.MaxKeys = -1 }, "Config.Rules.MaxKeys"},
		{"no issuer", func(c *issuer.Config) { c.Tokens.Issuer = "" }, "Config.Tokens.Issuer"},
		{"issuer with a space", func(c *issuer.Config) { c.Tokens.Issuer = "https://api.example " }, "Config.Tokens.Issuer"},
		{"issuer with a line break", func(c *issuer.Config) { c.Tokens.Issuer = "https://api.example\n" }, "Config.Tokens.Issuer"},
		{"issuer that is no UTF-8", func(c *issuer.Config) { c.Tokens.Issuer = "\xff" }, "Config.Tokens.Issuer"},
		{"no audience", func(c *issuer.Config) { c.Tokens.Audience = "" }, "Config.Tokens.Audience"},
		{"audience with a tab", func(c *issuer.Config) { c.Tokens.Audience = "\tapi" }, "Config.Tokens.Audience"},
		{"no signing keys", func(c *issuer.Config) { c.Tokens.SigningKeys = nil }, "Config.Tokens.SigningKeys"},
		{"short signing key", func(c *issuer.Config) { c.Tokens.SigningKeys[0].Key = make([]byte, 31) }, "Config.Tokens.SigningKeys"},
		{"the same kid twice", func(c *issuer.Config) {
			k := issuer.NewSigningKey("HS256")
			k.ID = c.Tokens.SigningKeys[0].ID
			c.Tokens.SigningKeys = append(c.Tokens.SigningKeys, k)
		}, "Config.Tokens.SigningKeys"},
		{"two families", func(c *issuer.Config) {
			c.Tokens.SigningKeys = append(c.Tokens.SigningKeys, issuer.NewSigningKey("EdDSA"))
		}, "Config.Tokens.SigningKeys"},
		{"negative LoginTTL", func(c *issuer.Config) { c.Tokens.LoginTTL = -time.Second }, "Config.Tokens.LoginTTL"},
		{"LoginTTL below a second", func(c *issuer.Config) { c.Tokens.LoginTTL = time.Millisecond }, "Config.Tokens.LoginTTL"},
		{"LoginTTL of a second and a half", func(c *issuer.Config) { c.Tokens.LoginTTL = 1500 * time.Millisecond }, "Config.Tokens.LoginTTL"},
		{"negative SessionTTL", func(c *issuer.Config) { c.Tokens.SessionTTL = -time.Second }, "Config.Tokens.SessionTTL"},
		{"negative ClientTTL", func(c *issuer.Config) { c.Tokens.ClientTTL = -time.Second }, "Config.Tokens.ClientTTL"},
		{"negative CredentialTTL", func(c *issuer.Config) { c.Tokens.CredentialTTL = -time.Second }, "Config.Tokens.CredentialTTL"},
		{"negative RefreshTTL", func(c *issuer.Config) { c.Tokens.RefreshTTL = -time.Second }, "Config.Tokens.RefreshTTL"},
		{"negative RefreshFamilyTTL", func(c *issuer.Config) { c.Tokens.RefreshFamilyTTL = -time.Second }, "Config.Tokens.RefreshFamilyTTL"},
		{"RefreshTTL beyond RefreshFamilyTTL", func(c *issuer.Config) {
			c.Tokens.RefreshTTL, c.Tokens.RefreshFamilyTTL = 2*time.Hour, time.Hour
		}, "Config.Tokens.RefreshTTL"},
		{"RefreshTTL beyond the usual RefreshFamilyTTL", func(c *issuer.Config) { c.Tokens.RefreshTTL = 31 * 24 * time.Hour }, "Config.Tokens.RefreshTTL"},
		{"negative MaxSessions", func(c *issuer.Config) { c.Tokens.MaxSessions = -1 }, "Config.Tokens.MaxSessions"},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := issuer.Config{Tokens: tokens()}
			row.change(&config)
			iss, err := issuer.New(config)
			require.Error(t, err)
			assert.Nil(t, iss)
			lines := strings.Split(err.Error(), "\n")
			for _, line := range lines {
				assert.Contains(t, line, "issuer: "+row.field)
			}
			assert.Len(t, lines, 1)
		})
	}
}

// noUser knows no user.
func noUser(context.Context, string, string) (issuer.User, error) {
	return issuer.User{}, issuer.ErrInvalidCredentials
}

func TestNewNamesEveryField(t *testing.T) {
	_, err := issuer.New(issuer.Config{
		Store:     (*issuer.MemoryStore)(nil),
		Format:    bearer.KeyFormat{Namespace: "Acme", Pepper: []byte("short")},
		Catalogue: []bearer.Scope{"a:*"},
		Rules:     issuer.KeyRules{MaxKeys: -1},
		Tokens:    &issuer.Tokens{},
	})
	for _, field := range []string{
		"Store", "Format.Namespace", "Format.Pepper", "Catalogue", "Rules.MaxKeys",
		"Tokens.Issuer", "Tokens.Audience", "Tokens.SigningKeys",
	} {
		assert.ErrorContains(t, err, "issuer: Config."+field+": ")
	}
	assert.NotContains(t, err.Error(), "short", "the pepper shows")
}

// What a zero value means, a config works with.
func TestNewAccepts(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*issuer.Config)
	}{
		{"the zero config", func(c *issuer.Config) { *c = issuer.Config{} }},
		{"tokens alone", func(*issuer.Config) {}},
		{"users alone", func(c *issuer.Config) { c.Users = usersFunc(noUser) }},
		{"registrar alone", func(c *issuer.Config) { c.Registrar = usersFunc(noUser) }},
		{"MaxGrace below the usual Grace", func(c *issuer.Config) { c.Rules.MaxGrace = time.Hour }},
		{"RefreshFamilyTTL below the usual RefreshTTL", func(c *issuer.Config) { c.Tokens.RefreshFamilyTTL = time.Hour }},
		{"no reuse", func(c *issuer.Config) { c.Tokens.ReuseGrace = -1 }},
		{"no cache", func(c *issuer.Config) { c.CacheTTL = -1 }},
		{"an issuer that is no URL", func(c *issuer.Config) { c.Tokens.Issuer = "acme" }},
		{"a DefaultTTL without MaxTTL", func(c *issuer.Config) { c.Rules.DefaultTTL = time.Hour }},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := issuer.Config{Tokens: tokens()}
			row.change(&config)
			_, err := issuer.New(config)
			assert.NoError(t, err)
		})
	}
}

func TestConfigsHideThemselves(t *testing.T) {
	pepper := "a pepper of 32 bytes, which hides"
	config := issuer.Config{
		Tokens: tokens(), Format: bearer.KeyFormat{Pepper: []byte(pepper)},
		Users: issuer.NewPasswords(issuer.NewMemoryStore()),
	}
	iss, err := issuer.New(config)
	require.NoError(t, err)
	key, isBytes := config.Tokens.SigningKeys[0].Key.([]byte)
	require.True(t, isBytes)
	for _, v := range []any{config, &config, iss, *config.Tokens, config.Users, []any{config}, struct{ C issuer.Config }{config}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			text := fmt.Sprintf(verb, v)
			for _, secret := range [][]byte{[]byte(pepper), key} {
				for _, form := range []string{"%s", "%x", "%d", "%v", "%#v"} {
					assert.NotContains(t, text, strings.Trim(fmt.Sprintf(form, secret), "[]"), "%T by %s", v, verb)
				}
			}
		}
	}
}

// New copies the config: a later change of it changes no issuer.
func TestNewCopiesTheConfig(t *testing.T) {
	config := issuer.Config{
		Tokens: tokens(), Catalogue: []bearer.Scope{"a", "b"},
		Format: bearer.KeyFormat{Pepper: []byte("a pepper of at least thirty-two bytes")},
	}
	iss, err := issuer.New(config)
	require.NoError(t, err)
	clear(config.Catalogue)
	clear(config.Format.Pepper)
	clear(config.Tokens.SigningKeys)
	config.Tokens.Issuer = ""

	text, _, err := iss.CreateKey(t.Context(), issuer.Operator("acme"), issuer.APIKey{
		Name: "n", Kind: bearer.SecretKey, Environment: bearer.Test, Scopes: "a",
	})
	require.NoError(t, err)
	hash := bearer.KeyFormat{Pepper: []byte("a pepper of at least thirty-two bytes")}.Hash(text)
	_, err = iss.KeyConfig().Keys.FindKey(t.Context(), hash)
	assert.NoError(t, err)
	_, err = iss.StartSession(t.Context(), issuer.User{ID: "1"}, "")
	assert.NoError(t, err)
	assert.Equal(t, "https://api.example", iss.TokenConfig().JWT[0].Issuer)
}

// What the zero fields stand for shows in what is handed out.
func TestDefaults(t *testing.T) {
	w := newClientWorld(t)
	g, err := w.StartSession(t.Context(), issuer.User{ID: "1"}, "")
	require.NoError(t, err)
	assert.Equal(t, time.Hour, g.ExpiresIn, "Tokens.LoginTTL")

	text, key, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{
		Name: "n", Kind: bearer.SecretKey, Environment: bearer.Live,
	})
	require.NoError(t, err)
	assert.True(t, key.ExpiresAt.IsZero(), "Rules.DefaultTTL")
	assert.Equal(t, bearer.FullAccess, key.Scopes, "Rules.MustScope, S4.8")
	assert.Contains(t, text, "sk_live_", "Format")
	rec := w.send(http.MethodPost, "/auth/login", `{"api_key":"`+text+`"}`, isJSON)
	assert.Equal(t, "7200", fmt.Sprint(decoded(t, rec)["expires_in"]), "Tokens.SessionTTL, S3.1: %s", rec.Body)

	rec = w.send(http.MethodPost, "/auth/login", `{"email":"a@example.com","password":"correct horse"}`, isJSON)
	assert.Equal(t, http.StatusBadRequest, rec.Code, "Users")
	rec = w.send(http.MethodPost, "/auth/register", `{"email":"a@example.com","password":"correct horse"}`, isJSON)
	assert.Equal(t, http.StatusNotFound, rec.Code, "Registrar")

	id := "11111111-2222-4333-8444-555555555555"
	secret, _ := w.client(issuer.Client{ID: id, Credential: true, Scopes: "a"})
	expires, _ := decoded(t, w.exchange(id, secret))["expiresAt"].(float64)
	assert.InDelta(t, time.Now().Add(time.Hour).Unix(), expires, 2, "Tokens.CredentialTTL")
}
