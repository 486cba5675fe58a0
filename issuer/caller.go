package issuer

import (
	"errors"

	"github.com/blockauth/bearer"
)

// A Caller is who manages keys, clients and sessions. It bounds what may be
// done: nobody makes, changes, rotates or imports what is more than they hold.
type Caller struct {
	ID          string             // who it is: User.ID, say. It becomes CreatedBy
	Owner       string             // whose keys it manages. Required
	OwnOnly     bool               // it sees and changes only what it created, and its sessions
	ReadOnly    bool               // it only reads
	Scopes      bearer.Scopes      // the most that its keys have; zero: none
	Environment bearer.Environment // the only one of its keys; zero: any
}

// Operator returns a caller with full power over one owner: for commands, for
// seeds, for the application itself.
func Operator(owner string) Caller {
	return Caller{ID: "operator", Owner: owner, Scopes: bearer.FullAccess}
}

// ErrNoCaller is what a Config.Caller returns if nobody is logged in (401).
var ErrNoCaller = errors.New("issuer: no caller")
