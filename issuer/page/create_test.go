package page_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCreate(t *testing.T) {
	s := defaultSite(t)
	assert.Contains(t, s.get("").body, "No keys yet")

	form := s.newForm("Billing <worker>")
	form.Set("environment", "live")
	form["scope"] = []string{"tokens:read", "wallets:write"}
	form.Set("addresses", "192.0.2.1\n 2001:db8::/32 \n\n")
	form.Set("metadata", "team = billing\nnote=a=b\nodd=\"a\\nb\"")
	made := s.post("?new", form)
	require.Equal(t, http.StatusCreated, made.StatusCode, made.body)
	text := made.keyText(t)
	assert.Equal(t, 1, strings.Count(made.body, text))
	assert.Equal(t, "no-store", made.Header.Get("Cache-Control"))
	assert.True(t, s.accepts(text))

	key := s.key(form.Get("id"))
	assert.Equal(t, "Billing <worker>", key.Name)
	assert.Equal(t, bearer.Live, key.Environment)
	assert.Equal(t, bearer.Scopes("tokens:read wallets:write"), key.Scopes)
	assert.Equal(t, "[192.0.2.1/32 2001:db8::/32]", fmt.Sprint(key.AllowedIPs))
	assert.Equal(t, map[string]string{"team": "billing", "note": "a=b", "odd": "a\nb"}, key.Metadata)
	assert.WithinDuration(t, time.Now().AddDate(0, 0, 30), key.ExpiresAt, time.Hour)
	assert.Equal(t, "192.0.2.1", s.events[0].IP.String())

	for _, query := range []string{"", "?key=" + key.ID, "?new"} {
		assert.NotContains(t, s.get(query).body, text, query)
	}
	assert.Contains(t, s.get("").body, "Billing &lt;worker&gt;")
}

func TestCreateTwice(t *testing.T) {
	s := defaultSite(t)
	form := s.newForm("Once")
	require.Equal(t, http.StatusCreated, s.post("?new", form).StatusCode)
	again := s.post("?new", form)
	assert.Equal(t, http.StatusSeeOther, again.StatusCode)
	assert.Equal(t, "?key="+form.Get("id")+"&done=exists", again.Header.Get("Location"))
	assert.Contains(t, s.get(again.Header.Get("Location")).body, "created already")
	keys, _, err := s.iss.ListKeys(t.Context(), admin, issuer.KeyQuery{})
	require.NoError(t, err)
	assert.Len(t, keys, 1)

	s.caller = issuer.Caller{ID: "us_2", Owner: "other", Scopes: bearer.FullAccess}
	taken := s.post("?new", form)
	assert.Equal(t, http.StatusConflict, taken.StatusCode, "the ID is another owner's")
	assert.NotContains(t, taken.body, "data-secret>")
}

