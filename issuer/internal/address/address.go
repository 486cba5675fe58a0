// Package address carries the address of a client in a context, from where a
// request comes in to limits and events.
package address

import (
	"context"
	"net/netip"
)

// contextKey is the key of an address in a context.
type contextKey struct{}

// With returns a context that knows the address of a client, also the zero Addr
// of one that is not known.
func With(ctx context.Context, ip netip.Addr) context.Context {
	return context.WithValue(ctx, contextKey{}, ip)
}

// Of returns the address of the client. The second result is false if the context
// is not that of a request, but of Go code of the application.
func Of(ctx context.Context) (ip netip.Addr, isRequest bool) {
	ip, isRequest = ctx.Value(contextKey{}).(netip.Addr)
	return ip, isRequest
}

// Network returns the name of an address in buckets: an IPv6 address stands for
// its /64. Clients whose address is not known share one name.
func Network(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	switch {
	case !ip.IsValid(), ip.IsUnspecified():
		return "unknown"
	case ip.Is6():
		p, _ := ip.Prefix(64) // no error: an IPv6 address has so many bits
		return p.String()
	default:
		return ip.String()
	}
}
