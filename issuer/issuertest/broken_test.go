package issuertest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
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

// A brokenRow is a store that breaks a rule.
type brokenRow struct {
	name string
	rule string // in the name of the rule
	make func(*brokenStore)
}

// testBroken runs a suite against each store.
func testBroken(t *testing.T, suite string, run func(*brokenStore) error, rows []brokenRow) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			b := &brokenStore{MemoryStore: issuer.NewMemoryStore()}
			tt.make(b)
			err := run(b)
			require.ErrorContains(t, err, tt.rule)
			assert.ErrorContains(t, err, "issuertest: "+suite+" found broken rules:\n")
			assert.ErrorContains(t, err, "got ")
			assert.ErrorContains(t, err, ", want ")
			assert.ErrorContains(t, err, "\n\tfix: ")
		})
	}
}

// The rules that the rows name.
const (
	whole   = "what was stored comes back whole"
	copies  = "records are copied"
	unknown = "what is not there gives an error"
	outages = "nothing but what is said for it gives"
	exact   = "texts are compared byte for byte"
	owners  = "another owner's key is not found"
	taken   = "an ID or a hash that is taken"
	atomics = "a call that fails changes nothing"
	swaps   = "ReplaceX stores the record with Version+1"
	winners = "of many calls at once, one wins"
	ended   = "what is revoked, deleted or ended stays"
	fresh   = "look-ups read what was last written"
	secrets = "a hash finds its key"
	used    = "TouchKeys moves LastUsedAt forward"
	lists   = "a list has what the query finds"
	opens   = "OpenSession returns the one session"
	fulls   = "a subject with max live sessions"
	ends    = "EndSessions ends all live sessions"
	emails  = "an email is one user's"
	first   = "what was created is found"
	panics  = "no call panics"
)

var (
	ctx       = context.Background()
	errNoRows = errors.New("sql: no rows in result set")
)

// The good store passes, again and again, also where its IDs and owners come
// from a database.
func TestGoodStores(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	uuids := issuertest.Options{NewID: newUUID, NewOwner: newUUID}
	for _, tt := range []struct {
		name string
		run  func(...issuertest.Options) error
		most int // calls
	}{
		{"keys", func(o ...issuertest.Options) error { return issuertest.TestKeyStore(store, o...) }, 3000},
		{"clients", func(o ...issuertest.Options) error { return issuertest.TestClientStore(store, o...) }, 3000},
		{"sessions", func(o ...issuertest.Options) error { return issuertest.TestSessionStore(store, o...) }, 3000},
		{"users", func(o ...issuertest.Options) error { return issuertest.TestPasswordStore(store, o...) }, 3000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				require.NoError(t, tt.run())
				assert.Less(t, len(store.Calls()), tt.most, "calls")
				require.NoError(t, tt.run(uuids))
				store.Calls()
			}
		})
	}
}

// newUUID returns a random name of lower-case hexadecimal digits: 32 bytes.
func newUUID() string {
	_, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	return hash.String()[:32]
}

// A lockedMap is a map that a broken store keeps beside the good one.
type lockedMap[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]V
}

func (l *lockedMap[K, V]) get(k K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.m[k]
	return v, ok
}

func (l *lockedMap[K, V]) set(k K, v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[K]V)
	}
	l.m[k] = v
}

// cut returns the first n bytes of a text, as some databases store no more.
func cut(text string, n int) string { return text[:min(n, len(text))] }

// ascii replaces what one-byte columns cannot hold.
func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 127 {
			return '?'
		}
		return r
	}, text)
}
