package issuer

import "context"

// A gate lets a bounded number of slow hashes run at a time.
type gate struct{}

// gateOf returns the gate of the Passwords that are users or registrar, so that
// one gate bounds all hashes of an application, or a new one.
func gateOf(users Users, registrar Registrar) *gate { return &gate{} }

// hash returns the argon2id hash of a secret, or a refusal (503) if too many wait.
func (g *gate) hash(ctx context.Context, secret string) (string, error) { return "", errTodo }

// matches reports whether a secret has the hash, or returns a refusal (503). The
// empty hash is that of an unknown user: it costs as much, and never matches.
func (g *gate) matches(ctx context.Context, secret, hash string) (bool, error) {
	return false, errTodo
}
