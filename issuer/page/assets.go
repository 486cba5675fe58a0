package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
)

//go:embed templates/*.html assets/page.css assets/page.js
var files embed.FS

// The assets are what the page loads: their content by their names.
type assets struct {
	content map[string][]byte
	version string // changes with the content
}

// newAssets returns the assets in the colours of a config.
func newAssets(config Config) assets {
	a := assets{content: map[string][]byte{}}
	digest := sha256.New()
	for _, name := range []string{"page.css", "page.js"} {
		data, err := files.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // they are embedded
		}
		if name == "page.css" {
			data = append(data, accentRules(config)...)
		}
		a.content[name] = data
		digest.Write(data)
	}
	a.version = hex.EncodeToString(digest.Sum(nil)[:8])
	return a
}

// serve answers with an asset. It is the same for all, so that browsers may keep
// it: another version has another URL.
func (a *assets) serve(w http.ResponseWriter, r *http.Request, name string) {
	data, isThere := a.content[name]
	if !isThere {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	if name == "page.js" {
		h.Set("Content-Type", "text/javascript; charset=utf-8")
	}
	if r.URL.Query().Get("v") == a.version {
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	if r.Method != http.MethodHead {
		_, _ = bytes.NewReader(data).WriteTo(w)
	}
}
