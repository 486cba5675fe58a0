package page_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEdit(t *testing.T) {
	s := defaultSite(t)
	id, _ := s.create("Before")
	form := s.editForm(id)
	form.Set("metadata", "a=1")
	assert.Equal(t, "?key="+id+"&done=updated", s.post("?key="+id, form).Header.Get("Location"))
	key := s.key(id)
	assert.Equal(t, "Edited", key.Name)
	assert.Equal(t, map[string]string{"a": "1"}, key.Metadata)

	late := s.post("?key="+id, form)
	assert.Equal(t, http.StatusConflict, late.StatusCode, "another tab has changed it")
	assert.Contains(t, late.body, "changed meanwhile")

	form = s.editForm(id)
	form.Set("name", "")
	bad := s.post("?key="+id, form)
	assert.Equal(t, http.StatusBadRequest, bad.StatusCode)
	assert.Contains(t, bad.body, "<details open><summary>Edit")
}

func TestEditKeepsAll(t *testing.T) {
	s := defaultSite(t)
	pairs := map[string]string{
		"plain": "v", "a=b": "c=d", `"q"`: `"quoted"`, "edge": " edge ", "lines": "1\n2\r\n\t3", "empty": "", "ü": "日本\u202e",
	}
	_, key, err := s.iss.CreateKey(t.Context(), admin, issuer.APIKey{
		Name: "All", Kind: bearer.PublishableKey, Scopes: "tokens:*", Metadata: pairs,
		AllowedOrigins: []string{"https://a.example", "http://localhost:3000"},
	})
	require.NoError(t, err)
	shown := s.get("?key=" + key.ID).body
	area := func(name string) string {
		return html.UnescapeString(regexp.MustCompile(`(?s)name="` + name + `"[^>]*>([^<]*)</textarea>`).FindStringSubmatch(shown)[1])
	}
	form := s.editForm(key.ID)
	form.Set("name", key.Name)
	form.Set("scope", "tokens:*")
	for _, name := range []string{"addresses", "origins", "metadata"} {
		form.Set(name, strings.ReplaceAll(area(name), "\n", "\r\n")) // as browsers do
	}
	require.Equal(t, http.StatusSeeOther, s.post("?key="+key.ID, form).StatusCode)
	after := s.key(key.ID)
	assert.Equal(t, key.Metadata, after.Metadata)
	assert.Equal(t, key.AllowedOrigins, after.AllowedOrigins)
	assert.Equal(t, key.Scopes, after.Scopes)
	assert.Contains(t, shown, `value="tokens:*" checked`)
	assert.Equal(t, int64(1), after.Version, "nothing has changed")
}

func TestRotate(t *testing.T) {
	s := defaultSite(t)
	id, old := s.create("Rotating")
	form := s.rotateForm(id, "3600")
	a := s.post("?key="+id, form)
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	text := a.keyText(t)
	assert.NotEqual(t, old, text)
	assert.True(t, s.accepts(old))
	assert.True(t, s.accepts(text))
	assert.Contains(t, a.body, "Nothing has used it since the rotation.")
	assert.Contains(t, s.get("").body, "Old value still works")

	again := s.post("?key="+id, form)
	assert.Equal(t, http.StatusConflict, again.StatusCode)
	assert.NotContains(t, again.body, "data-secret>")

	key := s.key(id)
	require.NoError(t, s.store.TouchKeys(t.Context(), map[bearer.KeyHash]time.Time{
		key.Secrets[0].Hash: time.Now().Add(time.Second),
	}))
	assert.Contains(t, s.get("?key="+id).body, "Something still uses it.")

	end := url.Values{"do": {"end-secret"}, "secret": {key.Secrets[0].ID}}
	assert.Equal(t, "?key="+id+"&done=secret-ended", s.post("?key="+id, end).Header.Get("Location"))
	assert.False(t, s.accepts(old))
	assert.True(t, s.accepts(text))

	form = s.rotateForm(id, "0")
	require.Equal(t, http.StatusOK, s.post("?key="+id, form).StatusCode)
	assert.False(t, s.accepts(text))
	assert.Equal(t, http.StatusConflict, s.post("?key="+id, form).StatusCode, "it was rotated, and once only")
}

func TestDisableAndRevoke(t *testing.T) {
	s := defaultSite(t)
	id, text := s.create("Ending")
	for _, step := range []struct {
		do, done string
		accepted bool
	}{{"disable", "disabled", false}, {"enable", "enabled", true}, {"revoke", "revoked", false}} {
		a := s.post("?key="+id, url.Values{"do": {step.do}, "reason": {"tired of it"}})
		assert.Equal(t, "?key="+id+"&done="+step.done, a.Header.Get("Location"))
		assert.Equal(t, step.accepted, s.accepts(text), step.do)
	}
	assert.NotContains(t, s.get("").body, "Ending")
	revoked := s.get("?key=" + id).body
	assert.Contains(t, revoked, "tired of it")
	assert.NotContains(t, revoked, "<form")
	assert.Equal(t, http.StatusConflict, s.post("?key="+id, url.Values{"do": {"enable"}}).StatusCode)
}

func TestSessions(t *testing.T) {
	s := defaultSite(t)
	assert.Contains(t, s.get("?sessions").body, "No sessions.")
	grant, err := s.iss.StartSession(t.Context(), issuer.User{ID: "us_admin", Owner: "acme", Scopes: "*"}, "Laptop <1>")
	require.NoError(t, err)
	shown := s.get("?sessions").body
	assert.Contains(t, shown, "Laptop &lt;1&gt;")
	assert.NotContains(t, shown, grant.AccessToken)
	a := s.post("?sessions", url.Values{"do": {"end-session"}, "session": {grant.SessionID}})
	assert.Equal(t, "?sessions&done=session-ended", a.Header.Get("Location"))
	assert.Contains(t, s.get("?sessions&done=session-ended").body, "The session was ended.")
	assert.Contains(t, s.get("?sessions").body, "No sessions.")

	without := newSite(t, issuer.Config{}, page.Config{})
	assert.Equal(t, http.StatusNotFound, without.get("?sessions").StatusCode)
	assert.NotContains(t, without.get("").body, "?sessions")
}
