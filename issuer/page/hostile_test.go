package page_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A search costs each key what the text has, and so the text has an end.
func TestLongSearch(t *testing.T) {
	s := defaultSite(t)
	s.create(strings.Repeat("a", 255))
	shown := s.get("?q=" + strings.Repeat("a", 500<<10)).body
	assert.Less(t, len(shown), 10<<10)
	assert.Contains(t, shown, "?key=ak_", "the beginning is searched for")
	assert.Contains(t, s.get("?q="+strings.Repeat("%C3%A4", 200)).body, `value="`+strings.Repeat("ä", 127)+`"`)
}

// betweenStore lets another request in before the second read of a key.
type betweenStore struct {
	*issuer.MemoryStore

	reads   int
	between func()
}

func (s *betweenStore) GetKey(ctx context.Context, owner, id string) (issuer.APIKey, error) {
	s.reads++
	if s.reads == 2 {
		s.between()
	}
	return s.MemoryStore.GetKey(ctx, owner, id)
}

// Of two tabs that rotate at once, the second must not end what the first was
// shown.
func TestRotateAtOnce(t *testing.T) {
	one := defaultSite(t)
	id, _ := one.create("Shared")
	form := one.rotateForm(id, "0")
	var first answer
	store := &betweenStore{MemoryStore: one.store, between: func() { first = one.post("?key="+id, form) }}
	iss, err := issuer.New(issuer.Config{
		Store: store, Caller: func(*http.Request) (issuer.Caller, error) { return admin, nil },
	})
	require.NoError(t, err)
	two := &site{t: t, iss: iss, handler: page.Handler(iss, page.Config{})}
	second := two.post("?key="+id, form)
	for store.reads < 2 {
		_, err := store.GetKey(t.Context(), admin.Owner, id)
		require.NoError(t, err)
	}
	won := []string{}
	for _, a := range []answer{first, second} {
		if a.StatusCode == http.StatusOK {
			won = append(won, a.keyText(t))
		}
	}
	require.Len(t, won, 1)
	assert.True(t, one.accepts(won[0]))
}

// A form that is sent twice is one key, also if that is the last one.
func TestCreateLastTwice(t *testing.T) {
	s := newSite(t, issuer.Config{Rules: issuer.KeyRules{MaxKeys: 1}}, page.Config{})
	form := s.newForm("Last")
	require.Equal(t, http.StatusCreated, s.post("?new", form).StatusCode)
	assert.Equal(t, "?key="+form.Get("id")+"&done=exists", s.post("?new", form).Header.Get("Location"))
	another := s.post("?new", s.newForm("One more"))
	assert.Equal(t, http.StatusConflict, another.StatusCode)
	assert.Contains(t, another.body, "as many keys as are allowed")
}

// Who changes the name of a key changes nothing else, whatever scopes it has.
func TestRename(t *testing.T) {
	for _, row := range []struct {
		name   string
		scopes bearer.Scopes
		typed  url.Values // as a browser sends the form untouched
	}{
		{"another order", "wallets:read tokens:read", url.Values{"scope": {"tokens:read", "wallets:read"}}},
		{"a scope that is gone", "wallets:read gone tokens:read", url.Values{"scope": {"tokens:read", "wallets:read", "gone"}}},
		{"none", "", url.Values{}},
		{"a family", "tokens:*", url.Values{"scope": {"tokens:*"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := defaultSite(t)
			id, _ := s.create("Before")
			key := s.key(id)
			key.Scopes = row.scopes
			require.NoError(t, s.store.ReplaceKey(t.Context(), key))
			form := s.editForm(id)
			form["scope"] = row.typed["scope"]
			a := s.post("?key="+id, form)
			require.Equal(t, http.StatusSeeOther, a.StatusCode, a.body)
			assert.Equal(t, row.scopes, s.key(id).Scopes)
			assert.Equal(t, "name", s.events[len(s.events)-1].Detail["changed"])
		})
	}
	s := defaultSite(t)
	id, _ := s.create("Has one")
	form := s.editForm(id)
	form.Del("scope")
	assert.Equal(t, http.StatusBadRequest, s.post("?key="+id, form).StatusCode, "all of them are gone")
}

// Whatever the rules allow, a key can be made with what the form offers at first.
func TestShortLives(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		rules issuer.KeyRules
		want  time.Duration
	}{
		{issuer.KeyRules{MaxTTL: 90 * time.Second}, 90 * time.Second},
		{issuer.KeyRules{MaxTTL: time.Hour}, time.Hour},
		{issuer.KeyRules{MaxTTL: day}, day},
		{issuer.KeyRules{MaxTTL: 36 * time.Hour}, 36 * time.Hour},
		{issuer.KeyRules{MaxTTL: 60 * day}, 30 * day},
		{issuer.KeyRules{DefaultTTL: 10 * day}, 10 * day},
		{issuer.KeyRules{DefaultTTL: 2 * time.Hour, MaxTTL: day, MustExpire: true}, 2 * time.Hour},
		{issuer.KeyRules{MustExpire: true}, 90 * day},
	} {
		t.Run(row.want.String(), func(t *testing.T) {
			s := newSite(t, issuer.Config{Rules: row.rules}, page.Config{})
			form := s.newForm("Short")
			form.Set("expiry", s.get("?new").find(t, `value="([^"]+)" selected`))
			a := s.post("?new", form)
			require.Equal(t, http.StatusCreated, a.StatusCode, a.body)
			assert.WithinDuration(t, time.Now().Add(row.want), s.key(form.Get("id")).ExpiresAt, time.Minute)
		})
	}
}

// A middleware may have read the form: one that looks for _method, say.
func TestFormReadBefore(t *testing.T) {
	s := defaultSite(t)
	form := s.newForm("Read before")
	inner := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.FormValue("_method")
		inner.ServeHTTP(w, r)
	})
	assert.Equal(t, http.StatusCreated, s.post("?new", form).StatusCode)
	r := httptest.NewRequest(http.MethodPost, "/?do=disable&key="+form.Get("id"), nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	assert.Equal(t, http.StatusBadRequest, s.do(r).StatusCode, "the query is no form")
}

func TestOddLanguages(t *testing.T) {
	for tag, want := range map[string]string{
		"de_DE": "de-DE", "": "en", "d": "en", "zh-Hant-TW": "zh-Hant-TW", "en\r\nX-Evil: 1": "en", `"><b>`: "en",
	} {
		look := page.Config{Language: func(*http.Request) string { return tag }}
		a := newSite(t, issuer.Config{}, look).get("")
		assert.Equal(t, want, a.Header.Get("Content-Language"), tag)
		assert.Contains(t, a.body, `<html lang="`+want+`"`, tag)
	}
}

func TestLogoOfData(t *testing.T) {
	s := newSite(t, issuer.Config{}, page.Config{Logo: "data:image/svg+xml;base64,PHN2Zy8+"})
	assert.Contains(t, s.get("").body, `src="data:image/svg&#43;xml;base64,PHN2Zy8&#43;"`)
}

// Only publishable keys have origins.
func TestOriginsField(t *testing.T) {
	s := defaultSite(t)
	id, _ := s.create("Secret")
	assert.NotContains(t, s.get("?key="+id).body, `name="origins"`)
	assert.Contains(t, s.get("?new").body, `name="origins"`)
}
