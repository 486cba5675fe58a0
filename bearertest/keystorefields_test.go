package bearertest_test

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// Each of these stores changes a field of some keys.
func TestKeyStoresThatChangeFields(t *testing.T) {
	tests := []struct {
		name   string
		change func(*key)
		field  string
	}{
		{"cuts IDs to 8 characters", func(k *key) { k.ID = cut(k.ID, 8) }, "ID"},
		{"cuts IDs to 128 characters", func(k *key) { k.ID = cut(k.ID, 128) }, "ID"},
		{"cuts IDs to 512 characters", func(k *key) { k.ID = cut(k.ID, 512) }, "ID"},
		{"folds IDs", func(k *key) { k.ID = strings.ToLower(k.ID) }, "ID"},
		{"trims IDs", func(k *key) { k.ID = strings.TrimSpace(k.ID) }, "ID"},
		{"pads IDs", func(k *key) { k.ID = fmt.Sprintf("%-32s", k.ID) }, "ID"},
		{"reads IDs as integers", func(k *key) { k.ID = byInteger(k.ID) }, "ID"},
		{"reads IDs as numbers", func(k *key) { k.ID = byFloat(k.ID) }, "ID"},
		{"has no characters of four bytes in IDs", func(k *key) { k.ID = untilSymbol(k.ID) }, "ID"},
		{"has one ID for all", func(k *key) { k.ID = "1" }, "ID"},
		{"assigns IDs at each look-up", func(k *key) { k.ID = fmt.Sprint(time.Now().UnixNano(), new(int)) }, "ID"},

		{"cuts owners to 128 characters", func(k *key) { k.Owner = cut(k.Owner, 128) }, "Owner"},
		{"cuts owners to 255 bytes", func(k *key) { k.Owner = cut(k.Owner, 255) }, "Owner"},
		{"cuts owners at a symbol", func(k *key) { k.Owner = untilSymbol(k.Owner) }, "Owner"},
		{"writes question marks for symbols", func(k *key) {
			k.Owner = strings.Map(func(r rune) rune { return map[bool]rune{true: '?', false: r}[r > 0xffff] }, k.Owner)
		}, "Owner"},
		{"keeps Latin-1", func(k *key) {
			k.Owner = strings.Map(func(r rune) rune { return map[bool]rune{true: '?', false: r}[r > 0xff] }, k.Owner)
		}, "Owner"},
		{"folds owners", func(k *key) { k.Owner = strings.ToLower(k.Owner) }, "Owner"},
		{"normalizes owners", func(k *key) { k.Owner = strings.ReplaceAll(k.Owner, "e\u0301", "é") }, "Owner"},
		{"trims owners at the right", func(k *key) { k.Owner = strings.TrimRight(k.Owner, " ") }, "Owner"},
		{"ends owners at a zero byte", func(k *key) { k.Owner, _, _ = strings.Cut(k.Owner, "\x00") }, "Owner"},
		{"takes zero for no owner", func(k *key) { k.Owner = cmp.Or(strings.TrimLeft(k.Owner, "0"), "") }, "Owner"},
		{"takes blanks for no owner", func(k *key) {
			if strings.TrimSpace(k.Owner) == "" {
				k.Owner = ""
			}
		}, "Owner"},
		{"takes null for no owner", func(k *key) { k.Owner = strings.TrimPrefix(k.Owner, "null") }, "Owner"},
		{"reads numbers as JSON does", func(k *key) {
			if n, err := strconv.ParseInt(k.Owner, 10, 64); err == nil && strconv.FormatInt(n, 10) == k.Owner {
				k.Owner = strconv.FormatInt(int64(float64(n)), 10)
			}
		}, "Owner"},
		{"folds UUIDs", func(k *key) {
			if len(k.Owner) == 36 && strings.Count(k.Owner, "-") == 4 {
				k.Owner = strings.ToLower(k.Owner)
			}
		}, "Owner"},
		{"loses what cannot be seen", func(k *key) { k.Owner = strings.ReplaceAll(k.Owner, "\u200b", "") }, "Owner"},
		{"loses control characters", func(k *key) { k.Owner = strings.ReplaceAll(k.Owner, "\x1b", "") }, "Owner"},
		{"ends owners at a comment", func(k *key) { k.Owner, _, _ = strings.Cut(k.Owner, " #") }, "Owner"},
		{"reads owners as integers", func(k *key) { k.Owner = byInteger(k.Owner) }, "Owner"},
		{"reads owners as numbers", func(k *key) { k.Owner = byFloat(k.Owner) }, "Owner"},
		{"escapes owners", func(k *key) { k.Owner = html.EscapeString(k.Owner) }, "Owner"},
		{"takes NULL for no owner", func(k *key) { k.Owner = strings.TrimPrefix(k.Owner, "NULL") }, "Owner"},
		{"ends owners at a line end", func(k *key) { k.Owner, _, _ = strings.Cut(k.Owner, "\n") }, "Owner"},
		{"ends owners at a bar", func(k *key) { k.Owner, _, _ = strings.Cut(k.Owner, "|") }, "Owner"},

		{"splits scopes at commas", func(k *key) { k.Scopes = replaced(k.Scopes, ",", " ") }, "Scopes"},
		{"loses the braces of scopes", func(k *key) { k.Scopes = replaced(k.Scopes, "{", "", "}", "") }, "Scopes"},
		{"loses the quotes of scopes", func(k *key) { k.Scopes = replaced(k.Scopes, "'", "") }, "Scopes"},
		{"unescapes scopes", func(k *key) {
			if text, err := url.QueryUnescape(string(k.Scopes)); err == nil {
				k.Scopes = bearer.Scopes(text)
			}
		}, "Scopes"},
		{"ends scopes at a comment", func(k *key) {
			before, _, _ := strings.Cut(string(k.Scopes), "#")
			k.Scopes = bearer.Scopes(before)
		}, "Scopes"},
		{"loses the parentheses of scopes", func(k *key) { k.Scopes = replaced(k.Scopes, "(", "", ")", "") }, "Scopes"},
		{"loses tildes and carets", func(k *key) { k.Scopes = replaced(k.Scopes, "~", "", "^", "") }, "Scopes"},
		{"expands variables in scopes", func(k *key) {
			k.Scopes = bearer.Scopes(os.Expand(string(k.Scopes), func(string) string { return "" }))
		}, "Scopes"},
		{"ends scopes at a wildcard", func(k *key) { k.Scopes = replaced(k.Scopes, ":*:b", ":*") }, "Scopes"},
		{"takes NULL for no scope", func(k *key) { k.Scopes = replaced(k.Scopes, "NULL", "") }, "Scopes"},
		{"keeps the first scope", func(k *key) { k.Scopes, _ = splitScopes(k.Scopes) }, "Scopes"},
		{"cuts scopes to 2 KiB", func(k *key) { k.Scopes = cut(k.Scopes, 2048) }, "Scopes"},
		{"cuts each scope to 255 bytes", func(k *key) {
			first, rest := splitScopes(k.Scopes)
			k.Scopes = bearer.JoinScopes(bearer.Scope(cut(first, 255)), bearer.Scope(rest))
		}, "Scopes"},

		{"skips prefixes with host bits", without(func(p netip.Prefix) bool { return p != p.Masked() }), "AllowedIPs"},
		{"skips mapped addresses", without(func(p netip.Prefix) bool { return p.Addr().Is4In6() }), "AllowedIPs"},
		{"skips IPv6", without(func(p netip.Prefix) bool { return p.Addr().Is6() }), "AllowedIPs"},
		{"skips single addresses", without(netip.Prefix.IsSingleIP), "AllowedIPs"},
		{"takes all addresses for none", without(func(p netip.Prefix) bool { return p.Bits() == 0 }), "AllowedIPs"},
		{"skips loopback", without(func(p netip.Prefix) bool { return p.Addr().IsLoopback() }), "AllowedIPs"},
		{"skips addresses of a link", without(func(p netip.Prefix) bool { return p.Addr().IsLinkLocalUnicast() }), "AllowedIPs"},
		{"skips private addresses of IPv6", without(func(p netip.Prefix) bool { return p.Addr().Is6() && p.Addr().IsPrivate() }), "AllowedIPs"},
		{"skips what is above 224.0.0.0", without(func(p netip.Prefix) bool { return p.Addr().Is4() && p.Addr().As4()[0] > 224 }), "AllowedIPs"},
		{"skips short prefixes", without(func(p netip.Prefix) bool { return p.Bits() > 0 && p.Bits() < 4 }), "AllowedIPs"},
		{"keeps 32 addresses", func(k *key) { k.AllowedIPs = k.AllowedIPs[:min(32, len(k.AllowedIPs))] }, "AllowedIPs"},
		{"widens IPv6 to /64", widening(64), "AllowedIPs"},
		{"widens IPv6 to /56", widening(56), "AllowedIPs"},
		{"widens IPv6 to /126", widening(126), "AllowedIPs"},
		{"keeps addresses without their length", func(k *key) {
			k.AllowedIPs = slices.Clone(k.AllowedIPs)
			for i, p := range k.AllowedIPs {
				k.AllowedIPs[i] = netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
			}
		}, "AllowedIPs"},
		{"keeps 24 addresses", func(k *key) { k.AllowedIPs = k.AllowedIPs[:min(24, len(k.AllowedIPs))] }, "AllowedIPs"},

		{"loses origins", func(k *key) { k.AllowedOrigins = nil }, "AllowedOrigins"},
		{"folds origins", origins(strings.ToLower), "AllowedOrigins"},
		{"splits origins", func(k *key) {
			if len(k.AllowedOrigins) > 0 {
				k.AllowedOrigins = strings.Split(strings.Join(k.AllowedOrigins, ","), ",")
			}
		}, "AllowedOrigins"},
		{"keeps one origin", func(k *key) { k.AllowedOrigins = k.AllowedOrigins[:min(1, len(k.AllowedOrigins))] }, "AllowedOrigins"},
		{"loses the ports of origins", origins(func(o string) string { return strings.TrimSuffix(o, ":8443") }), "AllowedOrigins"},
		{"loses origins of secret keys", func(k *key) {
			if k.Kind == bearer.SecretKey {
				k.AllowedOrigins = nil
			}
		}, "AllowedOrigins"},
		{"takes 127.0.0.1 for localhost", origins(func(o string) string { return strings.Replace(o, "127.0.0.1", "localhost", 1) }), "AllowedOrigins"},
		{"loses the brackets of origins", origins(strings.NewReplacer("[", "", "]", "").Replace), "AllowedOrigins"},
		{"loses usual ports", origins(func(o string) string { return strings.TrimSuffix(o, ":443") }), "AllowedOrigins"},
		{"splits origins at semicolons", func(k *key) {
			if len(k.AllowedOrigins) > 0 {
				k.AllowedOrigins = strings.Split(strings.Join(k.AllowedOrigins, ";"), ";")
			}
		}, "AllowedOrigins"},
		{"loses the schemes of origins", origins(func(o string) string { return strings.TrimPrefix(o, "https://") }), "AllowedOrigins"},

		{"keeps whole rates a minute", rates(func(r float64) float64 { return float64(int(r*60)) / 60 }), "Limit"},
		{"keeps rates of one a minute or more", rates(func(r float64) float64 { return max(r, min(1.0/60, r*1e9)) }), "Limit"},
		{"keeps whole rates an hour", rates(func(r float64) float64 { return float64(int(r*3600)) / 3600 }), "Limit"},
		{"keeps rates of two decimals", rates(func(r float64) float64 { return float64(int(r*100)) / 100 }), "Limit"},
		{"keeps intervals of whole milliseconds", rates(func(r float64) float64 { return 1000 / float64(int(1000/r)) }), "Limit"},
		{"keeps no burst", func(k *key) {
			if k.Limit.Burst > 0 {
				k.Limit.Burst = max(1, int(k.Limit.Rate))
			}
		}, "Limit"},
		{"takes no burst for the rate", func(k *key) {
			if k.Limit.Rate < rate.Inf && k.Limit.Burst == 0 {
				k.Limit.Burst = int(k.Limit.Rate)
			}
		}, "Limit"},
		{"takes a large rate for no limit", rates(func(r float64) float64 { return map[bool]float64{true: math.Inf(1), false: r}[r > 1e5] }), "Limit"},
		{"keeps half of the bits of a burst", func(k *key) { k.Limit.Burst = k.Limit.Burst << (strconv.IntSize / 2) >> (strconv.IntSize / 2) }, "Limit"},
		{"takes no rate for no limit of its own", func(k *key) {
			if k.Limit.Rate == 0 {
				k.Limit = bearer.Limit{}
			}
		}, "Limit"},
		{"keeps -1 for what is unlimited", func(k *key) {
			if k.Limit.Rate == rate.Inf {
				k.Limit.Rate = -1
			}
		}, "Limit"},

		{"loses the end", func(k *key) { k.EndsAt = time.Time{} }, "EndsAt"},
		{"loses an end that is the expiry", func(k *key) {
			if k.EndsAt.Equal(k.ExpiresAt) {
				k.EndsAt = time.Time{}
			}
		}, "EndsAt"},
		{"reads the end for the expiry", func(k *key) { k.ExpiresAt = k.EndsAt }, "ExpiresAt"},
		{"reads the expiry for the end", func(k *key) { k.EndsAt = k.ExpiresAt }, "EndsAt"},
		{"keeps days", times(func(at time.Time) time.Time { return at.Truncate(24 * time.Hour) }), "ExpiresAt"},
		{"keeps minutes", times(func(at time.Time) time.Time { return at.Truncate(time.Minute) }), "ExpiresAt"},
		{"keeps Unix times of 32 bits", times(func(at time.Time) time.Time { return time.Unix(int64(int32(at.Unix())), 0) }), "ExpiresAt"},
		{"keeps Unix nanoseconds", times(func(at time.Time) time.Time { return time.Unix(0, at.UnixNano()) }), "ExpiresAt"},
		{"writes the clock of an hour east", times(func(at time.Time) time.Time { return at.Add(time.Hour) }), "ExpiresAt"},
		{"loses a zone west", times(func(at time.Time) time.Time {
			_, offset := at.Zone()
			return at.Add(min(0, time.Duration(offset)*time.Second))
		}), "ExpiresAt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := reading(tt.change)
				err := bearertest.TestKeyStore(broken, broken.issue)
				assertBroken(t, "TestKeyStore", ": "+tt.field+": got ", err)
				assert.ErrorContains(t, err, "FindKey returns every field of a key as it was stored")
				assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
			})
		})
	}
	t.Run("leaves what another record had", func(t *testing.T) {
		var last key
		broken := reading(func(k *key) {
			if k.Owner == "" {
				k.Owner = last.Owner
			}
			if len(k.AllowedOrigins) == 0 {
				k.AllowedOrigins = last.AllowedOrigins
			}
			last = *k
		})
		assertBroken(t, "TestKeyStore", "Owner: got ", bearertest.TestKeyStore(broken, broken.issue))
	})
}

