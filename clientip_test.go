package bearer_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
)

// addrOf is "" for the zero Addr.
func addrOf(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

func TestRemoteIP(t *testing.T) {
	for _, row := range []struct {
		name string
		peer string
		want string
	}{
		{"IPv4", "203.0.113.7:4711", "203.0.113.7"},
		{"IPv6", "[2001:db8::1]:4711", "2001:db8::1"},
		{"IPv4 mapped", "[::ffff:203.0.113.7]:4711", "203.0.113.7"},
		{"zone", "[fe80::1%eth0]:4711", "fe80::1"},
		{"no port", "203.0.113.7", "203.0.113.7"},
		{"Unix socket", "@", ""},
		{"empty", "", ""},
		{"name", "localhost:80", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = row.peer
			r.Header.Set("X-Forwarded-For", "198.51.100.1")
			assert.Equal(t, row.want, addrOf(bearer.RemoteIP(r)))
			assert.Equal(t, row.peer, r.RemoteAddr)
		})
	}
}

func TestForwardedFor(t *testing.T) {
	clientIP := bearer.ForwardedFor(prefixes("10.0.0.0/8", "2001:db8:1::/48", "::ffff:192.0.2.0/120", "192.168.1.1/32")...)
	for _, row := range []struct {
		name  string
		peer  string
		lines []string
		want  string
	}{
		{"peer not trusted", "203.0.113.7:1", []string{"198.51.100.1"}, "203.0.113.7"},
		{"peer not trusted, no field", "203.0.113.7:1", nil, "203.0.113.7"},
		{"peer unknown", "@", []string{"198.51.100.1"}, ""},
		{"one hop", "10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"spoofed on the left", "10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"trusted on the right", "10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1, 10.0.0.2, 192.168.1.1"}, "198.51.100.1"},
		{"two lines", "10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		{"two lines, the last trusted", "10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"white space", "10.0.0.1:1", []string{" \t198.51.100.1\t ,\t10.0.0.2 "}, "198.51.100.1"},
		{"port", "10.0.0.1:1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"IPv6", "10.0.0.1:1", []string{"2001:db8:2::1"}, "2001:db8:2::1"},
		{"IPv6 in brackets", "10.0.0.1:1", []string{"[2001:db8:2::1]"}, "2001:db8:2::1"},
		{"IPv6 with a port", "10.0.0.1:1", []string{"[2001:db8:2::1]:443"}, "2001:db8:2::1"},
		{"IPv6 with a zone", "10.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
		{"IPv4 mapped", "10.0.0.1:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"mapped hop is trusted", "10.0.0.1:1", []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		{"mapped peer is trusted", "[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"mapped prefix", "192.0.2.7:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"IPv6 peer is trusted", "[2001:db8:1::9]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"no field", "10.0.0.1:1", nil, ""},
		{"empty field", "10.0.0.1:1", []string{""}, ""},
		{"only trusted hops", "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, ""},
		{"not an address", "10.0.0.1:1", []string{"198.51.100.1, unknown"}, ""},
		{"empty element on the right", "10.0.0.1:1", []string{"198.51.100.1,"}, "198.51.100.1"},
		{"empty elements between", "10.0.0.1:1", []string{"198.51.100.1, ,\t,10.0.0.2"}, "198.51.100.1"},
		{"empty last line", "10.0.0.1:1", []string{"198.51.100.1", ""}, "198.51.100.1"},
		{"only empty elements", "10.0.0.1:1", []string{",", " , "}, ""},
		{"unspecified", "10.0.0.1:1", []string{"198.51.100.1, 0.0.0.0"}, ""},
		{"unspecified, IPv6", "10.0.0.1:1", []string{"198.51.100.1, ::"}, ""},
		{"unspecified, mapped, with a port", "10.0.0.1:1", []string{"[::ffff:0.0.0.0]:443"}, ""},
		{"unspecified peer", "0.0.0.0:1", []string{"198.51.100.1"}, ""},
		{"trusted, then no address", "10.0.0.1:1", []string{"198.51.100.1, _hidden, 10.0.0.2"}, ""},
		{"IPv4 in brackets", "10.0.0.1:1", []string{"[198.51.100.1]"}, ""},
		{"open bracket", "10.0.0.1:1", []string{"[2001:db8:2::1"}, ""},
		{"leading zeros", "10.0.0.1:1", []string{"198.051.100.001"}, ""},
		{"quoted", "10.0.0.1:1", []string{`"198.51.100.1"`}, ""},
		{"not an address on the far left", "10.0.0.1:1", []string{"<script>, 198.51.100.1"}, "198.51.100.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = row.peer
			for _, name := range []string{"X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"} {
				r.Header.Set(name, "9.9.9.9")
			}
			r.Header["X-Forwarded-For"] = row.lines
			assert.Equal(t, row.want, addrOf(clientIP(r)))
			assert.Equal(t, row.peer, r.RemoteAddr, "never overwritten")
		})
	}
}

func TestForwardedForWithoutProxies(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	assert.Equal(t, "10.0.0.1", addrOf(bearer.ForwardedFor()(r)))
}

func TestForwardedForCopiesItsArgument(t *testing.T) {
	trusted := prefixes("10.0.0.0/8")
	clientIP := bearer.ForwardedFor(trusted...)
	trusted[0] = netip.MustParsePrefix("203.0.113.0/24")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "203.0.113.7:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	assert.Equal(t, "203.0.113.7", addrOf(clientIP(r)))
}

func TestForwardedForPanicsAtStartUp(t *testing.T) {
	for _, row := range []struct {
		name   string
		prefix netip.Prefix
	}{
		{"zero", netip.Prefix{}},
		{"every IPv4 address", netip.MustParsePrefix("0.0.0.0/0")},
		{"every IPv6 address", netip.MustParsePrefix("::/0")},
		{"every mapped address", netip.MustParsePrefix("::ffff:0.0.0.0/96")},
		{"host bits", netip.MustParsePrefix("10.0.0.1/8")},
		{"host bits, mapped", netip.MustParsePrefix("::ffff:10.0.0.1/104")},
		{"host bits, IPv6", netip.MustParsePrefix("2001:db8::1/32")},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Panics(t, func() { bearer.ForwardedFor(prefixes("10.0.0.0/8")[0], row.prefix) })
		})
	}
}