func TestCreateRefused(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  map[string]string
		problem string
		param   string
	}{
		{"no name", map[string]string{"name": " "}, "name must not be empty", "name-about"},
		{"a long name", map[string]string{"name": strings.Repeat("x", 256)}, "name must not be longer", "name-about"},
		{"no scope", map[string]string{"scope": ""}, "Choose at least one scope", "scopes-about"},
		{"an unknown scope", map[string]string{"scope": "admin"}, "There is no such scope", "scopes-about"},
		{"an unknown preset", map[string]string{"access": "everything"}, "Choose at least one scope", "scopes-about"},
		{"no type", map[string]string{"type": ""}, "type must be", ""},
		{"no environment", map[string]string{"environment": "prod"}, "environment must be", ""},
		{"a date in the past", map[string]string{"expiry": "date", "date": "2020-01-01"}, "must be in the future", "expiry-about"},
		{"no date", map[string]string{"expiry": "date"}, "Choose a day", "expiry-about"},
		{"no expiry", map[string]string{"expiry": ""}, "Choose when the key expires", "expiry-about"},
		{"a bad address", map[string]string{"addresses": "example.com"}, "allowed_ips must be addresses", "addresses-about"},
		{"bits beyond a prefix", map[string]string{"addresses": "10.0.0.7/8"}, "bits beyond", "addresses-about"},
		{"a secret key with origins", map[string]string{"origins": "https://a.example"}, "for publishable keys alone", "origins-about"},
		{"a bad origin", map[string]string{"type": "publishable", "origins": "a.example"}, "of the form", "origins-about"},
		{"a publishable key that writes", map[string]string{"type": "publishable", "scope": "tokens:write"}, "only reads", "scopes-about"},
		{"bad metadata", map[string]string{"metadata": "novalue"}, "name=value", "metadata-about"},
		{"metadata twice", map[string]string{"metadata": "a=1\na=2"}, "each name once", "metadata-about"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := defaultSite(t)
			form := s.newForm("Kept <name>")
			for name, value := range row.change {
				form.Set(name, value)
			}
			a := s.post("?new", form)
			assert.Equal(t, http.StatusBadRequest, a.StatusCode)
			assert.Contains(t, a.body, row.problem)
			assert.Contains(t, a.body, `role="alert"`)
			if row.param != "" {
				assert.Regexp(t, `id="`+row.param+`" class="about"><strong>`, a.body)
			}
			if form.Get("name") == "Kept <name>" {
				assert.Contains(t, a.body, `value="Kept &lt;name&gt;"`, "what was typed is lost")
			}
			assert.Contains(t, a.body, form.Get("id"), "another key would be made")
		})
	}
}

func TestPresets(t *testing.T) {
	for _, row := range []struct {
		name   string
		scopes bearer.Scopes // of the caller
		access string
		want   bearer.Scopes
		status int
	}{
		{"read only", bearer.FullAccess, "read", "tokens:read wallets:read", http.StatusCreated},
		{"full access", bearer.FullAccess, "full", bearer.FullAccess, http.StatusCreated},
		{"read only of a caller with less", "tokens:*", "read", "tokens:read", http.StatusCreated},
		{"full access of a caller with less", "tokens:*", "full", "", http.StatusForbidden},
		{"read only of a caller who reads nothing", "tokens:write", "read", "", http.StatusBadRequest},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := defaultSite(t)
			s.caller.Scopes = row.scopes
			form := s.newForm("Preset")
			form.Set("access", row.access)
			a := s.post("?new", form)
			require.Equal(t, row.status, a.StatusCode, a.body)
			if row.status == http.StatusCreated {
				assert.Equal(t, row.want, s.key(form.Get("id")).Scopes)
			}
			shown := s.get("?new").body
			for _, scope := range catalogue {
				assert.Equal(t, row.scopes.Contain(scope), strings.Contains(shown, `value="`+string(scope)+`"`), scope)
			}
			assert.Equal(t, row.scopes == "*", strings.Contains(shown, `value="full"`))
		})
	}
}

func TestRules(t *testing.T) {
	rules := issuer.KeyRules{MaxTTL: 60 * 24 * time.Hour, MaxGrace: time.Hour, MustScope: true}
	s := newSite(t, issuer.Config{Rules: rules}, page.Config{})
	shown := s.get("?new").body
	assert.NotContains(t, shown, `value="90d"`)
	assert.NotContains(t, shown, `value="never"`)
	assert.Contains(t, shown, `value="30d" selected`)
	assert.Contains(t, shown, `id="scopes"`, "there is no catalogue: scopes are typed")
	form := s.newForm("Typed")
	form.Set("scope", "a:read  b:write")
	require.Equal(t, http.StatusCreated, s.post("?new", form).StatusCode)
	assert.Equal(t, bearer.Scopes("a:read b:write"), s.key(form.Get("id")).Scopes)
	graces := s.get("?key=" + form.Get("id")).body
	assert.Contains(t, graces, `value="3600" selected`)
	assert.NotContains(t, graces, `value="86400"`)
	form = s.newForm("Ever")
	form.Set("expiry", "never")
	assert.Equal(t, http.StatusBadRequest, s.post("?new", form).StatusCode)
}
