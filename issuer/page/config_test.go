package page_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAssets(t *testing.T) {
	s := newSite(t, issuer.Config{Catalogue: catalogue}, page.Config{Accent: "#ffee00", AccentDark: "#000044"})
	shown := s.get("?new")
	size := len(shown.body)
	s.refuse = issuer.ErrNoCaller // what is the same for all needs no login
	for _, name := range []string{"page.css", "page.js"} {
		version := shown.find(t, `asset=`+name+`&amp;v=([0-9a-f]+)`)
		a := s.get("?asset=" + name + "&v=" + version)
		assert.Equal(t, http.StatusOK, a.StatusCode)
		assert.Contains(t, a.Header.Get("Cache-Control"), "immutable")
		assert.Equal(t, "no-store", s.get("?asset="+name+"&v=old").Header.Get("Cache-Control"))
		size += len(a.body)
	}
	assert.Less(t, size, 60<<10)
	css := s.get("?asset=page.css").body
	assert.Contains(t, css, "--accent: #ffee00; --on-accent: #000000; --link: #1f5fd6;")
	assert.Contains(t, css, "--accent: #000044; --on-accent: #ffffff; --link: #8db4ff;")
}

func TestTexts(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	templates, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	var want []string
	pattern := regexp.MustCompile(`\.[TN](?: |\()"([^"]+)"|v\.one\(.*, ("[^"]+", "[^"]+")\)|(?:invalid\("[a-z_]+", |conflict\()"([^"]+)"`)
	for _, name := range append(sources, templates...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range pattern.FindAllStringSubmatch(string(source), -1) {
			texts := []string{match[1], match[3]}
			if match[2] != "" {
				texts = strings.Split(strings.Trim(match[2], `"`), `", "`)
			}
			want = append(want, slices.DeleteFunc(texts, func(s string) bool { return s == "" })...)
		}
	}
	slices.Sort(want)
	assert.Equal(t, slices.Compact(want), page.Texts())

	look := page.Config{
		Language: func(*http.Request) string { return "ar-EG" },
		Text: func(_ *http.Request, text string, n int) string {
			if strings.Contains(text, "%d") {
				return fmt.Sprintf("[%d of %%d]", n)
			}
			return "[" + strings.ToUpper(text) + "]"
		},
	}
	s := newSite(t, issuer.Config{Catalogue: catalogue, Tokens: tokens()}, look)
	id, _ := s.create("Named")
	bad := s.newForm("")
	for _, a := range []answer{s.get(""), s.get("?new"), s.get("?key=" + id), s.get("?sessions"), s.post("?new", bad)} {
		assert.Contains(t, a.body, `<html lang="ar-EG" dir="rtl">`)
		for _, text := range page.Texts() {
			if len(text) > 8 && !strings.Contains(text, "%d") {
				assert.NotContains(t, a.body, ">"+text+"<")
			}
		}
	}
	assert.Contains(t, s.get("").body, "[30 of 30]")
	assert.Contains(t, s.post("?new", bad).body, "[NAME MUST NOT BE EMPTY.]")
}

func TestConfig(t *testing.T) {
	iss, err := issuer.New(issuer.Config{Catalogue: catalogue})
	require.NoError(t, err)
	for _, row := range []struct {
		name   string
		config page.Config
		want   string
	}{
		{"a link that runs", page.Config{Login: "javascript:alert(1)"}, "Config.Login"},
		{"a home that runs", page.Config{Home: "data:text/html,x"}, "Config.Home"},
		{"a logo with a policy", page.Config{Logo: "https://a.example;script-src/x.png"}, "Config.Logo"},
		{"a colour by name", page.Config{Accent: "red"}, "Config.Accent"},
		{"a colour with style", page.Config{AccentDark: "#00}};*"}, "Config.AccentDark"},
		{"a negative size", page.Config{PageSize: -1}, "Config.PageSize"},
		{"a large size", page.Config{PageSize: 101}, "Config.PageSize"},
		{"an unknown scope", page.Config{Scopes: []page.ScopeGroup{{Name: "A", Scopes: []page.Scope{{Scope: "x"}}}}}, "Config.Scopes"},
		{"no scope", page.Config{Scopes: []page.ScopeGroup{{Name: "A", Scopes: []page.Scope{{}}}}}, "Config.Scopes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			defer func() {
				assert.Contains(t, fmt.Sprint(recover()), row.want)
			}()
			page.Handler(iss, row.config)
		})
	}
	assert.Panics(t, func() { page.Handler(nil, page.Config{}) })
}

func TestLook(t *testing.T) {
	s := newSite(t, issuer.Config{Catalogue: catalogue}, page.Config{
		Name: "Acme & Sons", Logo: "https://cdn.example/logo.svg", Home: "/",
		Scopes: []page.ScopeGroup{{Name: "Money", Scopes: []page.Scope{
			{Scope: "wallets:write", Label: "Pay", About: "Moves money."}, {Scope: "wallets:read"},
		}}},
		Reads: func(scope bearer.Scope) bool { return scope == "wallets:read" },
	})
	a := s.get("?new")
	assert.Contains(t, a.Header.Get("Content-Security-Policy"), "img-src 'self' data: https://cdn.example;")
	assert.Contains(t, a.body, "Acme &amp; Sons")
	assert.Regexp(t, `(?s)<legend>Money</legend>.*Pay<small>Moves money.*<legend>tokens</legend>`, a.body)
	form := s.newForm("Reads")
	form.Set("access", "read")
	require.Equal(t, http.StatusCreated, s.post("?new", form).StatusCode)
	assert.Equal(t, bearer.Scopes("wallets:read"), s.key(form.Get("id")).Scopes)
}
