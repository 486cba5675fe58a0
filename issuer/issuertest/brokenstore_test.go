package issuertest_test

import (
	"context"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

type (
	key     = issuer.APIKey
	client  = issuer.Client
	session = issuer.Session
	user    = issuer.PasswordUser
)

// A brokenStore is a good store, but for what its fields do instead.
type brokenStore struct {
	*issuer.MemoryStore
	down func(context.Context) error // before each call

	keyIn, keyOut         func(*key) // change what is stored, and what is returned
	clientIn, clientOut   func(*client)
	sessionIn, sessionOut func(*session)
	userIn, userOut       func(*user)

	createKey, replaceKey       func(key) error
	getKey                      func(owner, id string) (key, error)
	byHash                      func(bearer.KeyHash) (key, error)
	listKeys                    func(issuer.KeyQuery) ([]key, error)
	listDown                    func() ([]key, error) // ListKeys when the context is done
	touch                       func(map[bearer.KeyHash]time.Time) error
	createClient, replaceClient func(client) error
	findClient                  func(string) (client, error)
	listClients                 func(issuer.ClientQuery) ([]client, error)
	open                        func(session, int) (session, error)
	getSession                  func(string) (session, error)
	replaceSession              func(session) error
	listSessions                func(issuer.SessionQuery) ([]session, error)
	endSessions                 func(subject, except string) error
	createUser, replaceUser     func(user) error
	userByID, userByEmail       func(string) (user, error)
}

// write makes a call that stores a record.
func write[T any](ctx context.Context, b *brokenStore, rec T, in func(*T), instead func(T) error,
	good func(context.Context, T) error) error {
	if b.down != nil {
		if err := b.down(ctx); err != nil {
			return err
		}
	}
	if in != nil {
		in(&rec)
	}
	if instead != nil {
		return instead(rec)
	}
	return good(ctx, rec)
}

// read makes a call that returns a record.
func read[T any](ctx context.Context, b *brokenStore, out func(*T), get func() (T, error)) (T, error) {
	var rec T
	if b.down != nil {
		if err := b.down(ctx); err != nil {
			return rec, err
		}
	}
	rec, err := get()
	if err == nil && out != nil {
		out(&rec)
	}
	return rec, err
}

// list makes a call that returns records.
func list[T any](ctx context.Context, b *brokenStore, out func(*T), get func() ([]T, error)) ([]T, error) {
	return read(ctx, b, func(all *[]T) {
		for i := range *all {
			if out != nil {
				out(&(*all)[i])
			}
		}
	}, get)
}

func (b *brokenStore) CreateKey(ctx context.Context, k key) error {
	return write(ctx, b, k, b.keyIn, b.createKey, b.MemoryStore.CreateKey)
}

func (b *brokenStore) ReplaceKey(ctx context.Context, k key) error {
	return write(ctx, b, k, b.keyIn, b.replaceKey, b.MemoryStore.ReplaceKey)
}

func (b *brokenStore) GetKey(ctx context.Context, owner, id string) (key, error) {
	return read(ctx, b, b.keyOut, func() (key, error) {
		if b.getKey != nil {
			return b.getKey(owner, id)
		}
		return b.MemoryStore.GetKey(ctx, owner, id)
	})
}

func (b *brokenStore) KeyByHash(ctx context.Context, hash bearer.KeyHash) (key, error) {
	return read(ctx, b, b.keyOut, func() (key, error) {
		if b.byHash != nil {
			return b.byHash(hash)
		}
		return b.MemoryStore.KeyByHash(ctx, hash)
	})
}

func (b *brokenStore) ListKeys(ctx context.Context, q issuer.KeyQuery) ([]key, error) {
	if b.listDown != nil && ctx.Err() != nil {
		return b.listDown()
	}
	return list(ctx, b, b.keyOut, func() ([]key, error) {
		if b.listKeys != nil {
			return b.listKeys(q)
		}
		return b.MemoryStore.ListKeys(ctx, q)
	})
}

func (b *brokenStore) TouchKeys(ctx context.Context, used map[bearer.KeyHash]time.Time) error {
	if b.touch != nil {
		return b.touch(used)
	}
	return b.MemoryStore.TouchKeys(ctx, used)
}

func (b *brokenStore) CreateClient(ctx context.Context, c client) error {
	return write(ctx, b, c, b.clientIn, b.createClient, b.MemoryStore.CreateClient)
}

func (b *brokenStore) ReplaceClient(ctx context.Context, c client) error {
	return write(ctx, b, c, b.clientIn, b.replaceClient, b.MemoryStore.ReplaceClient)
}

func (b *brokenStore) FindClient(ctx context.Context, id string) (client, error) {
	return read(ctx, b, b.clientOut, func() (client, error) {
		if b.findClient != nil {
			return b.findClient(id)
		}
		return b.MemoryStore.FindClient(ctx, id)
	})
}

func (b *brokenStore) ListClients(ctx context.Context, q issuer.ClientQuery) ([]client, error) {
	return list(ctx, b, b.clientOut, func() ([]client, error) {
		if b.listClients != nil {
			return b.listClients(q)
		}
		return b.MemoryStore.ListClients(ctx, q)
	})
}

func (b *brokenStore) OpenSession(ctx context.Context, s session, most int) (session, error) {
	if b.sessionIn != nil {
		b.sessionIn(&s)
	}
	return read(ctx, b, b.sessionOut, func() (session, error) {
		if b.open != nil {
			return b.open(s, most)
		}
		return b.MemoryStore.OpenSession(ctx, s, most)
	})
}

func (b *brokenStore) GetSession(ctx context.Context, id string) (session, error) {
	return read(ctx, b, b.sessionOut, func() (session, error) {
		if b.getSession != nil {
			return b.getSession(id)
		}
		return b.MemoryStore.GetSession(ctx, id)
	})
}

func (b *brokenStore) ReplaceSession(ctx context.Context, s session) error {
	return write(ctx, b, s, b.sessionIn, b.replaceSession, b.MemoryStore.ReplaceSession)
}

func (b *brokenStore) ListSessions(ctx context.Context, q issuer.SessionQuery) ([]session, error) {
	return list(ctx, b, b.sessionOut, func() ([]session, error) {
		if b.listSessions != nil {
			return b.listSessions(q)
		}
		return b.MemoryStore.ListSessions(ctx, q)
	})
}

func (b *brokenStore) EndSessions(ctx context.Context, subject, except string) error {
	if b.endSessions != nil {
		return b.endSessions(subject, except)
	}
	return b.MemoryStore.EndSessions(ctx, subject, except)
}

func (b *brokenStore) CreateUser(ctx context.Context, u user) error {
	return write(ctx, b, u, b.userIn, b.createUser, b.MemoryStore.CreateUser)
}

func (b *brokenStore) ReplaceUser(ctx context.Context, u user) error {
	return write(ctx, b, u, b.userIn, b.replaceUser, b.MemoryStore.ReplaceUser)
}

func (b *brokenStore) UserByID(ctx context.Context, id string) (user, error) {
	return read(ctx, b, b.userOut, func() (user, error) {
		if b.userByID != nil {
			return b.userByID(id)
		}
		return b.MemoryStore.UserByID(ctx, id)
	})
}

func (b *brokenStore) UserByEmail(ctx context.Context, email string) (user, error) {
	return read(ctx, b, b.userOut, func() (user, error) {
		if b.userByEmail != nil {
			return b.userByEmail(email)
		}
		return b.MemoryStore.UserByEmail(ctx, email)
	})
}
