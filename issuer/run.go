package issuer

import (
	"context"
	"time"

	"github.com/blockauth/bearer"
)

// Run follows what other processes change in the store, writes when secrets
// were last used, and sweeps, as far as the store can. It returns nil when the
// context ends, and takes up to five seconds more to write the last uses: end it
// after http.Server.Shutdown.
func (i *Issuer) Run(ctx context.Context) error { panic("issuer: not written yet") }

// Healthy returns an error while the issuer cannot follow the changes of other
// processes: each request asks the store meanwhile.
func (i *Issuer) Healthy() error { return nil }

// Touches are the secrets that were used since they were last written.
type touches struct{}

// add notes that a secret was used.
func (t *touches) add(hash bearer.KeyHash, at time.Time) {}
