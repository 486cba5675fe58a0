package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// cheapHash is a hash of "correct horse" that takes no time.
var cheapHash = sync.OnceValues(func() (string, error) {
	return argon2id.CreateHash("correct horse", &argon2id.Params{
		Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
})

// registered returns Passwords, their store, and a user of them.
func registered(t *testing.T) (*issuer.Passwords, *issuertest.Faults, issuer.User) {
	t.Helper()
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	hash, err := cheapHash()
	require.NoError(t, err)
	require.NoError(t, store.CreateUser(t.Context(), issuer.PasswordUser{
		ID: "us_ada", Email: "ada@example.com", Hash: hash, Scopes: bearer.FullAccess, Version: 1,
	}))
	p := issuer.NewPasswords(store)
	user, err := p.FindUser(t.Context(), "us_ada")
	require.NoError(t, err)
	return p, store, user
}

func TestVerifyPassword(t *testing.T) {
	p, _, user := registered(t)
	for _, row := range []struct {
		name, email, password string
		isKnown, isRight      bool
	}{
		{"right", "ada@example.com", "correct horse", true, true},
		{"another spelling of the email", "\t ADA@Example.com\n", "correct horse", true, true},
		{"wrong", "ada@example.com", "correct horsf", true, false},
		{"another case of the password", "ada@example.com", "Correct horse", true, false},
		{"a space more", "ada@example.com", "correct horse ", true, false},
		{"empty password", "ada@example.com", "", true, false},
		{"very long password", "ada@example.com", strings.Repeat("a", 1<<20), true, false},
		{"unknown", "bob@example.com", "correct horse", false, false},
		{"empty email", "", "correct horse", false, false},
		{"NUL in the email", "ada@example.com\x00", "correct horse", false, false},
		{"the ID for the email", user.ID, "correct horse", false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := p.VerifyPassword(t.Context(), row.email, row.password)
			if row.isRight {
				require.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, issuer.ErrInvalidCredentials)
			}
			if row.isKnown {
				assert.Equal(t, user, got)
			} else {
				assert.Zero(t, got)
			}
		})
	}
}

func TestRegister(t *testing.T) {
	for _, row := range []struct {
		name, email, password string
		want                  int
		param                 string
	}{
		{"good", "bob@example.com", "correct horse", http.StatusCreated, ""},
		{"eight characters", "bob@example.com", "12345678", http.StatusCreated, ""},
		{"eight characters of two bytes", "bob@example.com", "ääääääää", http.StatusCreated, ""},
		{"1 KiB", "bob@example.com", strings.Repeat("a", 1024), http.StatusCreated, ""},
		{"an address of no ASCII", "jürgen@bücher.example", "correct horse", http.StatusCreated, ""},
		{"254 bytes", strings.Repeat("a", 242) + "@example.com", "correct horse", http.StatusCreated, ""},
		{"taken", "ada@example.com", "another horse", http.StatusConflict, "email"},
		{"taken in capitals", "ADA@EXAMPLE.COM", "another horse", http.StatusConflict, "email"},
		{"taken with white space", "\u00a0ada@example.com ", "another horse", http.StatusConflict, "email"},
		{"seven characters", "bob@example.com", "1234567", http.StatusBadRequest, "password"},
		{"seven characters of two bytes", "bob@example.com", "äääääää", http.StatusBadRequest, "password"},
		{"1 KiB and a byte", "bob@example.com", strings.Repeat("a", 1025), http.StatusBadRequest, "password"},
		{"no password", "bob@example.com", "", http.StatusBadRequest, "password"},
		{"no email", "", "correct horse", http.StatusBadRequest, "email"},
		{"no @", "bob", "correct horse", http.StatusBadRequest, "email"},
		{"two @", "bob@a@example.com", "correct horse", http.StatusBadRequest, "email"},
		{"nothing before @", "@example.com", "correct horse", http.StatusBadRequest, "email"},
		{"nothing behind @", "bob@", "correct horse", http.StatusBadRequest, "email"},
		{"space", "bob by@example.com", "correct horse", http.StatusBadRequest, "email"},
		{"line break", "bob@example.com\nBcc: eve@example.com", "correct horse", http.StatusBadRequest, "email"},
		{"invisible character", "bob\u200b@example.com", "correct horse", http.StatusBadRequest, "email"},
		{"255 bytes", strings.Repeat("a", 243) + "@example.com", "correct horse", http.StatusBadRequest, "email"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, _, _ := registered(t)
			w := newUserWorld(t, issuer.Config{Users: p, Registrar: p})
			rec := w.register(row.email, row.password)
			require.Equal(t, row.want, rec.Code, "S4.15: %s", rec.Body)
			assertSecretAnswer(t, rec)
			if row.want != http.StatusCreated {
				assert.Equal(t, row.param, refusal(t, rec, "param"))
				assert.NotContains(t, rec.Body.String(), "horse")
				return
			}
			assert.Equal(t, "Bearer", member(t, rec, "token_type"))
			assert.NotEmpty(t, member(t, rec, "access_token"))
			assert.Regexp(t, "^rt_", member(t, rec, "refresh_token"))
			assert.Equal(t, http.StatusOK, w.login(home, row.email, row.password).Code, "S4.5")
		})
	}
}

