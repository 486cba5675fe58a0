package bearertest_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

type namedLimiter struct {
	name string
	make func() bearer.Limiter
}

// clocked is how many of rightLimiters, the first, tell time each in a way of
// its own.
const clocked = 10

// rightLimiters do what a limiter may do.
func rightLimiters() []namedLimiter {
	up := func(d time.Duration) time.Duration {
		if d < 0 {
			return d
		}
		return (d + time.Second - 1).Truncate(time.Second)
	}
	var shared bearer.Buckets
	return []namedLimiter{
		{"Buckets", func() bearer.Limiter { return new(bearer.Buckets) }},
		{"whole seconds", answering(func(_ int, u *usage) { u.Wait, u.Reset = up(u.Wait), up(u.Reset) })},
		{"a map of rate.Limiters", newRateLimiter},
		{"a map of token buckets", counting(&mapLimiter{})},
		{"token buckets by a clock of milliseconds", counting(&mapLimiter{
			now: func() time.Time { return time.Now().Truncate(time.Millisecond) },
		})},
		{"token buckets that count whole milliseconds", counting(&mapLimiter{
			now: func() time.Time { return time.UnixMilli(time.Now().UnixMilli()) },
		})},
		{"slow answers", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			time.Sleep(3 * time.Millisecond)
			u, err := g.Take(ctx, b, n, l)
			time.Sleep(3 * time.Millisecond)
			return u, err
		})},
		{"times of arrival in nanoseconds", newArrivalLimiter(time.Nanosecond)},
		{"times of arrival in seconds since 1970", newSecondsLimiter},
		{"token buckets that expire when they are full", newExpiringLimiter},
		{"few Buckets", func() bearer.Limiter { return &bearer.Buckets{Max: 64} }},
		{"one Buckets for all", func() bearer.Limiter { return &shared }},
		{"names that are hashed", joining(func(b bucket) string {
			return fmt.Sprintf("%x", sha256.Sum256([]byte(joined(b))))
		})},
		{"names that are joined", asking(func(b *bucket, _ *int, _ *limit) { *b = bucket{ID: joined(*b)} })},
		{"no limit in the answer", answering(func(_ int, u *usage) { u.Limit = limit{} })},
		{"the error of a context that is done", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			if isDone(ctx) {
				return usage{}, ctx.Err()
			}
			return g.Take(ctx, b, n, l)
		})},
		{"no names with zero bytes", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			if strings.Contains(b.ID, "\x00") {
				return usage{}, errors.New("invalid name")
			}
			return g.Take(ctx, b, n, l)
		})},
	}
}

// What a limiter may do, the suite leaves to it.
func TestRightLimiters(t *testing.T) {
	t.Parallel()
	for _, tt := range fewer(rightLimiters()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				assert.NoError(t, bearertest.TestLimiter(tt.make))
			})
		})
	}
}

// The suite tells right from wrong by a real clock, too: though not always by
// the same rule, where the machine is slow. Limiters that have nothing of their
// own to do with the clock are left to bubbles.
func TestLimitersByARealClock(t *testing.T) {
	t.Parallel()
	tests := rightLimiters()[:clocked]
	right := len(tests)
	tests = append(tests,
		namedLimiter{"makes a bucket twice", makingTwice},
		namedLimiter{"forgets after 400 ms", counting(&mapLimiter{known: forgetting(400 * time.Millisecond)})},
		namedLimiter{"refuses a client that asks often", counting(&mapLimiter{flow: wholeTokens})},
	)
	if testing.Short() {
		tests, right = tests[:1], 1
	}
	errs := make([]error, len(tests))
	var all sync.WaitGroup
	for i, tt := range tests {
		all.Go(func() { errs[i] = bearertest.TestLimiter(tt.make) }) // at the same time: they mostly sleep
	}
	all.Wait()
	for i, tt := range tests {
		if i < right {
			assert.NoError(t, errs[i], tt.name)
		} else {
			assertBroken(t, "TestLimiter", "\n\tfix: ", errs[i])
		}
	}
}

