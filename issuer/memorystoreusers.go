package issuer

import (
	"context"
	"fmt"
	"sync"
)

// A userTable keeps users of Passwords.
type userTable struct {
	mu      sync.RWMutex
	byID    map[string]*PasswordUser
	byEmail map[string]*PasswordUser
}

func (t *userTable) init() {
	t.byID = make(map[string]*PasswordUser)
	t.byEmail = make(map[string]*PasswordUser)
}

// CreateUser implements [PasswordStore].
func (m *MemoryStore) CreateUser(_ context.Context, user PasswordUser) error {
	t := &m.users
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[user.ID] != nil || t.byEmail[user.Email] != nil {
		return fmt.Errorf("issuer: the user: %w", ErrExists)
	}
	t.byID[user.ID], t.byEmail[user.Email] = &user, &user
	return nil
}

// UserByID implements [PasswordStore].
func (m *MemoryStore) UserByID(_ context.Context, id string) (PasswordUser, error) {
	m.users.mu.RLock()
	defer m.users.mu.RUnlock()
	return userFound(m.users.byID[id])
}

// UserByEmail implements [PasswordStore].
func (m *MemoryStore) UserByEmail(_ context.Context, email string) (PasswordUser, error) {
	m.users.mu.RLock()
	defer m.users.mu.RUnlock()
	return userFound(m.users.byEmail[email])
}

func userFound(user *PasswordUser) (PasswordUser, error) {
	if user == nil {
		return PasswordUser{}, fmt.Errorf("issuer: no such user: %w", ErrNotFound)
	}
	return *user, nil
}

// ReplaceUser implements [PasswordStore].
func (m *MemoryStore) ReplaceUser(_ context.Context, user PasswordUser) error {
	t := &m.users
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.byID[user.ID]
	switch {
	case old == nil:
		return fmt.Errorf("issuer: no such user: %w", ErrNotFound)
	case old.Version != user.Version:
		return fmt.Errorf("issuer: the user: %w", ErrConflict)
	}
	if other := t.byEmail[user.Email]; other != nil && other != old {
		return fmt.Errorf("issuer: the email of the user: %w", ErrExists)
	}
	delete(t.byEmail, old.Email)
	user.Version++
	t.byID[user.ID], t.byEmail[user.Email] = &user, &user
	return nil
}
