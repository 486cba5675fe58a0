package issuer

import (
	"context"
	"net/netip"
	"time"

	"github.com/blockauth/bearer/issuer/internal/address"
)

// An Event is something that happened, for an audit trail. It holds no key, no
// token, no hash and no password.
//
// The types are key.created, key.updated, key.rotated, key.secret_ended,
// key.revoked, key.leaked, login.succeeded, login.failed, refresh.rotated,
// refresh.reused, session.ended, client.created, client.rotated, client.deleted,
// credential.replaced, credential.deleted and token.issued.
type Event struct {
	Type   string
	Actor  string     // who did it: Caller.ID, or the sub of a token
	Target string     // what it was done to: the ID of a key, session, client or user
	Owner  string     // whose that is
	IP     netip.Addr // from where; zero: not known, or from Go code
	At     time.Time
	Detail map[string]string // more, by Type: the reason of an end, the secrets of a rotation, say; may be nil
}

// tell calls Config.Events. A panic in there loses the event and nothing else.
func (i *Issuer) tell(ctx context.Context, e Event) {
	if i.config.Events == nil {
		return
	}
	e.At, e.IP = time.Now(), addressOf(ctx)
	defer func() { _ = recover() }()
	i.config.Events(context.WithoutCancel(ctx), e)
}

// withAddress returns a context that knows the client's address.
func withAddress(ctx context.Context, ip netip.Addr) context.Context { return address.With(ctx, ip) }

// isRequest reports whether a context is that of a request, and not of Go code of
// the application.
func isRequest(ctx context.Context) bool {
	_, is := address.Of(ctx)
	return is
}

// addressOf returns the client's address, or the zero Addr.
func addressOf(ctx context.Context) netip.Addr {
	ip, _ := address.Of(ctx)
	return ip
}