// S4.10: allowed_ips are addresses and CIDRs, v4 and v6.
func TestAllowedIPs(t *testing.T) {
	allowed := prefixes("203.0.113.7/32", "198.51.100.0/24", "2001:db8:1::/48", "2001:db8:2::5/128", "::ffff:192.0.2.0/120")
	text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.AllowedIPs = allowed })
	h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Handler(pass)
	const refused = "403 ip_not_allowed"
	for _, row := range []struct {
		name string
		peer string
		want string
	}{
		{"S4.10 address", "203.0.113.7:1", "passed"},
		{"S4.10 next to the address", "203.0.113.8:1", refused},
		{"S4.10 first of the CIDR", "198.51.100.0:1", "passed"},
		{"S4.10 last of the CIDR", "198.51.100.255:1", "passed"},
		{"S4.10 after the CIDR", "198.51.101.0:1", refused},
		{"S4.10 IPv6 CIDR", "[2001:db8:1:ffff::1]:1", "passed"},
		{"S4.10 outside of the IPv6 CIDR", "[2001:db8:3::1]:1", refused},
		{"S4.10 IPv6 address", "[2001:db8:2::5]:1", "passed"},
		{"S4.10 IPv6 address, long form", "[2001:0db8:0002:0:0:0:0:5]:1", "passed"},
		{"S4.10 next to the IPv6 address", "[2001:db8:2::6]:1", refused},
		{"S4.10 mapped peer", "[::ffff:203.0.113.7]:1", "passed"},
		{"S4.10 mapped CIDR", "192.0.2.9:1", "passed"},
		{"S4.10 mapped peer of a mapped CIDR", "[::ffff:192.0.2.9]:1", "passed"},
		{"S4.10 zone", "[2001:db8:1::1%eth0]:1", "passed"},
		{"S4.10 unknown", "@", refused},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(http.MethodGet, "/", text)
			r.RemoteAddr = row.peer
			r.Header.Set("X-Forwarded-For", "203.0.113.7")
			assert.Equal(t, row.want, verdict(serve(h, r)))
		})
	}
}

