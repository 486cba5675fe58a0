package issuertest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

func TestBrokenClients(t *testing.T) {
	run := func(b *brokenStore) error { return issuertest.TestClientStore(b) }
	testBroken(t, "TestClientStore", run, []brokenRow{
		{"no Replaces", whole, func(b *brokenStore) { b.clientOut = func(c *client) { c.Replaces = "" } }},
		{"no ReplacedBy", whole, func(b *brokenStore) { b.clientOut = func(c *client) { c.ReplacedBy = "" } }},
		{"no Introspect", whole, func(b *brokenStore) { b.clientOut = func(c *client) { c.Introspect = false } }},
		{"no Credential", whole, func(b *brokenStore) { b.clientOut = func(c *client) { c.Credential = false } }},
		{"hashes of 64 bytes", whole, func(b *brokenStore) {
			b.clientOut = func(c *client) { c.SecretHash = cut(c.SecretHash, 64) }
		}},
		{"one secret", whole, func(b *brokenStore) {
			b.clientOut = func(c *client) { c.Secrets = c.Secrets[:min(1, len(c.Secrets))] }
		}},
		{"deleted clients are not found", whole, func(b *brokenStore) {
			b.findClient = func(id string) (client, error) {
				c, err := b.MemoryStore.FindClient(ctx, id)
				if err == nil && !c.DeletedAt.IsZero() {
					return client{}, issuer.ErrNotFound
				}
				return c, err
			}
		}},
		{"deleted IDs are free", taken, func(b *brokenStore) {
			b.createClient = func(c client) error {
				if old, err := b.MemoryStore.FindClient(ctx, c.ID); err == nil && !old.DeletedAt.IsZero() {
					return nil
				}
				return b.MemoryStore.CreateClient(ctx, c)
			}
		}},
		{"deleted clients are replaced", ended, func(b *brokenStore) {
			b.replaceClient = func(c client) error {
				if old, err := b.MemoryStore.FindClient(ctx, c.ID); err == nil && !old.DeletedAt.IsZero() {
					return nil
				}
				return b.MemoryStore.ReplaceClient(ctx, c)
			}
		}},
		{"deleted clients are gone", ended, func(b *brokenStore) {
			b.replaceClient = func(c client) error {
				err := b.MemoryStore.ReplaceClient(ctx, c)
				if old, _ := b.MemoryStore.FindClient(ctx, c.ID); errors.Is(err, issuer.ErrConflict) && !old.DeletedAt.IsZero() {
					return issuer.ErrNotFound
				}
				return err
			}
		}},
		{"deleted clients are listed", lists, func(b *brokenStore) {
			b.listClients = func(q issuer.ClientQuery) ([]client, error) {
				q.IncludeDeleted = true
				return b.MemoryStore.ListClients(ctx, q)
			}
		}},
		{"a list of the oldest first", lists, func(b *brokenStore) {
			b.listClients = func(q issuer.ClientQuery) ([]client, error) {
				list, err := b.MemoryStore.ListClients(ctx, q)
				slices.Reverse(list)
				return list, err
			}
		}},
		{"IDs without case", exact, func(b *brokenStore) {
			var ids lockedMap[string, string]
			b.clientIn = func(c *client) { ids.set(strings.ToLower(c.ID), c.ID) }
			b.findClient = func(id string) (client, error) {
				c, err := b.MemoryStore.FindClient(ctx, id)
				if err != nil {
					id, _ = ids.get(strings.ToLower(id))
					return b.MemoryStore.FindClient(ctx, id)
				}
				return c, err
			}
		}},
		{"a read, then a write", winners, func(b *brokenStore) {
			b.replaceClient = func(c client) error {
				old, err := b.MemoryStore.FindClient(ctx, c.ID)
				if err != nil || old.Version != c.Version {
					return b.MemoryStore.ReplaceClient(ctx, c)
				}
				letOthersRace()
				for {
					err = b.MemoryStore.ReplaceClient(ctx, c)
					old, _ = b.MemoryStore.FindClient(ctx, c.ID)
					if !errors.Is(err, issuer.ErrConflict) || !old.DeletedAt.IsZero() {
						return err
					}
					c.Version = old.Version
				}
			}
		}},
		{"an outage is an unknown client", outages, onDone(issuer.ErrNotFound)},
		{"an outage in a rollback", outages, func(b *brokenStore) {
			b.down = func(ctx context.Context) error {
				if ctx.Err() != nil {
					return errors.Join(ctx.Err(), issuer.ErrConflict)
				}
				return nil
			}
		}},
	})
}

