package leak_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
)

// FuzzGitHub sends bodies with header fields of all kinds: with a signature that
// was not made for the body, each is refused by a 4xx and does nothing; with one
// that was, it is read or refused.
func FuzzGitHub(f *testing.F) {
	f.Add(`[{"token":"KEY","type":"a","url":"https://a.example","source":"commit"}]`, "a", "MEQCIA==")
	f.Add(`[{"token":"KEY"},{"token":null},1]`, "", "")
	f.Add(`{"token":"KEY"}`, " ", "MAYCAQACAQA=")
	f.Add(`[]`, "a\nb", "!")
	f.Fuzz(func(t *testing.T, body, identifier, signature string) {
		w := newWorld(t)
		text, _ := w.create(bearer.SecretKey)
		body = strings.ReplaceAll(body, "KEY", text)
		for _, id := range []string{identifier, w.github.first} {
			rec := w.send(messageOf(body, id, signature))
			assert.GreaterOrEqual(t, rec.Code, 400)
			assert.Less(t, rec.Code, 500)
			assert.Equal(t, http.StatusOK, w.check(text))
			assert.Empty(t, w.told())
		}
		rec := w.send(w.message(body))
		assert.Contains(t, []int{200, 400, 413}, rec.Code)
		isRevoked := w.check(text) != http.StatusOK
		assert.Equal(t, isRevoked, strings.Contains(rec.Body.String(), truePositive))
		assert.NotContains(t, rec.Body.String(), text)
		for _, e := range w.told() {
			assert.NotContains(t, e.Detail["url"], text)
		}
	})
}

// FuzzReports sends bodies. Each is a report or is refused by a 4xx that leaves the
// key as it is.
func FuzzReports(f *testing.F) {
	f.Add(`{"key":"KEY","url":"https://a.example/KEY","source":"slack"}`)
	f.Add(`{"key":"KEY","\u006bey":"x"}`)
	f.Add(`[{"key":"KEY"}]`)
	f.Add(`{"url":{"key":"KEY"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld(t)
		text, _ := w.create(bearer.SecretKey)
		rec := w.report("192.0.2.1:1", strings.ReplaceAll(body, "KEY", text))
		assert.NotContains(t, rec.Body.String(), text)
		isGood := w.check(text) == http.StatusOK
		if rec.Code != http.StatusOK {
			assert.GreaterOrEqual(t, rec.Code, 400)
			assert.Less(t, rec.Code, 500)
			assert.True(t, isGood)
			return
		}
		assert.Equal(t, !isGood, strings.Contains(rec.Body.String(), "revoked"))
		for _, e := range w.told() {
			assert.NotContains(t, e.Detail["url"], text)
		}
	})
}
