package issuer

import "github.com/blockauth/bearer"

// KeyConfig returns the config of a guard for API keys, with Keys, Format,
// Catalogue, ClientIP, ErrorHandler and ResourceMetadata set. The caller may set
// more. All guards share what is remembered of keys.
func (i *Issuer) KeyConfig() bearer.Config { panic("issuer: not written yet") }

// TokenConfig returns the config of a guard for the JWTs of this issuer, as
// KeyConfig does for keys. The guard judges each token by its session and by what
// opened that. It panics if Config.Tokens is nil.
func (i *Issuer) TokenConfig() bearer.Config { panic("issuer: not written yet") }

// The doors are the guards in front of the issuer's own endpoints. They look into
// the store, not into what is remembered, and charge no limit of a caller.
type doors struct {
	tokens  *bearer.Guard // JWTs of this issuer
	any     *bearer.Guard // those, and API keys
	login   *bearer.Guard // API keys in bodies of logins, whoever reads or writes; failures are limited
	inspect *bearer.Guard // JWTs, wherever they come from: the key's addresses and origins do not count
}

func (i *Issuer) newDoors() (doors, error) { return doors{}, nil }

// A memory is what guards remember of keys and sessions. It is the Cache that a
// Watcher tells of changes.
type memory struct{}

func (i *Issuer) newMemory() *memory { return &memory{} }

// Forget implements [Cache].
func (m *memory) Forget(c Change) {}

// ForgetAll implements [Cache].
func (m *memory) ForgetAll() {}

// Suspend implements [Cache].
func (m *memory) Suspend() {}

// Resume implements [Cache].
func (m *memory) Resume() {}
