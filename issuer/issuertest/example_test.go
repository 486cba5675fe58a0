package issuertest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// sqlStore is a store of one's own, with a mistake.
type sqlStore struct{ issuer.KeyStore }

func (s sqlStore) GetKey(ctx context.Context, owner, id string) (issuer.APIKey, error) {
	key, err := s.KeyStore.GetKey(ctx, owner, id)
	if errors.Is(err, issuer.ErrNotFound) {
		return key, errors.New("sql: no rows in result set")
	}
	return key, err
}

// A test of a store is one call:
//
//	func TestStore(t *testing.T) {
//		store := newStore(t)
//		require.NoError(t, issuertest.TestKeyStore(store))
//		require.NoError(t, issuertest.TestClientStore(store))
//		require.NoError(t, issuertest.TestSessionStore(store))
//	}
//
// What it finds is told with what to do about it.
func ExampleTestKeyStore() {
	store := sqlStore{issuer.NewMemoryStore()}
	fmt.Println(issuertest.TestKeyStore(store))
	// Output:
	// issuertest: TestKeyStore found broken rules:
	// what is not there gives an error wrapping ErrNotFound, and a hash bearer.ErrKeyNotFound
	// 	what was never stored, GetKey: got the error "sql: no rows in result set", want an error wrapping "issuer: not found"
	// 	fix: map the database's "no rows" to it by %w; any other error is taken for an outage (503)
}

// A store fails for a while. Later the answer of a write is lost: it was written
// all the same.
func ExampleFaults() {
	ctx := context.Background()
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	client := issuer.Client{ID: "client_1", Owner: "owner_1", Version: 1}

	store.Fail("", errors.New("connection refused"))
	fmt.Println(store.CreateClient(ctx, client))
	store.Fail("", nil)
	store.Lose("CreateClient", errors.New("connection reset"))
	fmt.Println(store.CreateClient(ctx, client))
	found, err := store.FindClient(ctx, "client_1")
	fmt.Println(found.ID, err)
	fmt.Println(store.Calls())
	// Output:
	// connection refused
	// connection reset
	// client_1 <nil>
	// [CreateClient CreateClient FindClient]
}

// A user logs in, is demoted, which ends the session at its next refresh, and is
// gone.
func ExampleUsers() {
	ctx := context.Background()
	var users issuertest.Users
	users.Add(issuer.User{ID: "1", Email: "ann@example.com", Scopes: "tokens:*", Version: "1"}, "correct horse")

	user, err := users.VerifyPassword(ctx, "Ann@example.com", "correct horse")
	fmt.Println(user.Scopes, err)
	users.Add(issuer.User{ID: "1", Email: "ann@example.com", Scopes: "tokens:read", Version: "2"}, "correct horse")
	user, err = users.FindUser(ctx, "1")
	fmt.Println(user.Scopes, user.Version, err)
	users.Remove("1")
	_, err = users.FindUser(ctx, "1")
	fmt.Println(errors.Is(err, issuer.ErrNotFound))
	// Output:
	// tokens:* <nil>
	// tokens:read 2 <nil>
	// true
}