// Each of these limiters has one mistake, and breaks one rule. In a bubble,
// waiting takes no time, and the machine is never slow.
func TestBrokenLimiters(t *testing.T) {
	t.Parallel()
	const (
		running   = "what is tested is running"
		inTime    = "every call comes to an end"
		noError   = "an error means that the limiter is out of order"
		full      = "a bucket is full at first"
		burst     = "the burst is allowed at once, and no more"
		counts    = "Usage tells what is left after the take"
		refuses   = "a refusal tells how long to wait"
		nothing   = "a refused take takes nothing"
		look      = "n == 0 only looks"
		never     = "n > Burst is never allowed"
		ownBucket = "each bucket is of its own"
		refills   = "tokens flow in at the limit's rate"
		keeps     = "a bucket is known until it is full again"
		change    = "a changed limit holds from the next take on"
		exact     = "concurrent takes are exact"
		zero      = "the zero Limit lets nothing through"
		done      = "a context that is done changes no verdict"
	)
	tests := []struct {
		name   string
		broken func() bearer.Limiter
		want   string // in the error
	}{
		{"is none", func() bearer.Limiter { return nil }, "newLimiter: got a nil limiter, want one"},
		{"is not made", nil, "newLimiter: got nil, want a function"},
		{"is out of order", around(func(*buckets, ctxt, bucket, int, limit) (usage, error) { return usage{}, errDown }), running},
		{"waits for tokens, with the context", newWaitLimiter, noError},
		{"waits for tokens, whatever the context says", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			for err == nil && !u.Allowed && u.Wait > 0 {
				time.Sleep(u.Wait)
				u, err = g.Take(ctx, b, n, l)
			}
			return u, err
		}), inTime},
		{"answers a refusal with an error", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			if err == nil && !u.Allowed {
				err = errors.New("rate limit exceeded")
			}
			return u, err
		}), noError},
		{"panics", around(func(*buckets, ctxt, bucket, int, limit) (usage, error) { panic("boom") }),
			"got the panic boom (at bearertest/limiter_test.go:"},
		{"always allows", answering(func(_ int, u *usage) { u.Allowed, u.Wait = true, 0 }), burst},
		{"always refuses", answering(func(_ int, u *usage) { u.Allowed, u.Wait = false, time.Second }), full},
		{"is empty at first", asking(func(_ *bucket, _ *int, l *limit) { l.Burst-- }), full},
		{"allows one too many", asking(func(_ *bucket, _ *int, l *limit) { l.Burst++ }), "got Remaining 6, want 5"},
		{"takes one, whatever it is asked", asking(func(_ *bucket, n *int, _ *limit) { *n = min(*n, 1) }), counts},
		{"takes what it refuses", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			if err == nil && !u.Allowed && n <= l.Burst {
				_, err = g.Take(ctx, b, u.Remaining, l)
			}
			return u, err
		}), nothing},
		{"takes one to look", asking(func(_ *bucket, n *int, _ *limit) { *n = max(*n, 1) }), full},
		{"refuses a look into an empty bucket", answering(func(n int, u *usage) {
			u.Allowed = u.Allowed && (n > 0 || u.Remaining > 0)
		}), look},
		{"takes the burst for more", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			return g.Take(ctx, b, min(n, l.Burst), l)
		}), never},
		{"tells a Wait for more than the burst", answering(func(_ int, u *usage) { u.Wait = max(u.Wait, -u.Wait) }), never},
		{"keeps bursts of 16 bits", asking(func(_ *bucket, _ *int, l *limit) { l.Burst = int(int16(l.Burst)) }), burst},
		{"tells no Wait", answering(func(_ int, u *usage) { u.Wait = 0 }), refuses},
		{"tells Wait in milliseconds", answering(func(_ int, u *usage) { u.Wait /= time.Millisecond }), refuses},
		{"tells the Wait of one token", answering(func(n int, u *usage) {
			if u.Wait > 0 {
				u.Wait -= time.Duration(n-1) * time.Duration(float64(time.Second)/float64(u.Limit.Rate))
			}
		}), refuses},
		{"tells a Wait to those it allows", answering(func(_ int, u *usage) { u.Wait = max(u.Wait, 1) }), "want 0 with Allowed"},
		{"tells too short a Wait", answering(func(_ int, u *usage) {
			if u.Wait > 0 {
				u.Wait = max(u.Wait/2, 1)
			}
		}), refuses},
		{"tells what was there before", answering(func(n int, u *usage) {
			if u.Allowed {
				u.Remaining += n
			}
		}), counts},
		{"rounds Remaining up", fast(func(u *usage) {
			u.Remaining = u.Limit.Burst - int(u.Reset.Seconds()*float64(u.Limit.Rate)-1e-6)
		}), counts},
		{"rounds Remaining to the nearest", fast(func(u *usage) {
			u.Remaining = u.Limit.Burst - int(math.Round(u.Reset.Seconds()*float64(u.Limit.Rate)-1e-6))
		}), counts},
		{"tells a token too few", fast(func(u *usage) { u.Remaining = max(0, u.Remaining-1) }), counts},
		{"tells no Reset", answering(func(_ int, u *usage) { u.Reset = 0 }), counts},
		{"tells no Reset where that is short", fast(func(u *usage) { u.Reset = 0 }), counts},
		{"tells Wait for Reset where that is short", fast(func(u *usage) {
			if !u.Allowed {
				u.Reset = u.Wait
			}
		}), counts},
		{"tells a Reset that is 20 s too short", answering(func(_ int, u *usage) { u.Reset = max(0, u.Reset-20*time.Second) }), counts},
		{"tells a Reset that is 0.9 s too long", answering(func(_ int, u *usage) { u.Reset += 900 * time.Millisecond }), full},
		{"tells a Reset that is over, after a while", overdue, "a look, long after: got Reset -"},
		{"tells another limit", answering(func(_ int, u *usage) { u.Limit = bearer.Unlimited }), "Usage.Limit is the limit of the take"},
		{"takes the zero limit for none", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			if l == (limit{}) {
				return usage{Allowed: true, Remaining: math.MaxInt}, nil
			}
			return g.Take(ctx, b, n, l)
		}), zero},
		{"takes no rate for none", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			u.Allowed = u.Allowed || l.Rate == 0 && l.Burst > 0
			return u, err
		}), zero},
		{"tells no Wait without a rate", answering(func(_ int, u *usage) {
			if u.Limit.Rate == 0 {
				u.Wait = 0
			}
		}), zero},
		{"divides by the burst", answering(func(_ int, u *usage) { u.Reset += time.Duration(0 / u.Limit.Burst) }), "Take does not panic"},
		{"allows a client that has gone", leaving(func(l limit) (usage, error) { return usage{Allowed: true, Limit: l}, nil }), done},
		{"refuses a client that has gone", leaving(func(l limit) (usage, error) { return usage{Limit: l}, nil }), done},
		{"charges a client that has gone", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			return u, errors.Join(err, ctx.Err())
		}), done},

		{"forgets the policy", asking(func(b *bucket, _ *int, _ *limit) { b.Policy = "" }), "another policy: "},
		{"folds policies", asking(func(b *bucket, _ *int, _ *limit) { b.Policy = strings.ToLower(b.Policy) }), "another policy: "},
		{"knows one policy from the others", asking(func(b *bucket, _ *int, _ *limit) {
			if b.Policy != "default" {
				b.Policy = "other"
			}
		}), "another policy: "},
		{"cuts policies to 16 bytes", asking(func(b *bucket, _ *int, _ *limit) { b.Policy = cut(b.Policy, 16) }), "another policy: "},
		{"replaces the hyphens of policies", asking(func(b *bucket, _ *int, _ *limit) {
			b.Policy = strings.ReplaceAll(b.Policy, "-", "_")
		}), "another policy: "},
		{"drops the hyphens of policies", asking(func(b *bucket, _ *int, _ *limit) {
			b.Policy = strings.ReplaceAll(b.Policy, "-", "")
		}), "another policy: "},
		{"drops the digits of policies", asking(func(b *bucket, _ *int, _ *limit) {
			b.Policy = strings.TrimRight(b.Policy, "0123456789")
		}), "another policy: "},
		{"knows classes by a letter", classing(func(class string) string { return cut(class, 1) }), "another class: "},
		{"forgets the class", classing(func(string) string { return "" }), "another class: "},
		{"knows keys from the others", classing(func(class string) string {
			if class != "key" {
				return "other"
			}
			return class
		}), "another class: "},
		{"takes no credential for an address", classing(func(class string) string {
			return strings.Replace(class, "nobody", "ip", 1)
		}), "another class: "},
		{"joins names", joining(func(b bucket) string { return b.Policy + b.Class + b.ID }), "names that are joined: "},
		{"joins names by hyphens", joining(func(b bucket) string { return b.Class + "-" + b.Policy + "-" + b.ID }), "names that are joined: "},
		{"joins names by underscores", joining(func(b bucket) string { return b.ID + "_" + b.Class + "_" + b.Policy }),
			"names that are joined: "},
		{"joins names, but for the policy", joining(func(b bucket) string { return b.Policy + ":" + b.Class + b.ID }),
			"names that are joined: "},
		{"forgets the ID", naming(func(string) string { return "" }), ownBucket},
		{"folds case", naming(strings.ToLower), ownBucket},
		{"trims names", naming(strings.TrimSpace), ownBucket},
		{"trims names on the left", naming(func(id string) string { return strings.TrimLeft(id, " ") }), ownBucket},
		{"cuts names to 64 bytes", naming(func(id string) string { return cut(id, 64) }), "long IDs: "},
		{"cuts names to 128 bytes", naming(func(id string) string { return cut(id, 128) }), "long IDs: "},
		{"cuts names to 250 bytes", naming(func(id string) string { return cut(id, 250) }), "long IDs: "},
		{"cuts names to 512 bytes", naming(func(id string) string { return cut(id, 512) }), "long IDs: "},
		{"keeps the end of names", naming(func(id string) string { return id[max(0, len(id)-64):] }), ownBucket},
		{"keeps both ends of names", naming(func(id string) string {
			if len(id) > 200 {
				return id[:100] + id[len(id)-100:]
			}
			return id
		}), "long IDs, other in the middle: "},
		{"drops what is not ASCII", mapping(func(r rune) rune {
			if r > unicode.MaxASCII {
				return -1
			}
			return r
		}), ownBucket},
		{"folds to ASCII", mapping(func(r rune) rune {
			if r > unicode.MaxASCII {
				return '?'
			}
			return r
		}), ownBucket},
		{"drops accents", naming(strings.NewReplacer("\u00e9", "e", "\u00e8", "e").Replace), "a letter folded to ASCII: "},
		{"composes letters", naming(strings.NewReplacer("e\u0301", "\u00e9").Replace), "a composed letter: "},
		{"keeps letters of three bytes", mapping(func(r rune) rune {
			if r > 0xffff {
				return unicode.ReplacementChar
			}
			return r
		}), "four-byte letters: "},
		{"cuts letters to 16 bits", mapping(func(r rune) rune { return r & 0xffff }), "cut to 16 bits: "},
		{"cuts letters to 8 bits", mapping(func(r rune) rune { return r & 0xff }), ownBucket},
		{"folds case, not of ASCII", mapping(func(r rune) rune {
			if r > unicode.MaxASCII {
				return unicode.ToLower(r)
			}
			return r
		}), "another case, not of ASCII: "},
		{"keeps UTF-8", naming(func(id string) string { return strings.ToValidUTF8(id, "\ufffd") }), "no UTF-8"},
		{"drops control characters", mapping(func(r rune) rune {
			if unicode.IsControl(r) && r != '\n' {
				return -1
			}
			return r
		}), ownBucket},
		{"takes names for escaped", naming(func(id string) string {
			if name, err := url.QueryUnescape(id); err == nil {
				return name
			}
			return id
		}), ownBucket},
		{"takes names for paths", naming(path.Clean), ownBucket},
		{"takes names for numbers", naming(func(id string) string {
			if n, err := strconv.ParseFloat(id, 64); err == nil {
				return fmt.Sprint(n)
			}
			return id
		}), "number"},
		{"sums letters up", naming(func(id string) string {
			letters := []byte(id)
			slices.Sort(letters)
			return string(letters)
		}), ownBucket},
		{"cuts names to 1000 bytes", naming(func(id string) string { return cut(id, 1000) }), "long IDs: "},
		{"cuts addresses to /24", naming(func(id string) string {
			if parts := strings.Split(id, "."); len(parts) == 4 {
				return strings.Join(parts[:3], ".")
			}
			return id
		}), "addresses of one /24: "},
		{"cuts addresses to /64", naming(func(id string) string {
			if parts := strings.Split(id, ":"); len(parts) == 8 {
				return strings.Join(parts[:4], ":")
			}
			return id
		}), "addresses of one /64: "},
		{"folds UUIDs", naming(func(id string) string {
			if len(id) == 36 && strings.Count(id, "-") == 4 {
				return strings.ToLower(id)
			}
			return id
		}), "a UUID in capitals: "},
		{"trims slashes", naming(func(id string) string { return strings.TrimSuffix(id, "/") }), "slash"},
		{"names buckets by CRC-32", joining(func(b bucket) string { return fmt.Sprint(crc32.ChecksumIEEE([]byte(joined(b)))) }),
			"one CRC-32: "},
		{"has 2^20 buckets", joining(func(b bucket) string {
			sum := sha256.Sum256([]byte(joined(b)))
			return fmt.Sprint(binary.BigEndian.Uint32(sum[:]) >> 12)
		}), ownBucket},
		{"drops hyphens", naming(func(id string) string { return strings.ReplaceAll(id, "-", "") }), "hyphens: "},
		{"cuts names at a zero byte", naming(before("\x00")), "a zero byte: "},
		{"cuts names at a line end", naming(before("\n")), "a line end: "},
		{"replaces slashes", naming(func(id string) string { return strings.ReplaceAll(id, "/", "_") }), "a slash: "},
		{"has a bucket for each limit", counting(&mapLimiter{name: func(b bucket, l limit) any {
			return struct {
				bucket
				limit
			}{b, l}
		}}), change},
		{"fills a bucket whose limit changes", counting(&mapLimiter{
			known: func(m map[any]*tokenBucket, name any, _ time.Time, l limit) {
				if b := m[name]; b != nil && b.limit != l {
					delete(m, name)
				}
			},
		}), change},
		{"fills a bucket whose burst is raised", changingLimits(func(b *tokenBucket, l limit) {
			if l.Rate == b.limit.Rate && l.Burst > b.limit.Burst {
				b.tokens = float64(l.Burst)
			}
		}), change},
		{"fills a bucket whose rate is raised", changingLimits(func(b *tokenBucket, l limit) {
			if l.Burst == b.limit.Burst && l.Rate > b.limit.Rate {
				b.tokens = float64(l.Burst)
			}
		}), change},
		{"empties a bucket whose limit changes", changingLimits(func(b *tokenBucket, _ limit) { b.tokens = 0 }), change},
		{"tells less than none is left of a lowered burst", loweringLimits(func(u *usage) { u.Remaining = -7 }), "got Remaining -7"},
		{"tells more than a lowered burst", loweringLimits(func(u *usage) { u.Remaining = 9 }), "got Remaining 9"},
		{"tells a negative Reset of a lowered burst", loweringLimits(func(u *usage) { u.Reset = -time.Hour }), "and Reset -1h0m0s"},
		{"remembers the first limit", firstLimit, change},
		{"tells a Wait for more than a lowered burst", waitForFirst, change},

		{"counts whole milliseconds", newArrivalLimiter(time.Millisecond), "fast limits, token by token: "},
		{"counts whole microseconds", newArrivalLimiter(time.Microsecond), "fast limits, token by token: "},
		{"has intervals of whole milliseconds", asking(func(_ *bucket, _ *int, l *limit) {
			if l.Rate > 0 {
				interval := math.Max(1, math.Floor(1e3/float64(l.Rate)))
				l.Rate = rate.Limit(1e3 / interval)
			}
		}), refills},
		{"has intervals of whole microseconds", asking(func(_ *bucket, _ *int, l *limit) {
			if l.Rate > 0 {
				interval := math.Max(1, math.Floor(1e6/float64(l.Rate)))
				l.Rate = rate.Limit(1e6 / interval)
			}
		}), "fast limits: "},
		{"has whole tokens a second", asking(func(_ *bucket, _ *int, l *limit) {
			if l.Rate > 1 {
				l.Rate = rate.Limit(math.Floor(float64(l.Rate)))
			}
		}), "fix: "},
		{"has whole tokens a minute", slower(func(perSecond float64) float64 { return math.Floor(perSecond*60) / 60 }), counts},
		{"has at least a token an hour", slower(func(perSecond float64) float64 { return max(perSecond, 1.0/3600) }), "a slow limit: "},
		{"keeps intervals of 24 days at most", slower(func(perSecond float64) float64 {
			return 1 / min(1/perSecond, 2*24*3600)
		}), "a slow limit: "},
		{"has at most a million tokens a second", asking(func(_ *bucket, _ *int, l *limit) { l.Rate = min(l.Rate, 1e6) }), "fast limits: "},
		{"takes the rate for the burst", asking(func(_ *bucket, _ *int, l *limit) {
			l.Rate, l.Burst = rate.Limit(l.Burst), int(math.Ceil(float64(l.Rate)))
		}), full},
		{"rounds Wait down to seconds", answering(func(_ int, u *usage) {
			if u.Wait > 0 {
				u.Wait = max(1, u.Wait.Truncate(time.Second))
			}
		}), refuses},
		{"rounds Wait down to 10 ms", answering(func(_ int, u *usage) {
			if u.Wait > 0 {
				u.Wait = max(1, u.Wait.Truncate(10*time.Millisecond))
			}
		}), "got Wait 40ms, want at least 48ms"},
		{"tells Reset in milliseconds", answering(func(_ int, u *usage) { u.Reset /= time.Millisecond }), counts},
		{"tells a token less after a refusal", answering(func(_ int, u *usage) {
			if !u.Allowed {
				u.Remaining = max(0, u.Remaining-1)
			}
		}), nothing},
		{"takes one where it refuses", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			if err == nil && !u.Allowed && n <= l.Burst {
				_, err = g.Take(ctx, b, 1, l)
			}
			return u, err
		}), nothing},
		{"flows twice as fast", asking(func(_ *bucket, _ *int, l *limit) { l.Rate *= 2 }), counts},
		{"flows half as fast", asking(func(_ *bucket, _ *int, l *limit) { l.Rate /= 2 }), counts},
		{"never flows", counting(&mapLimiter{flow: func(*tokenBucket, time.Duration, limit) float64 { return 0 }}), refills},
		{"flows by whole tokens, and refuses a client that asks often", counting(&mapLimiter{flow: wholeTokens}), refills},
		{"counts in windows", window, counts},

		{"forgets after 400 ms", counting(&mapLimiter{known: forgetting(400 * time.Millisecond)}), keeps},
		{"forgets after a minute", counting(&mapLimiter{known: forgetting(time.Minute)}), keeps},
		{"forgets after two hours", counting(&mapLimiter{known: forgetting(2 * time.Hour)}), keeps},
		{"forgets after a day", counting(&mapLimiter{known: forgetting(24 * time.Hour)}), keeps},
		{"forgets after a week", counting(&mapLimiter{known: forgetting(7 * 24 * time.Hour)}), keeps},
		{"forgets at a whole second", expiringBySeconds, keeps},
		{"knows 512 buckets", knowing(512), "an empty bucket, after 1"},
		{"knows 4096 buckets", knowing(4096), keeps},
		{"knows 8192 buckets", knowing(8192), keeps},
		{"knows 16384 buckets", knowing(16_384), keeps},
		{"knows 50 buckets", counting(&mapLimiter{known: func(m map[any]*tokenBucket, name any, _ time.Time, _ limit) {
			if m[name] == nil && len(m) >= 50 {
				clear(m)
			}
		}}), keeps},

		{"reads, waits and writes", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, 0, l)
			if n != 1 || err != nil || u.Remaining == 0 {
				return g.Take(ctx, b, n, l)
			}
			time.Sleep(time.Microsecond)
			taken, err := g.Take(ctx, b, 1, l)
			taken.Allowed, taken.Wait = true, 0
			return taken, err
		}), exact},
		{"makes a bucket twice", makingTwice, exact},
		{"reads, waits and writes for several tokens", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			const several = 10 // some takes are of millions
			u, err := g.Take(ctx, b, 0, l)
			if n <= 1 || n > several || err != nil || u.Remaining < n {
				return g.Take(ctx, b, n, l)
			}
			time.Sleep(time.Microsecond)
			for range n {
				u, err = g.Take(ctx, b, 1, l)
			}
			u.Allowed, u.Wait = true, 0
			return u, err
		}), "concurrent takes of three tokens: "},
	}
	for _, tt := range fewer(tests) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := bearertest.TestLimiter(tt.broken)
				assertBroken(t, "TestLimiter", tt.want, err)
				assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
				time.Sleep(24 * time.Hour) // a call that never ends is left behind
			})
		})
	}
}