func TestAllowedIPsBehindAProxy(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.AllowedIPs = prefixes("203.0.113.7/32") })
	h := newGuard(t, bearer.Config{
		Keys:     bearer.NewMemoryStore(key),
		ClientIP: bearer.ForwardedFor(prefixes("10.0.0.0/8")...),
	}).Handler(pass)
	for _, row := range []struct {
		name string
		peer string
		xff  string
		want string
	}{
		{"S4.10 client behind the proxy", "10.0.0.1:1", "203.0.113.7", "passed"},
		{"S4.10 the client lies", "10.0.0.1:1", "203.0.113.7, 198.51.100.1", "403 ip_not_allowed"},
		{"S4.10 around the proxy", "198.51.100.1:1", "203.0.113.7", "403 ip_not_allowed"},
		{"S4.10 unknown", "10.0.0.1:1", "unknown", "403 ip_not_allowed"},
		{"S4.10 many hops", "10.0.0.1:1", strings.Repeat("10.0.0.2,", 10_000) + "10.0.0.2", "403 ip_not_allowed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(http.MethodGet, "/", text)
			r.RemoteAddr = row.peer
			r.Header.Set("X-Forwarded-For", row.xff)
			assert.Equal(t, row.want, verdict(serve(h, r)))
		})
	}
}

// A ClientIP of the application may return IPv4 addresses mapped into IPv6. They
// share a prefix of 64 bits, and yet are different clients.
func TestMappedClientsAreDistinct(t *testing.T) {
	address := netip.MustParseAddr("::ffff:192.0.2.1")
	text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.AllowedIPs = prefixes("198.51.100.0/24") })
	guard := newGuard(t, bearer.Config{
		Keys:         bearer.NewMemoryStore(key),
		ClientIP:     func(*http.Request) netip.Addr { return address },
		FailureLimit: bearer.PerMinute(1),
	})
	check := func(text string) bearer.Code {
		_, err := guard.Check(request(http.MethodGet, "/", text))
		return bearer.CodeOf(err)
	}
	wrong, _ := newKey(bearer.SecretKey, bearer.Live)
	assert.Equal(t, bearer.CodeUnauthorized, check(wrong))
	assert.Equal(t, bearer.CodeRateLimitExceeded, check(wrong))
	address = netip.MustParseAddr("::ffff:198.51.100.7")
	assert.Empty(t, check(text), "another address, and one that the key allows")
}

// The failures of two IPv6 addresses count as one client's, if they share the
// bits of Config.IPv6Prefix.
func TestIPv6Prefix(t *testing.T) {
	for _, row := range []struct {
		name   string
		bits   int
		other  string
		shared bool
	}{
		{"64 if zero", 0, "[2001:db8::ffff:1]:1", true},
		{"64 if zero, another /64", 0, "[2001:db8:0:1::1]:1", false},
		{"56", 56, "[2001:db8:0:ff::1]:1", true},
		{"56, another /56", 56, "[2001:db8:0:100::1]:1", false},
		{"128", 128, "[2001:db8::2]:1", false},
		{"an IPv4 address is whole", 1, "203.0.113.8:1", false},
	} {
		guard := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(), FailureLimit: bearer.Limit{Rate: 1e-9, Burst: 1}, IPv6Prefix: row.bits,
		})
		text, _ := newKey(bearer.SecretKey, bearer.Live)
		from := func(peer string) string {
			r := request(http.MethodGet, "/", text)
			r.RemoteAddr = peer
			return verdict(serve(guard.Handler(pass), r))
		}
		assert.Equal(t, "401 invalid_api_key", from("[2001:db8::1]:1"), row.name)
		want := "401 invalid_api_key"
		if row.shared {
			want = "429 rate_limit_exceeded"
		}
		assert.Equal(t, want, from(row.other), row.name)
	}
}