// Each of these stores takes a time for never.
func TestKeyStoresThatTakeATimeForNever(t *testing.T) {
	var never time.Time
	tests := []struct {
		name   string
		change func(*key)
		want   string
	}{
		{"a revocation at the epoch", func(k *key) {
			if k.RevokedAt.Unix() == 0 {
				k.RevokedAt = never
			}
		}, "revoked at the beginning of 1970: RevokedAt: got the zero time, want a time"},
		{"a revocation before the epoch", func(k *key) {
			if k.RevokedAt.Unix() < 0 {
				k.RevokedAt = never
			}
		}, "revoked a second before 1970: RevokedAt: got the zero time"},
		{"a revocation in the year 1", func(k *key) {
			if k.RevokedAt.Year() == 1 {
				k.RevokedAt = never
			}
		}, "revoked in the year 1: RevokedAt: got the zero time"},
		{"a revocation to come", func(k *key) {
			if k.RevokedAt.After(time.Now()) {
				k.RevokedAt = never
			}
		}, "revoked in an hour: RevokedAt: got the zero time"},
		{"an expiry at the epoch", func(k *key) {
			if k.ExpiresAt.Unix() == 0 {
				k.ExpiresAt = never
			}
		}, "expired at the beginning of 1970: ExpiresAt: got the zero time, want 1970-01-01T00:00:00Z"},
		{"an expiry before the epoch", func(k *key) {
			if k.ExpiresAt.Unix() < 0 {
				k.ExpiresAt = never
			}
		}, "expired a second before 1970: ExpiresAt: got the zero time"},
		{"an end at the epoch", func(k *key) {
			if k.EndsAt.Unix() == 0 {
				k.EndsAt = never
			}
		}, "ended at the beginning of 1970: EndsAt: got the zero time"},
		{"an end that is past", func(k *key) {
			if k.EndsAt.Before(time.Now()) {
				k.EndsAt = never
			}
		}, "ended: EndsAt: got the zero time"},
		{"times without their sign", func(k *key) {
			if k.ExpiresAt.Unix() == -1 {
				k.ExpiresAt = time.Unix(1<<32-1, 0)
			}
		}, "expired a second before 1970: ExpiresAt: got 2106-02-07T06:28:15Z, want 1969-12-31T23:59:59Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := reading(tt.change)
				err := bearertest.TestKeyStore(broken, broken.issue)
				assertBroken(t, "TestKeyStore", tt.want, err)
				assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
			})
		})
	}
}

