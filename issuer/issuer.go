package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// An Issuer makes, rotates and revokes API keys, and issues JWTs, over HTTP and
// for Go code. Make one with New. It is safe for concurrent use.
//
// The errors of its methods, other than those of SetSigningKeys and Run, have a
// [bearer.Error] in their tree, which a handler may answer with:
//
//	var refusal *bearer.Error
//	if errors.As(err, &refusal) {
//		bearer.WriteError(w, r, refusal)
//	}
//
// What a store returned is in the tree too: errors.Is(err, ErrNotFound), say.
type Issuer struct {
	config Config // with its defaults
	store  Store  // config.Store, by way of a carefulStore
	cache  *guardCache
	guards ownGuards
	gate   *gate
	signer signer
	uses   lastUses
	table  []route

	running atomic.Bool // a call of Run has not returned yet
}

// Format implements [fmt.Formatter]: an issuer holds secrets.
func (*Issuer) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "issuer.Issuer") }

// New returns an issuer, or an error that names every field of the config that
// is wrong. The config is copied.
func New(config Config) (*Issuer, error) {
	config, err := config.withDefaults()
	i := &Issuer{config: config, store: careful(config.Store)}
	if err := errors.Join(err, i.signer.set(config.Tokens)); err != nil {
		return nil, err
	}
	i.gate = gateOf(config.Users, config.Registrar)
	i.cache = i.newGuardCache()
	i.guards, err = i.newOwnGuards()
	if err != nil {
		return nil, err
	}
	i.table = i.routes()
	return i, nil
}

// changed makes this process's caches forget what was changed.
func (i *Issuer) changed(changes ...Change) {
	for _, c := range changes {
		i.cache.Forget(c)
	}
}

// keyChanged makes this process's caches forget all secrets of a key.
func (i *Issuer) keyChanged(key APIKey) {
	for _, s := range key.Secrets {
		i.changed(Change{Key: s.Hash})
	}
}

// attempts is how often a change is tried that meets another.
const attempts = 10

// retry calls change until it returns something else than ErrConflict, and turns
// what a store returns into a refusal.
func retry(ctx context.Context, change func() error) error {
	var err error
	for range attempts {
		err = change()
		if !isConflict(err) || ctx.Err() != nil {
			break
		}
	}
	if isConflict(err) {
		return outage(err)
	}
	return refusalOf(err)
}
