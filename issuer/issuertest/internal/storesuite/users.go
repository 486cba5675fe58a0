package storesuite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A userSuite tests an issuer.PasswordStore.
type userSuite struct {
	book[issuer.PasswordUser]
	store   issuer.PasswordStore
	options Options
}

// Users tests a store of users.
func Users(store issuer.PasswordStore, options Options) error {
	s := &userSuite{store: store, options: options}
	s.book = s.newBook(newReport("TestPasswordStore"))
	return s.runAll([]check{
		{"a first user", s.first, true},
		{"whole", s.whole, true},
		{"unknown", s.unknown, false},
		{"swaps", s.swaps, true},
		{"exact IDs", s.exact, false},
		{"taken", s.taken, false},
		{"emails", s.emails, false},
		{"exact emails", s.exactEmails, false},
		{"winners", s.winners, false},
		{"winners of an email", s.emailWinners, false},
		{"contexts that are done", s.done, false},
	})
}

func (s *userSuite) newBook(r *report) book[issuer.PasswordUser] {
	type user = issuer.PasswordUser
	return book[user]{
		report: r, foreign: s.options.NewID != nil, foreignOwner: s.options.NewOwner != nil,
		fresh: s.newUser, create: s.store.CreateUser, replace: s.store.ReplaceUser,
		variants:  userVariants(),
		id:        field(func(u *user) *string { return &u.ID }),
		owner:     field(func(u *user) *string { return &u.Owner }),
		createdBy: field(func(u *user) *string { return &u.Hash }),
		version:   field(func(u *user) *int64 { return &u.Version }),
		ways: []way[user]{
			{"UserByID", func(ctx context.Context, u *user) (user, error) { return s.store.UserByID(ctx, u.ID) }},
			{"UserByEmail", func(ctx context.Context, u *user) (user, error) {
				return s.store.UserByEmail(ctx, u.Email)
			}},
		},
	}
}

// newUser returns a plain user.
func (s *userSuite) newUser() issuer.PasswordUser {
	return issuer.PasswordUser{
		ID: s.options.newID("user_"), Owner: s.options.newOwner(), Email: newEmail(), Hash: "$argon2id$v=19$x",
		Scopes: bearer.FullAccess, Environment: bearer.Test, CreatedAt: now(), Version: 1,
	}
}

func newEmail() string { return strings.ToLower(mixed("ann.")) + "@example.com" }

func userVariants() []variant[issuer.PasswordUser] {
	type user = issuer.PasswordUser
	list := []variant[user]{{"a user with everything", fillUser}}
	add := func(name string, change func(*user)) { list = append(list, variant[user]{name, change}) }
	for _, i := range instants() {
		add("a user created "+i.name, func(u *user) { u.CreatedAt, u.RemovedAt = i.at, i.at })
	}
	add("no hash, no scopes, no environment", func(u *user) { u.Hash, u.Scopes, u.Environment = "", "", 0 })
	add("64 scopes", func(u *user) { u.Scopes = manyScopes() })
	add("an email of 254 bytes", func(u *user) { u.Email += strings.Repeat("m", 254-len(u.Email)) })
	add("an email of many scripts", func(u *user) { u.Email = "δοκιμή.ü'+" + u.Email })
	return list
}

// fillUser sets every field.
func fillUser(u *issuer.PasswordUser) {
	u.Hash = "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("aB+/", 16)
	u.Scopes, u.Environment = "read:* write", bearer.Live
	u.CreatedAt = u.CreatedAt.Add(-time.Hour)
	u.RemovedAt = u.CreatedAt.Add(time.Minute)
}

// emails gives users emails that are taken, and others.
func (s *userSuite) emails() {
	ann, bob := s.new("a user"), s.new("another user")
	third := s.newUser()
	third.Email = ann.Email
	s.fails(ruleTaken, "a second user with one email", s.store.CreateUser(s.ctx, third), issuer.ErrExists)
	_, err := s.store.UserByID(s.ctx, third.ID)
	s.fails(ruleAtomic, "a user that was not created since the email is taken, UserByID", err, issuer.ErrNotFound)
	s.see(ruleAtomic, "a user whose email another one was to get", ann)

	changed := bob
	changed.Email, changed.Hash = ann.Email, "changed"
	s.fails(ruleTaken, "a change to an email that is taken", s.store.ReplaceUser(s.ctx, changed), issuer.ErrExists)
	s.see(ruleAtomic, "a user whose email was not changed", bob)
	s.see(ruleAtomic, "a user whose email another one was to get", ann)

	old := ann.Email
	ann.Email = newEmail()
	s.swap(ruleEmail, "a change of the email", &ann)
	s.see(ruleEmail, "a user with a new email", ann)
	_, err = s.store.UserByEmail(s.ctx, old)
	s.fails(ruleEmail, "the email that a user had before, UserByEmail", err, issuer.ErrNotFound)
	third.Email = old
	if err = s.store.CreateUser(s.ctx, third); err != nil {
		s.stopf(ruleEmail, "a user with an email that another one had before: got the error %q, want nil", err)
	}
	s.see(ruleEmail, "a user with an email that another one had before", third)
}

// exactEmails asks for emails that are nearly right.
func (s *userSuite) exactEmails() {
	user := s.new("a user")
	for _, near := range []string{
		strings.ToUpper(user.Email), user.Email + " ", " " + user.Email, strings.Replace(user.Email, "a", "á", 1),
		strings.Replace(user.Email, "@", "%@", 1), "",
	} {
		_, err := s.store.UserByEmail(s.ctx, near)
		s.fails(ruleExact, fmt.Sprintf("%q instead of %q, UserByEmail", near, user.Email), err, issuer.ErrNotFound)
	}
	other := s.newUser()
	other.Email = strings.Replace(user.Email, "a", "á", 1)
	if err := s.store.CreateUser(s.ctx, other); err != nil {
		s.stopf(ruleExact, "%q beside %q: got the error %q when it was created, want nil", other.Email, user.Email, err)
	}
	s.see(ruleExact, "an email beside one with an accent", user)
	s.see(ruleExact, "an email with an accent", other)
}

// emailWinners gives one email to several users at once.
func (s *userSuite) emailWinners() {
	email := newEmail()
	s.one(50, "creations of one email", issuer.ErrExists, func(int) (issuer.PasswordUser, error) {
		user := s.newUser()
		user.Email = email
		return user, s.store.CreateUser(s.ctx, user)
	})
	email = newEmail()
	users := make([]issuer.PasswordUser, 16)
	for i := range users {
		users[i] = s.new("a user")
	}
	s.one(len(users), "changes to one email", issuer.ErrExists, func(i int) (issuer.PasswordUser, error) {
		changed := users[i]
		changed.Email = email
		err := s.store.ReplaceUser(s.ctx, changed)
		changed.Version++
		return changed, err
	})
}
