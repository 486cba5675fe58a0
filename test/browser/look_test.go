package browser_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the pictures of docs/page.md")

// fillSite gives the customer keys in all states, and returns the ID of one that
// is being rotated.
func fillSite(t *testing.T, s *site) (rotating string) {
	t.Helper()
	const day = 24 * time.Hour
	now := time.Now()
	for n, key := range []issuer.APIKey{
		{Name: "Partner: Globex", Environment: bearer.Live, Scopes: "reports:read", AllowedIPs: []netip.Prefix{
			netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::7/128")}},
		{Name: "Old importer", Environment: bearer.Live, Scopes: "*", Disabled: true},
		{Name: "Staging", Environment: bearer.Test, Scopes: "*"},
		{Name: "Checkout page", Environment: bearer.Live, Kind: bearer.PublishableKey, Scopes: "payments:read",
			AllowedOrigins: []string{"https://shop.example"}, ExpiresAt: now.Add(300 * day)},
		{Name: "Nightly export", Environment: bearer.Live, Scopes: "reports:read customers:read", ExpiresAt: now.Add(3*day + time.Hour)},
		{Name: "Billing worker", Environment: bearer.Live, Scopes: "payments:read payments:write customers:read",
			ExpiresAt: now.Add(80*day + time.Hour), Metadata: map[string]string{"team": "billing", "host": "worker-7"}},
	} {
		key.Kind = cmp.Or(key.Kind, bearer.SecretKey)
		_, made, err := s.iss.CreateKey(t.Context(), admin, key)
		require.NoError(t, err)
		used := map[bearer.KeyHash]time.Time{made.Secrets[0].Hash: now.Add(-time.Duration(n*n*n) * 11 * time.Minute)}
		if key.Name == "Billing worker" {
			_, _, err = s.iss.RotateKey(t.Context(), admin, made.ID, day)
			require.NoError(t, err)
			used = map[bearer.KeyHash]time.Time{made.Secrets[0].Hash: now.Add(time.Second)}
		}
		require.NoError(t, s.store.TouchKeys(t.Context(), used))
		rotating = made.ID
		time.Sleep(time.Millisecond) // an order for the list
	}
	_, err := s.iss.StartSession(t.Context(), issuer.User{ID: admin.ID, Owner: admin.Owner, Scopes: "*"}, "Laptop in the office")
	require.NoError(t, err)
	return rotating
}

// A look is a width and a theme in which the page is looked at.
type look struct {
	name   string
	width  int64
	scheme string
}

var looks = []look{
	{"light", 1100, "light"}, {"dark", 1100, "dark"}, {"narrow-light", 390, "light"}, {"narrow-dark", 390, "dark"},
}

// look makes the tab show a page so.
func (b tab) look(l look) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(l.width, 800))
	_, err := chromedp.Call(b.Context, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
	})
	require.NoError(b.t, err)
}

// The pages that people see, with what a person does there first.
func pages(rotating string) map[string]func(b tab) {
	return map[string]func(b tab){
		"list":     func(b tab) { b.visit("") },
		"empty":    func(b tab) { b.visit("?state=revoked") },
		"key":      func(b tab) { b.visit("?key=" + rotating) },
		"sessions": func(b tab) { b.visit("?sessions") },
		"new": func(b tab) {
			b.visit("?new")
			b.fill("#name", "Invoice robot")
			b.click("[name=access][value=chosen]")
		},
		"edit": func(b tab) {
			b.visit("?key=" + rotating)
			b.open("Edit")
			b.open("Addresses, origins and metadata")
			b.open("Revoke")
		},
		"created": func(b tab) {
			b.visit("?new")
			b.fill("#name", "Invoice robot")
			b.submit("form.key button.primary", newKey, "")
		},
		"problem": func(b tab) {
			b.visit("?new")
			b.fill("#name", " ")
			b.submit("form.key button.primary", ".problem", "")
		},
		"missing": func(b tab) { b.visit("?key=ak_none") },
	}
}