func TestRegisterMalformed(t *testing.T) {
	p, _, _ := registered(t)
	w := newUserWorld(t, issuer.Config{Users: p, Registrar: p})
	for _, row := range []struct {
		name, body, param string
	}{
		{"no members", `{}`, "email"},
		{"email of another type", `{"email":1,"password":"correct horse"}`, "email"},
		{"email null", `{"email":null,"password":"correct horse"}`, "email"},
		{"password of another type", `{"email":"bob@example.com","password":["correct horse"]}`, "password"},
		{"no password", `{"email":"bob@example.com"}`, "password"},
		{"no object", `[]`, ""},
		{"nothing", ``, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := w.from(home, "/auth/register", row.body)
			assert.Equal(t, http.StatusBadRequest, rec.Code)
			assert.Equal(t, row.param, refusal(t, rec, "param"))
		})
	}
}

// One email has one user, however it is composed and however many register it.
func TestRegisterOnce(t *testing.T) {
	p := issuer.NewPasswords(issuer.NewMemoryStore())
	var group sync.WaitGroup
	errs := make([]error, 16)
	for n := range errs {
		group.Go(func() {
			email := []string{"r\u00e9ne@example.com", "re\u0301ne@example.com", "R\u00c9NE@example.com"}[n%3]
			_, errs[n] = p.Register(t.Context(), email, "correct horse")
		})
	}
	group.Wait()
	made := 0
	for _, err := range errs {
		switch {
		case err == nil:
			made++
		case errors.Is(err, issuer.ErrExists):
			assert.Equal(t, bearer.CodeConflict, bearer.CodeOf(err))
		default: // the gate is full
			assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
		}
	}
	assert.Equal(t, 1, made)
}

// What a Registrar answers, and what the client is told.
func TestRegistrarAnswers(t *testing.T) {
	common := &bearer.Error{
		Code: bearer.CodeInvalidRequest, Reason: "password_too_common", Param: "password", Detail: "choose another password",
	}
	for _, row := range []struct {
		name     string
		register func(ctx context.Context) (issuer.User, error)
		want     int
		reason   string
	}{
		{"user", func(context.Context) (issuer.User, error) { return issuer.User{ID: "ada"}, nil }, http.StatusCreated, ""},
		{"taken", func(context.Context) (issuer.User, error) {
			return issuer.User{}, fmt.Errorf("sql: %w", issuer.ErrExists)
		}, http.StatusConflict, "conflict"},
		{"refusal", func(context.Context) (issuer.User, error) { return issuer.User{}, fmt.Errorf("policy: %w", common) }, http.StatusBadRequest, "password_too_common"},
		{"not found", func(context.Context) (issuer.User, error) { return issuer.User{}, issuer.ErrNotFound }, http.StatusServiceUnavailable, "store_unavailable"},
		{"wrong", func(context.Context) (issuer.User, error) { return issuer.User{}, issuer.ErrInvalidCredentials }, http.StatusServiceUnavailable, "store_unavailable"},
		{"outage", func(context.Context) (issuer.User, error) {
			return issuer.User{ID: "ada"}, errors.New("duplicate key value: correct horse")
		}, http.StatusServiceUnavailable, "store_unavailable"},
		{"nobody", func(context.Context) (issuer.User, error) { return issuer.User{}, nil }, http.StatusServiceUnavailable, "store_unavailable"},
		{"panic", func(context.Context) (issuer.User, error) { panic("correct horse") }, http.StatusServiceUnavailable, "store_unavailable"},
		{"too slow", func(ctx context.Context) (issuer.User, error) {
			<-ctx.Done()
			return issuer.User{}, ctx.Err()
		}, http.StatusServiceUnavailable, "store_unavailable"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newUserWorld(t, issuer.Config{
					Registrar: usersFunc(func(ctx context.Context, email, _ string) (issuer.User, error) {
						assert.Equal(t, "ada@example.com", email, "in its one form")
						return row.register(ctx)
					}),
				})
				rec := w.register("ADA@example.com", "correct horse")
				require.Equal(t, row.want, rec.Code, rec.Body)
				assert.NotContains(t, rec.Body.String(), "horse")
				if row.reason != "" {
					assert.Equal(t, row.reason, refusal(t, rec, "reason"))
				}
				if row.want == http.StatusServiceUnavailable {
					assert.NotEmpty(t, rec.Header().Get("Retry-After"))
				}
			})
		})
	}
}

