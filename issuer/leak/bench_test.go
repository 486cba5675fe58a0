package leak_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/leak"
)

// BenchmarkGitHub measures a whole message, with the look-up of each token: none is
// a key that exists.
func BenchmarkGitHub(b *testing.B) {
	for _, n := range []int{1, 5000} {
		b.Run(fmt.Sprintf("tokens=%d", n), func(b *testing.B) {
			iss, _ := issuer.New(issuer.Config{})
			g := newGitHub(b)
			h, _ := leak.GitHub(iss, leak.GitHubConfig{Client: g.client()})
			texts := make([]string, n)
			for i := range texts {
				texts[i], _ = bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
			}
			w := &world{scanner: h, github: g}
			body := matches(texts...)
			b.ReportAllocs()
			for b.Loop() {
				if rec := w.send(messageOf(body, g.first, g.sign(g.first, body))); rec.Code != http.StatusOK {
					b.Fatal(rec.Code, rec.Body)
				}
			}
		})
	}
}
