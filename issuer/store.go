package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/blockauth/bearer"
)

// A Store keeps all that an [Issuer] must not forget. [MemoryStore] is the one in
// memory.
//
// Each method is atomic by itself, and possible with one conditional write of
// one record: no transaction spans two calls. A change is a compare-and-swap of
// the whole record on its Version: the store writes the record with Version+1 if
// the stored one has Version, and returns [ErrConflict] if not. The issuer reads,
// changes, replaces, and tries again. Look-ups read what was last written.
//
// Records are copied: neither side sees what the other changes in a record, a
// slice or a map later. What is stored comes back whole: texts byte for byte,
// times as instants, to the microsecond. Errors wrap ErrNotFound, ErrExists,
// ErrConflict or ErrFull; any other is an outage (503), never a wrong credential.
// All methods must be safe for concurrent use.
type Store interface {
	KeyStore
	ClientStore
	SessionStore
}

// A KeyStore keeps API keys, and the hashes of all secrets that ever were.
type KeyStore interface { //nolint:interfacebloat // what one record needs; each method is one statement
	// KeyByHash returns the key that has, or had, a secret with the hash, or an
	// error wrapping [bearer.ErrKeyNotFound].
	KeyByHash(ctx context.Context, hash bearer.KeyHash) (APIKey, error)

	// CreateKey stores a new key with its secrets, or returns an error wrapping
	// ErrExists if its ID or a hash is taken, also by what has ended.
	CreateKey(ctx context.Context, key APIKey) error

	// GetKey returns a key of the owner, or an error wrapping ErrNotFound.
	GetKey(ctx context.Context, owner, id string) (APIKey, error)

	// ListKeys returns the keys that the query finds, the newest first: by
	// CreatedAt, then by ID, both downwards.
	ListKeys(ctx context.Context, query KeyQuery) ([]APIKey, error)

	// ReplaceKey replaces the key with the ID of key, with all its secrets, if it
	// has key.Version. It stores key.Version+1, and ignores LastUsedAt. Hashes of
	// secrets that key no longer has stay taken. A key that is revoked stays as it
	// is: ErrConflict. A new hash that is taken: ErrExists. No such ID:
	// ErrNotFound.
	ReplaceKey(ctx context.Context, key APIKey) error

	// TouchKeys says when secrets were last used. LastUsedAt of each, and of its
	// key, only moves forward. Versions stay as they are. Unknown hashes are
	// ignored.
	TouchKeys(ctx context.Context, used map[bearer.KeyHash]time.Time) error
}

// A ClientStore keeps OAuth clients and credentials.
type ClientStore interface {
	// FindClient returns the client with the ID, also one that is deleted, or an
	// error wrapping ErrNotFound.
	FindClient(ctx context.Context, id string) (Client, error)

	// CreateClient stores a new client, or returns an error wrapping ErrExists if
	// the ID is taken, also by one that is deleted.
	CreateClient(ctx context.Context, client Client) error

	// ReplaceClient replaces the client with the ID of client if it has
	// client.Version, and stores client.Version+1. One that is deleted stays as it
	// is: ErrConflict. No such ID: ErrNotFound.
	ReplaceClient(ctx context.Context, client Client) error

	// ListClients returns the clients that the query finds, the newest first: by
	// CreatedAt, then by ID, both downwards.
	ListClients(ctx context.Context, query ClientQuery) ([]Client, error)
}