// No page has a fault that axe finds, in any look; nor does anything stand out of
// the side of a narrow window.
func TestAccessibility(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		missing(t, "axe-core: npm ci in test/browser")
	}
	s := newSite(t)
	rotating := fillSite(t, s)
	b := s.open(t, true)
	for _, l := range looks {
		b.look(l)
		for name, show := range pages(rotating) {
			show(b)
			b.do(chromedp.Evaluate[chromedp.Void](string(axe)))
			found := ask(b, chromedp.Evaluate[[]byte](`axe.run({ resultTypes: ["violations"] }).then(r => ({
				checked: r.passes.length,
				problems: r.violations.map(v => v.id + " (" + v.impact + "): " + v.nodes.map(n => n.html).join(" ")),
			}))`, chromedp.EvalAwaitPromise))
			var result struct {
				Checked  int
				Problems []string
			}
			require.NoError(t, json.Unmarshal(found, &result))
			assert.Empty(t, result.Problems, "%s, %s", name, l.name)
			assert.Greater(t, result.Checked, 10, "%s, %s", name, l.name)
			wide := ask(b, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`))
			assert.LessOrEqual(t, wide, 0, "%s, %s", name, l.name)
		}
	}
}

// Figures of the page as a browser loads it, for the closing table of docs/page.md:
// go test -v -run Figures.
func TestFigures(t *testing.T) {
	s := newSite(t)
	rotating := fillSite(t, s)
	for _, name := range []string{"list", "new", "key"} {
		b := s.open(t, true) // nothing is kept from before
		pages(rotating)[name](b)
		var figures struct {
			Requests, Bytes, Nodes                  int
			FirstByte, Interactive, Loaded, Painted float64
		}
		require.NoError(t, json.Unmarshal(ask(b, chromedp.Evaluate[[]byte](`(() => {
			const n = performance.getEntriesByType("navigation")[0]
			const loaded = performance.getEntriesByType("resource").filter(r => r.name.startsWith("http"))
			return {
				requests: 1 + loaded.length,
				bytes: [n, ...loaded].reduce((sum, r) => sum + r.decodedBodySize, 0),
				nodes: document.querySelectorAll("*").length,
				firstByte: n.responseStart,
				interactive: n.domInteractive,
				loaded: n.loadEventEnd,
				painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
			}
		})()`)), &figures))
		assert.Equal(t, 3, figures.Requests, "the page, a style and a script")
		assert.Less(t, figures.Bytes, 60<<10)
		t.Logf("%s: %+v", name, figures)
	}
}

// TestPictures writes the pictures of docs/page.md, if it is asked to.
func TestPictures(t *testing.T) {
	if !*update {
		t.Skip("skipped: pictures are written with -update")
	}
	s := newSite(t)
	rotating := fillSite(t, s)
	b := s.open(t, true)
	for _, l := range looks {
		for _, name := range []string{"list", "key", "created", "new"} {
			if name == "created" && len(s.keys(t)) > 6 { // the key of the last look
				_, err := s.iss.RevokeKey(t.Context(), admin, s.keys(t)[0].ID, "")
				require.NoError(t, err)
			}
			b.look(l)
			pages(rotating)[name](b)
			if name == "created" { // no text that looks like a key is published
				b.do(chromedp.Evaluate[chromedp.Void](`{
					const key = document.querySelector("[data-secret]")
					key.textContent = key.textContent.slice(0, 8) + "•".repeat(key.textContent.length - 8)
				}`))
			}
			height := ask(b, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
			b.do(chromedp.EmulateViewport(l.width, min(max(height, 500), 1600)))
			picture := ask(b, chromedp.CaptureScreenshot())
			file := filepath.Join("..", "..", "docs", "page", fmt.Sprintf("%s-%s.png", name, l.name))
			require.NoError(t, os.WriteFile(file, smaller(t, picture), 0o644))
		}
	}
}

// smaller returns a picture with the 256 colours that it has the most of.
func smaller(t *testing.T, data []byte) []byte {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	count := map[color.Color]int{}
	size := picture.Bounds()
	for y := range size.Dy() {
		for x := range size.Dx() {
			count[picture.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	out := image.NewPaletted(size, colors[:min(256, len(colors))])
	for y := range size.Dy() {
		for x := range size.Dx() {
			out.Set(x, y, picture.At(x, y))
		}
	}
	var body bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	require.NoError(t, encoder.Encode(&body, out))
	return body.Bytes()
}