// byInteger returns a text as a column of integers does, which refuses what is none.
func byInteger(text string) string {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	return text
}

// byFloat returns a text as a column of numeric affinity does.
func byFloat(text string) string {
	if strings.Trim(text, "0123456789e") != "" || strings.HasPrefix(text, "0") {
		return text
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return text
}

// untilSymbol returns a text up to the first character of four bytes.
func untilSymbol(text string) string {
	if i := strings.IndexFunc(text, func(r rune) bool { return utf8.RuneLen(r) == 4 }); i >= 0 {
		return text[:i]
	}
	return text
}

func replaced(s bearer.Scopes, oldnew ...string) bearer.Scopes {
	return bearer.Scopes(strings.NewReplacer(oldnew...).Replace(string(s)))
}

func splitScopes(s bearer.Scopes) (first, rest bearer.Scopes) {
	a, b, _ := strings.Cut(string(s), " ")
	return bearer.Scopes(a), bearer.Scopes(b)
}

func without(such func(netip.Prefix) bool) func(*key) {
	return func(k *key) { k.AllowedIPs = slices.DeleteFunc(slices.Clone(k.AllowedIPs), such) }
}

// widening cuts the prefixes of IPv6 to n bits.
func widening(n int) func(*key) {
	return func(k *key) {
		k.AllowedIPs = slices.Clone(k.AllowedIPs)
		for i, p := range k.AllowedIPs {
			if p.Addr().Is6() && !p.Addr().Is4In6() && p.Bits() > n {
				k.AllowedIPs[i], _ = p.Addr().Prefix(n)
			}
		}
	}
}

func origins(change func(string) string) func(*key) {
	return func(k *key) {
		k.AllowedOrigins = slices.Clone(k.AllowedOrigins)
		for i, origin := range k.AllowedOrigins {
			k.AllowedOrigins[i] = change(origin)
		}
	}
}

// rates changes rates, but no that of keys without a limit.
func rates(change func(float64) float64) func(*key) {
	return func(k *key) {
		if k.Limit.Rate > 0 && k.Limit.Rate < rate.Inf {
			k.Limit.Rate = rate.Limit(change(float64(k.Limit.Rate)))
		}
	}
}

func times(change func(time.Time) time.Time) func(*key) {
	return func(k *key) {
		for _, at := range []*time.Time{&k.ExpiresAt, &k.EndsAt} {
			if !at.IsZero() {
				*at = change(*at)
			}
		}
	}
}
