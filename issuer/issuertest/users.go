package issuertest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/blockauth/bearer/issuer"
)

// Users are an application's users in memory, for tests: an [issuer.Users] whose
// answers take no time. The zero value has none. It is safe for concurrent use.
type Users struct {
	mu    sync.Mutex
	users map[string]userEntry // by ID
	err   error
}

// A userEntry is a user with the password, as it is: this is for tests.
type userEntry struct {
	user     issuer.User
	password string
}

var _ issuer.Users = (*Users)(nil)

// Add adds a user who logs in with the email and the password. It replaces one
// with the same ID: if its Version is another, its sessions end at their next
// refresh.
func (u *Users) Add(user issuer.User, password string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.users == nil {
		u.users = make(map[string]userEntry)
	}
	u.users[user.ID] = userEntry{user, password}
}

// Remove removes the user with the ID, if there is one.
func (u *Users) Remove(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.users, id)
}

// Fail makes all questions fail with an error. Nil: they are answered again.
func (u *Users) Fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

// VerifyPassword implements [issuer.Users]. Emails are compared without case.
func (u *Users) VerifyPassword(_ context.Context, email, password string) (issuer.User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return issuer.User{}, u.err
	}
	for _, e := range u.users {
		if !strings.EqualFold(e.user.Email, strings.TrimSpace(email)) {
			continue
		}
		if e.password != password {
			return e.user, fmt.Errorf("issuertest: %w", issuer.ErrInvalidCredentials)
		}
		return e.user, nil
	}
	return issuer.User{}, fmt.Errorf("issuertest: %w", issuer.ErrInvalidCredentials)
}

// FindUser implements [issuer.Users].
func (u *Users) FindUser(_ context.Context, id string) (issuer.User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return issuer.User{}, u.err
	}
	e, ok := u.users[id]
	if !ok {
		return issuer.User{}, fmt.Errorf("issuertest: no such user: %w", issuer.ErrNotFound)
	}
	return e.user, nil
}

// Format implements [fmt.Formatter]: no verb shows passwords.
func (u *Users) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "issuertest.Users") }

// LogValue implements [slog.LogValuer].
func (u *Users) LogValue() slog.Value { return slog.StringValue("issuertest.Users") }