// A SessionStore keeps sessions.
type SessionStore interface { //nolint:interfacebloat // as KeyStore
	// OpenSession returns the session of s.Subject and s.Name that lives at
	// s.CreatedAt, or stores s and returns it, in one step: of many calls at once,
	// all get one session. If the subject already has most live sessions, more or
	// less, it returns an error wrapping ErrFull instead of storing s. Max is never
	// below 1.
	OpenSession(ctx context.Context, s Session, most int) (Session, error)

	// GetSession returns the session with the ID, also one that has ended, or an
	// error wrapping ErrNotFound.
	GetSession(ctx context.Context, id string) (Session, error)

	// ListSessions returns the sessions that the query finds, the newest first: by
	// CreatedAt, then by ID, both downwards.
	ListSessions(ctx context.Context, query SessionQuery) ([]Session, error)

	// ReplaceSession replaces the session with the ID of s if it has s.Version,
	// and stores s.Version+1. One that has ended stays as it is: ErrConflict. No
	// such ID: ErrNotFound.
	ReplaceSession(ctx context.Context, s Session) error

	// EndSessions ends all live sessions of the subject but the one with the ID
	// except: each by itself, with a new Version, EndedAt now and the reason
	// "ended". After an error, some may have ended: it is called again.
	EndSessions(ctx context.Context, subject, except string) error
}

// A KeyQuery finds API keys. All its fields that are set must hold.
type KeyQuery struct {
	// Owner is whose keys are listed. The issuer sets it, from the caller.
	Owner string

	CreatedBy      string    // only keys that the caller with this ID created: User.ID, say; zero: all
	IncludeRevoked bool      // also keys that are revoked
	ExpiresBefore  time.Time // only keys that expire before it; zero: all
	UnusedSince    time.Time // only keys created before it and not used at it or later; zero: all

	// Cursor is what the issuer returned as next. Stores do not look at it: the
	// issuer sets After from it.
	Cursor string

	After Position // only keys that come after it in the list; zero: from the start
	Limit int      // the most keys; zero: 20 for the issuer, all for a store
}

// A ClientQuery finds clients. All its fields that are set must hold.
type ClientQuery struct {
	Owner          string // the issuer sets it, from the caller
	CreatedBy      string // only clients that this caller created; zero: all
	IncludeDeleted bool
	Cursor         string   // see KeyQuery.Cursor
	After          Position // see KeyQuery.After
	Limit          int      // see KeyQuery.Limit
}

// A SessionQuery finds sessions. All its fields that are set must hold.
type SessionQuery struct {
	Owner     string    // zero: all
	Subject   string    // zero: all
	CreatedBy string    // zero: all
	LiveAt    time.Time // only sessions that live at it; zero: all
	Oldest    bool      // the oldest first: by CreatedAt, then by ID, both upwards
	Cursor    string    // see KeyQuery.Cursor
	After     Position  // see KeyQuery.After
	Limit     int       // see KeyQuery.Limit
}

// A Position is a place in a list: that of the record with this time and ID.
type Position struct {
	CreatedAt time.Time
	ID        string
}

// A Watcher is a Store that can tell what other processes changed.
type Watcher interface {
	// Watch tells the cache of changes until the context ends. It calls
	// cache.Resume once it can tell of each change in time, the first time too:
	// nothing from before is remembered after that. It calls cache.Suspend when it
	// can no longer tell of each change, and cache.Resume once it can again. It
	// returns an error only if it gives up: the issuer suspends its caches, and
	// calls Watch again after a while.
	Watch(ctx context.Context, cache Cache) error
}

// A Sweeper is a Store that can remove what no one needs any more.
type Sweeper interface {
	// Sweep removes up to limit sessions that ended or expired before the time,
	// and as many records of changes, and returns how many. It never removes
	// keys, hashes or clients.
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}

// A Change names what was changed: one of its fields is set.
type Change struct {
	Key     bearer.KeyHash // each hash of a key that was changed
	Session string         // its ID
	Subject string         // all of its sessions
	Client  string         // its ID
}

// A Cache is what a [Watcher] tells of changes.
type Cache interface {
	Forget(change Change)
	ForgetAll()
	Suspend()
	Resume()
}

// The errors of stores. Any other error is an outage.
var (
	ErrNotFound = errors.New("issuer: not found")
	ErrExists   = errors.New("issuer: exists already")
	ErrConflict = errors.New("issuer: changed meanwhile")
	ErrFull     = errors.New("issuer: too many")
)
