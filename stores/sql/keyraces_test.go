package bearersql_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestKeyRaces: of calls for one key or client at once one wins, all others are
// told, and nothing is lost.
func TestKeyRaces(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store := newStore(t, d.openMany(t), bearersql.Config{})
		for _, race := range []struct {
			name   string
			rounds int
			run    func(t *testing.T, store *bearersql.Store)
		}{
			{"changes against revocations", rounds(), raceRevocations},
			{"creations of one ID", rounds(), raceIDs},
			{"creations of one hash", rounds() / 3, raceHashes},
			{"creations against a deletion", rounds(), raceDeletion},
			{"uses against replacements", rounds() / 3, raceUses},
		} {
			t.Run(race.name, func(t *testing.T) {
				for range race.rounds {
					race.run(t, store)
				}
			})
		}
	})
}

// together makes calls at once, and returns their errors.
func together(call func(i int) error) []error {
	errs := make([]error, racers)
	race(racers, func(i int) { errs[i] = call(i) })
	return errs
}

// winner returns the call that succeeded: all others have the error that is meant.
func winner(t *testing.T, errs []error, lost error) int {
	t.Helper()
	won := -1
	for i, err := range errs {
		if err != nil {
			require.ErrorIs(t, err, lost)
			continue
		}
		require.Equal(t, -1, won, "two calls succeeded")
		won = i
	}
	require.NotEqual(t, -1, won, "no call succeeded")
	return won
}

func raceRevocations(t *testing.T, store *bearersql.Store) {
	t.Helper()
	key := newKey()
	require.NoError(t, store.CreateKey(t.Context(), key))
	changed := func(i int) issuer.APIKey {
		k := key
		k.Scopes = bearer.Scopes(fmt.Sprintf("scope:%d", i))
		if i%2 == 0 {
			k.RevokedAt = key.CreatedAt.Add(time.Duration(i) * time.Second)
		}
		return k
	}
	won := winner(t, together(func(i int) error {
		return store.ReplaceKey(t.Context(), changed(i))
	}), issuer.ErrConflict)
	want := changed(won)
	want.Version = 2
	got, err := store.GetKey(t.Context(), key.Owner, key.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func raceIDs(t *testing.T, store *bearersql.Store) {
	t.Helper()
	keys := make([]issuer.APIKey, racers)
	for i := range keys {
		keys[i] = newKey()
		keys[i].ID = keys[0].ID
	}
	raceCreations(t, store, keys)
}

func raceHashes(t *testing.T, store *bearersql.Store) {
	t.Helper()
	shared := newSecret()
	keys := make([]issuer.APIKey, racers)
	for i := range keys {
		keys[i] = newKey() // in one order or the other
		keys[i].Secrets = append(keys[i].Secrets, shared)
		if i%2 == 0 {
			keys[i].Secrets[0], keys[i].Secrets[1] = keys[i].Secrets[1], keys[i].Secrets[0]
		}
	}
	raceCreations(t, store, keys)
}

// raceCreations creates keys of which one can be.
func raceCreations(t *testing.T, store *bearersql.Store, keys []issuer.APIKey) {
	t.Helper()
	won := winner(t, together(func(i int) error {
		return store.CreateKey(t.Context(), keys[i])
	}), issuer.ErrExists)
	for _, i := range []int{won, (won + 1) % racers} { // and one of those that lost
		for _, secret := range keys[i].Secrets {
			got, err := store.KeyByHash(t.Context(), secret.Hash)
			if slices.ContainsFunc(keys[won].Secrets, func(s issuer.Secret) bool { return s.Hash == secret.Hash }) {
				require.NoError(t, err)
				require.Equal(t, keys[won], got)
				continue
			}
			require.ErrorIs(t, err, bearer.ErrKeyNotFound)
		}
	}
}

// raceDeletion creates a client that is deleted meanwhile: its ID stays taken.
func raceDeletion(t *testing.T, store *bearersql.Store) {
	t.Helper()
	client := issuer.Client{ID: rand.Text(), Owner: "owner_1", CreatedAt: newKey().CreatedAt, Version: 1}
	require.NoError(t, store.CreateClient(t.Context(), client))
	deleted := client
	deleted.DeletedAt = client.CreatedAt.Add(time.Second)
	won := winner(t, together(func(i int) error {
		if i == 7 {
			return store.ReplaceClient(t.Context(), deleted)
		}
		return store.CreateClient(t.Context(), client)
	}), issuer.ErrExists)
	require.Equal(t, 7, won)
	require.ErrorIs(t, store.CreateClient(t.Context(), client), issuer.ErrExists)
	deleted.Version++
	got, err := store.FindClient(t.Context(), client.ID)
	require.NoError(t, err)
	require.Equal(t, deleted, got)
}

// raceUses notes uses of some keys, each call of others and at other times, while
// each of the keys is replaced.
func raceUses(t *testing.T, store *bearersql.Store) {
	t.Helper()
	const many = 8
	keys := make([]issuer.APIKey, many)
	for i := range keys {
		keys[i] = newKey()
	}
	race(many, func(i int) { assert.NoError(t, store.CreateKey(t.Context(), keys[i])) })
	at := keys[0].CreatedAt
	for i, err := range together(func(i int) error {
		if i < many {
			return replaceAgain(t, store, keys[i])
		}
		used := map[bearer.KeyHash]time.Time{newSecret().Hash: at} // one that is unknown
		for n := range many * 3 / 4 {
			used[keys[(i+n)%many].Secrets[0].Hash] = at.Add(time.Duration(i) * time.Second)
		}
		return store.TouchKeys(t.Context(), used)
	}) {
		require.NoError(t, err, "call %d", i)
	}
	for i, key := range keys {
		got, err := store.KeyByHash(t.Context(), key.Secrets[0].Hash)
		require.NoError(t, err)
		last := racers - 1 // the last call that used this key
		for (i-last%many+many)%many >= many*3/4 {
			last--
		}
		key.Name, key.Version = "replaced", 2
		key.LastUsedAt = at.Add(time.Duration(last) * time.Second)
		key.Secrets[0].LastUsedAt = key.LastUsedAt
		require.Equal(t, key, got)
	}
}

// replaceAgain replaces a key, and again if it was a conflict.
func replaceAgain(t *testing.T, store *bearersql.Store, key issuer.APIKey) error {
	t.Helper()
	key.Name = "replaced"
	err := store.ReplaceKey(t.Context(), key)
	for tries := 1; errors.Is(err, issuer.ErrConflict) && tries < 10; tries++ {
		err = store.ReplaceKey(t.Context(), key)
	}
	return err
}