// A store that fails makes a login or a registration 503, never 401 or 201, and
// afterwards all goes on.
func TestPasswordStoreFails(t *testing.T) {
	for _, row := range []struct {
		name, method, path, email string
		after                     int // how the same request is answered later
	}{
		{"login, find", "UserByEmail", "/auth/login", "ada@example.com", http.StatusOK},
		{"login, unknown", "UserByEmail", "/auth/login", "bob@example.com", http.StatusUnauthorized},
		{"login, session", "OpenSession", "/auth/login", "ada@example.com", http.StatusOK},
		{"register, find", "UserByEmail", "/auth/register", "bob@example.com", http.StatusCreated},
		{"register, create", "CreateUser", "/auth/register", "bob@example.com", http.StatusCreated},
		{"register, session: there is an account", "OpenSession", "/auth/register", "bob@example.com", http.StatusConflict},
	} {
		for how, fail := range map[string]func(context.Context) error{
			"error": func(context.Context) error { return errors.New("connection refused") },
			"panic": func(context.Context) error { panic("correct horse") },
		} {
			t.Run(row.name+", "+how, func(t *testing.T) {
				p, store, _ := registered(t)
				w := newUserWorld(t, issuer.Config{Store: store, Users: p, Registrar: p})
				body := mailAndPassword(row.email, "correct horse")
				store.Before(row.method, fail)
				rec := w.from(home, row.path, body)
				assert.Equal(t, http.StatusServiceUnavailable, rec.Code, rec.Body)
				assert.NotContains(t, rec.Body.String(), "horse")
				assert.NotContains(t, rec.Body.String(), "refused")
				store.Before(row.method, nil)
				assert.Equal(t, row.after, w.from(home, row.path, body).Code)
			})
		}
	}
}

// S4.6: who was demoted, has another password or is gone loses the session at the
// next refresh; who is as before keeps it.
func TestChangedUsersLoseTheirSessions(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(ctx context.Context, p *issuer.Passwords, id string) error
		want   int
	}{
		{"nothing", func(context.Context, *issuer.Passwords, string) error { return nil }, http.StatusOK},
		{"password", func(ctx context.Context, p *issuer.Passwords, id string) error {
			return p.SetPassword(ctx, id, "another horse")
		}, http.StatusUnauthorized},
		{"demoted", func(ctx context.Context, p *issuer.Passwords, id string) error {
			_, err := p.Update(ctx, id, func(u *issuer.User) error {
				u.Scopes = "tokens:read"
				return nil
			})
			return err
		}, http.StatusUnauthorized},
		{"updated to the same", func(ctx context.Context, p *issuer.Passwords, id string) error {
			_, err := p.Update(ctx, id, func(u *issuer.User) error {
				u.Email, u.Version = " ADA@example.com", "7"
				return nil
			})
			return err
		}, http.StatusOK},
		{"removed", func(ctx context.Context, p *issuer.Passwords, id string) error {
			return p.Remove(ctx, id)
		}, http.StatusUnauthorized},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, _, user := registered(t)
			w := newUserWorld(t, issuer.Config{Users: p})
			token := member(t, w.login(home, "ada@example.com", "correct horse"), "refresh_token")
			require.NoError(t, row.change(t.Context(), p, user.ID))
			assert.Equal(t, row.want, w.refresh(token).Code)
		})
	}
}

