package issuertest

import (
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest/internal/storesuite"
)

// Options are what a store needs of the records that it is tested with. The zero
// value is right for a store that takes any text as an ID and as an owner.
type Options struct {
	// NewOwner makes an owner that the database has, or that it takes, and that
	// has nothing yet. It is called for each record. Zero: random texts.
	NewOwner func() string

	// NewID makes an ID that the store takes, and that is not taken: where a column
	// holds UUIDs, say. IDs that differ only in case are then not tested. That of a
	// session has up to 32 bytes. Zero: random texts.
	NewID func() string
}

// TestKeyStore tests an [issuer.KeyStore]. If it finds misbehaviour, it returns
// an error for each rule that was broken, combined by [errors.Join], which says
// what was found and what to do about it. It ends early if what follows would
// find the same mistake again.
//
// All IDs, owners and hashes are random, so that a store may be tested again
// without being emptied. Texts hold no zero byte and are valid UTF-8. Nil and
// empty are alike. Times are whole microseconds, from 1969 to 2200.
//
// The suites make some thousand calls each, up to a hundred at once. Those of one
// suite take a fraction of a second in memory, and some seconds over a network.
func TestKeyStore(store issuer.KeyStore, options ...Options) error {
	return storesuite.Keys(store, optionsOf(options))
}

// TestClientStore tests an [issuer.ClientStore] as [TestKeyStore] does.
func TestClientStore(store issuer.ClientStore, options ...Options) error {
	return storesuite.Clients(store, optionsOf(options))
}

// TestSessionStore tests an [issuer.SessionStore] as [TestKeyStore] does.
func TestSessionStore(store issuer.SessionStore, options ...Options) error {
	return storesuite.Sessions(store, optionsOf(options))
}

// TestPasswordStore tests an [issuer.PasswordStore] as [TestKeyStore] does.
func TestPasswordStore(store issuer.PasswordStore, options ...Options) error {
	return storesuite.Users(store, optionsOf(options))
}

// optionsOf returns the options of which each field is the last that is set.
func optionsOf(list []Options) (o storesuite.Options) {
	for _, next := range list {
		if next.NewOwner != nil {
			o.NewOwner = next.NewOwner
		}
		if next.NewID != nil {
			o.NewID = next.NewID
		}
	}
	return o
}
