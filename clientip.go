package bearer

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// RemoteIP returns the address of the TCP peer, from r.RemoteAddr: an IPv4
// address also where IPv6 maps it, and no zone. It returns the zero Addr if
// there is none, as on a Unix socket, or an unspecified one.
func RemoteIP(r *http.Request) netip.Addr {
	return parseHop(r.RemoteAddr)
}

// ForwardedFor returns a function for Config.ClientIP that finds the client
// behind proxies: where the TCP peer is in one of the trusted prefixes, it
// walks the X-Forwarded-For fields from the right to the first address that is
// not. It returns the zero Addr, which no key's AllowedIPs hold, if it meets
// none, or one that is no address, or an unspecified one such as 0.0.0.0. A peer
// that is not trusted is the client.
//
// It panics if a prefix is not valid, trusts every address, or has bits set
// beyond its length: each is a mistake in the program.
func ForwardedFor(trusted ...netip.Prefix) func(*http.Request) netip.Addr {
	prefixes := make([]netip.Prefix, len(trusted))
	for i, prefix := range trusted {
		p := unmapPrefix(prefix)
		if !p.IsValid() || p.Bits() == 0 || p != p.Masked() {
			panic("bearer: ForwardedFor: " + prefix.String() + " is not a prefix to trust")
		}
		prefixes[i] = p
	}
	return func(r *http.Request) netip.Addr {
		peer := RemoteIP(r)
		if !inAny(prefixes, peer) {
			return peer
		}
		return lastUntrusted(r.Header["X-Forwarded-For"], prefixes)
	}
}

// lastUntrusted reads the lines of X-Forwarded-For as one list (RFC 9110
// section 5.3), from the right: what a client wrote itself stands on the left.
func lastUntrusted(lines []string, trusted []netip.Prefix) netip.Addr {
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			var hop string
			hop, line, more = cutLast(line)
			if hop = strings.Trim(hop, " \t"); hop == "" {
				continue // RFC 9110 section 5.6.1
			}
			addr := parseHop(hop)
			if !addr.IsValid() || !inAny(trusted, addr) {
				return addr
			}
		}
	}
	return netip.Addr{}
}

func cutLast(list string) (last, before string, more bool) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		return list[i+1:], list[:i], true
	}
	return list, "", false
}

// parseHop parses an address with or without a port.
func parseHop(hop string) netip.Addr {
	if ap, err := netip.ParseAddrPort(hop); err == nil {
		return clientOf(ap.Addr())
	}
	if inner, ok := strings.CutPrefix(hop, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(inner, ":") {
			return netip.Addr{}
		}
		hop = inner
	}
	addr, err := netip.ParseAddr(hop)
	if err != nil {
		return netip.Addr{}
	}
	return clientOf(addr)
}

// clientOf returns an address in the form that prefixes have, and the zero Addr
// for an unspecified one, from which no client comes.
func clientOf(addr netip.Addr) netip.Addr {
	if addr = addr.Unmap().WithZone(""); addr.IsUnspecified() {
		return netip.Addr{}
	}
	return addr
}

// inAny reports whether one of the prefixes holds addr.
func inAny(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if unmapPrefix(p).Contains(addr) {
			return true
		}
	}
	return false
}

// unmapPrefix turns a prefix of IPv4-mapped addresses into one of IPv4.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// clientIP returns the address of the client in the form that prefixes have.
func (g *Guard) clientIP(r *http.Request) netip.Addr { return clientOf(g.config.ClientIP(r)) }

// clientKey names the bucket that the clients at an address share: the address
// itself, or of an IPv6 address the prefix of Config.IPv6Prefix bits. Clients of
// unknown address share one.
func (g *Guard) clientKey(r *http.Request) string {
	addr := g.clientIP(r)
	if addr.Is6() {
		p, _ := addr.Prefix(g.config.IPv6Prefix) // no error: New checked it
		return p.String()
	}
	return addr.String()
}