func TestBrokenPasswordStores(t *testing.T) {
	run := func(b *brokenStore) error { return issuertest.TestPasswordStore(b) }
	// finding is a store that finds users by emails that it changes.
	finding := func(change func(string) string) func(*brokenStore) {
		return func(b *brokenStore) {
			var all lockedMap[string, string]
			b.userIn = func(u *user) { all.set(change(u.Email), u.Email) }
			b.userByEmail = func(email string) (user, error) {
				u, err := b.MemoryStore.UserByEmail(ctx, email)
				if err != nil {
					email, _ = all.get(change(email))
					return b.MemoryStore.UserByEmail(ctx, email)
				}
				return u, err
			}
		}
	}
	testBroken(t, "TestPasswordStore", run, []brokenRow{
		{"emails without case", exact, finding(strings.ToLower)},
		{"emails without spaces", exact, finding(strings.TrimSpace)},
		{"emails without accents", exact, finding(strings.NewReplacer("á", "a").Replace)},
		{"emails of 100 bytes", whole, func(b *brokenStore) { b.userOut = func(u *user) { u.Email = cut(u.Email, 100) } }},
		{"hashes of 60 bytes", whole, func(b *brokenStore) { b.userOut = func(u *user) { u.Hash = cut(u.Hash, 60) } }},
		{"no scopes are all", whole, func(b *brokenStore) {
			b.userOut = func(u *user) {
				if u.Scopes == "" {
					u.Scopes = "*"
				}
			}
		}},
		{"the creation is now", whole, func(b *brokenStore) {
			b.createUser = func(u user) error {
				u.CreatedAt = time.Now()
				return b.MemoryStore.CreateUser(ctx, u)
			}
		}},
		{"an email may be two users'", taken, func(b *brokenStore) {
			b.createUser = func(u user) error {
				if _, err := b.MemoryStore.UserByEmail(ctx, u.Email); err == nil {
					return nil
				}
				return b.MemoryStore.CreateUser(ctx, u)
			}
		}},
		{"an email that is taken is a conflict", taken, func(b *brokenStore) {
			b.replaceUser = func(u user) error {
				err := b.MemoryStore.ReplaceUser(ctx, u)
				if errors.Is(err, issuer.ErrExists) {
					return issuer.ErrConflict
				}
				return err
			}
		}},
		{"an email is looked for first", winners, func(b *brokenStore) {
			b.createUser = func(u user) error {
				_, unknownEmail := b.MemoryStore.UserByEmail(ctx, u.Email)
				letOthersRace()
				err := b.MemoryStore.CreateUser(ctx, u)
				if unknownEmail != nil && errors.Is(err, issuer.ErrExists) {
					if _, err = b.MemoryStore.UserByID(ctx, u.ID); err != nil {
						err = nil // no unique index over emails
					}
				}
				return err
			}
		}},
		{"an old email stays", emails, func(b *brokenStore) {
			var old lockedMap[string, string]
			b.userIn = func(u *user) { old.set(u.Email, u.ID) }
			b.userByEmail = func(email string) (user, error) {
				u, err := b.MemoryStore.UserByEmail(ctx, email)
				if id, ok := old.get(email); err != nil && ok {
					return b.MemoryStore.UserByID(ctx, id)
				}
				return u, err
			}
		}},
		{"an old email stays taken", emails, func(b *brokenStore) {
			var old lockedMap[string, string]
			b.replaceUser = func(u user) error {
				if before, err := b.MemoryStore.UserByID(ctx, u.ID); err == nil && before.Email != u.Email {
					old.set(before.Email, u.ID)
				}
				return b.MemoryStore.ReplaceUser(ctx, u)
			}
			b.createUser = func(u user) error {
				if _, ok := old.get(u.Email); ok {
					return issuer.ErrExists
				}
				return b.MemoryStore.CreateUser(ctx, u)
			}
		}},
		{"Versions are not compared", swaps, func(b *brokenStore) {
			b.replaceUser = func(u user) error {
				if old, err := b.MemoryStore.UserByID(ctx, u.ID); err == nil {
					u.Version = old.Version
				}
				return b.MemoryStore.ReplaceUser(ctx, u)
			}
		}},
		{"an unknown user is a zero one", unknown, func(b *brokenStore) {
			b.userByEmail = func(email string) (user, error) {
				u, err := b.MemoryStore.UserByEmail(ctx, email)
				if errors.Is(err, issuer.ErrNotFound) {
					err = nil
				}
				return u, err
			}
		}},
		{"an outage is an unknown user", outages, onDone(issuer.ErrNotFound)},
	})
}