func TestSetPassword(t *testing.T) {
	p, store, user := registered(t)
	ctx := t.Context()
	assert.Equal(t, bearer.CodeInvalidRequest, bearer.CodeOf(p.SetPassword(ctx, user.ID, "short")))
	assert.ErrorIs(t, p.SetPassword(ctx, "us_none", "another horse"), issuer.ErrNotFound)
	assert.ErrorIs(t, p.SetPassword(ctx, "\x00", "another horse"), issuer.ErrNotFound)
	store.Fail("ReplaceUser", errors.New("connection refused"))
	assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(p.SetPassword(ctx, user.ID, "another horse")))
	store.Fail("ReplaceUser", nil)
	_, err := p.VerifyPassword(ctx, "ada@example.com", "correct horse")
	require.NoError(t, err, "nothing was done")

	require.NoError(t, p.SetPassword(ctx, user.ID, "another horse"))
	_, err = p.VerifyPassword(ctx, "ada@example.com", "correct horse")
	assert.ErrorIs(t, err, issuer.ErrInvalidCredentials)
	got, err := p.VerifyPassword(ctx, "ada@example.com", "another horse")
	require.NoError(t, err)
	assert.NotEqual(t, user.Version, got.Version)
}

func TestUpdateUser(t *testing.T) {
	errNo := errors.New("no")
	for _, row := range []struct {
		name   string
		change func(*issuer.User) error
		param  string // of the refusal
		err    error
	}{
		{"email", func(u *issuer.User) error { u.Email = " Ada@Example.org "; return nil }, "", nil},
		{"all", func(u *issuer.User) error {
			u.Email, u.Owner, u.Scopes, u.Environment = "ada@example.org", "acme", "a b", bearer.Live
			return nil
		}, "", nil},
		{"no scopes", func(u *issuer.User) error { u.Scopes = ""; return nil }, "", nil},
		{"ID stays", func(u *issuer.User) error { u.ID = "another"; return nil }, "", nil},
		{"an error of one's own", func(u *issuer.User) error { u.Email = "ada@example.org"; return errNo }, "", errNo},
		{"taken", func(u *issuer.User) error { u.Email = "BOB@example.com"; return nil }, "", issuer.ErrExists},
		{"no address", func(u *issuer.User) error { u.Email = "ada"; return nil }, "email", nil},
		{"malformed scopes", func(u *issuer.User) error { u.Scopes = "a  b"; return nil }, "scopes", nil},
		{"odd owner", func(u *issuer.User) error { u.Owner = "a\x00"; return nil }, "owner", nil},
		{"odd environment", func(u *issuer.User) error { u.Environment = 9; return nil }, "environment", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, _, user := registered(t)
			_, err := p.Register(t.Context(), "bob@example.com", "correct horse")
			require.NoError(t, err)
			got, err := p.Update(t.Context(), user.ID, row.change)
			found, findErr := p.FindUser(t.Context(), user.ID)
			require.NoError(t, findErr)
			if row.param != "" || row.err != nil {
				var e *bearer.Error
				if errors.As(err, &e) {
					assert.Equal(t, row.param, e.Param)
				}
				require.Error(t, err)
				if row.err != nil {
					assert.ErrorIs(t, err, row.err)
				}
				assert.Equal(t, user, found, "half done")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, found, got)
			assert.Equal(t, user.ID, got.ID)
			want := user
			require.NoError(t, row.change(&want))
			assert.Equal(t, strings.ToLower(strings.TrimSpace(want.Email)), got.Email)
			assert.Equal(t, want.Scopes, got.Scopes)
			assert.Equal(t, want.Owner, got.Owner)
			_, err = p.VerifyPassword(t.Context(), got.Email, "correct horse")
			assert.NoError(t, err)
		})
	}
}

// Changes at once are all made.
func TestUpdateUserConcurrently(t *testing.T) {
	p, _, user := registered(t)
	var group sync.WaitGroup
	errs := make([]error, 4)
	for n := range errs {
		group.Go(func() {
			_, errs[n] = p.Update(t.Context(), user.ID, func(u *issuer.User) error {
				u.Scopes = bearer.JoinScopes(bearer.Scope(fmt.Sprint("s", n)), bearer.Scope(u.Scopes))
				return nil
			})
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	found, err := p.FindUser(t.Context(), user.ID)
	require.NoError(t, err)
	for n := range errs {
		assert.Contains(t, found.Scopes, fmt.Sprint("s", n))
	}
}

func TestRemoveUser(t *testing.T) {
	p, store, user := registered(t)
	ctx := t.Context()
	require.NoError(t, p.Remove(ctx, user.ID))
	_, err := p.VerifyPassword(ctx, "ada@example.com", "correct horse")
	assert.ErrorIs(t, err, issuer.ErrInvalidCredentials)
	_, err = p.FindUser(ctx, user.ID)
	assert.ErrorIs(t, err, issuer.ErrNotFound)
	assert.ErrorIs(t, p.Remove(ctx, user.ID), issuer.ErrNotFound)
	assert.ErrorIs(t, p.SetPassword(ctx, user.ID, "another horse"), issuer.ErrNotFound)

	record, err := store.UserByID(ctx, user.ID)
	require.NoError(t, err)
	assert.Empty(t, record.Hash)
	assert.Equal(t, user.ID, record.Email)

	again, err := p.Register(ctx, "ada@example.com", "another horse")
	require.NoError(t, err)
	assert.NotEqual(t, user.ID, again.ID)
}

// Users who register have all scopes over what they own, or those that the
// application says.
func TestScopesOfWhoRegisters(t *testing.T) {
	p := issuer.NewPasswords(issuer.NewMemoryStore())
	user, err := p.Register(t.Context(), "ada@example.com", "correct horse")
	require.NoError(t, err)
	assert.Equal(t, bearer.FullAccess, user.Scopes)
	assert.Empty(t, user.Owner, "the ID")
	p.Scopes = "tokens:read"
	user, err = p.Register(t.Context(), "bob@example.com", "correct horse")
	require.NoError(t, err)
	assert.Equal(t, bearer.Scopes("tokens:read"), user.Scopes)
}

func TestPasswordUsersHideTheirHashes(t *testing.T) {
	p, store, user := registered(t)
	record, err := store.UserByID(t.Context(), user.ID)
	require.NoError(t, err)
	require.NotEmpty(t, record.Hash)
	assert.NotContains(t, record.Hash, "horse")
	var printed strings.Builder
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("m", "user", record, "pointer", &record)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("m", "user", record, "passwords", p)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&printed, verb+verb+verb, record, &record, p)
	}
	assert.NotContains(t, printed.String(), "argon2id")
	assert.NotContains(t, printed.String(), fmt.Sprintf("%x", "argon2id"))
	assert.Contains(t, printed.String(), user.ID)
}

// A looseUsers finds the same user whatever it is asked for, as a database may
// that compares texts loosely.
type looseUsers struct {
	issuer.PasswordStore
	user issuer.PasswordUser
}

func (s looseUsers) UserByEmail(context.Context, string) (issuer.PasswordUser, error) {
	return s.user, nil
}

func (s looseUsers) UserByID(context.Context, string) (issuer.PasswordUser, error) {
	return s.user, nil
}

// Over such a store, another email or ID is no one's, and who is removed is gone.
func TestPasswordsOfLooseStore(t *testing.T) {
	hash, err := cheapHash()
	require.NoError(t, err)
	ada := issuer.PasswordUser{ID: "us_ada", Email: "ada@example.com", Hash: hash, Scopes: "*", Version: 1}
	removed := ada
	removed.RemovedAt = time.Now()
	for _, row := range []struct {
		name      string
		stored    issuer.PasswordUser
		email, id string
		isGood    bool
	}{
		{"as it is", ada, ada.Email, ada.ID, true},
		{"another spelling", ada, "adá@example.com", "US_ADA", false},
		{"removed", removed, ada.Email, ada.ID, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := issuer.NewPasswords(looseUsers{issuer.NewMemoryStore(), row.stored})
			_, err := p.VerifyPassword(t.Context(), row.email, "correct horse")
			assert.Equal(t, !row.isGood, errors.Is(err, issuer.ErrInvalidCredentials))
			_, err = p.FindUser(t.Context(), row.id)
			assert.Equal(t, !row.isGood, errors.Is(err, issuer.ErrNotFound))
		})
	}
}
