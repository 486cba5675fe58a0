package main

import (
	"bytes"
	"encoding/json"
	"html/template"
	"io"
	"net/http"

	"github.com/blockauth/bearer/issuer/page"
)

// handleSettings adds the page on which users manage their keys, and a login for
// it: a cookie that holds the user's JWT, in place of an application's own login.
func (p *platform) handleSettings(mux *http.ServeMux, isSecure bool) {
	s := settingsPages{login: p.main.Route("POST /auth/login"), isSecure: isSecure}
	keys := page.Handler(p.main, page.Config{Name: "Platform", Login: "login"})
	protection := http.NewCrossOriginProtection()
	mux.Handle("/settings/keys", withToken(keys))
	mux.HandleFunc("GET /settings/login", s.showLogin)
	mux.Handle("POST /settings/login", protection.Handler(http.HandlerFunc(s.logIn)))
	mux.Handle("POST /settings/logout", protection.Handler(withToken(s.logOut(p.main.Route("POST /auth/logout")))))
}

// cookieName is the name of the cookie that holds the token.
const cookieName = "platform_session"

// withToken lets the page have the token of the cookie where it looks for one. No
// browser sends an Authorization field by itself.
func withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Header.Del("Authorization")
		if cookie, err := r.Cookie(cookieName); err == nil {
			r.Header.Set("Authorization", "Bearer "+cookie.Value)
		}
		next.ServeHTTP(w, r)
	})
}

// The settingsPages are what stands around the page of keys.
type settingsPages struct {
	login    http.Handler // POST /auth/login, with its limits
	isSecure bool         // the platform has an https URL
}

// loginPage looks like the page of keys, whose style it uses.
var loginPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · Platform</title><link rel="stylesheet" href="keys?asset=page.css"><link rel="icon" href="data:,"></head>
<body><main><h1>Log in</h1>
{{with .}}<p class="note problem" role="alert">{{.}}</p>{{end}}
<form class="key" method="post" action="login">
<div class="field"><label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="username" required></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required></div>
<p><button class="primary">Log in</button></p></form></main></body></html>
`))

func (s settingsPages) showLogin(w http.ResponseWriter, _ *http.Request) {
	writeLogin(w, http.StatusOK, "")
}

func writeLogin(w http.ResponseWriter, status int, problem string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = loginPage.Execute(w, problem)
}

// logIn asks POST /auth/login, so that its limits hold for the form too, and sets
// the cookie.
func (s settingsPages) logIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	body, err := json.Marshal(map[string]string{
		"email": r.PostFormValue("email"), "password": r.PostFormValue("password"),
	})
	if err != nil {
		writeLogin(w, http.StatusBadRequest, "This is no login.")
		return
	}
	inner := r.Clone(r.Context())
	inner.Header = http.Header{"Content-Type": {"application/json"}}
	if forwarded := r.Header.Values("X-Forwarded-For"); len(forwarded) > 0 {
		inner.Header["X-Forwarded-For"] = forwarded
	}
	inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer := &kept{header: http.Header{}, status: http.StatusOK}
	s.login.ServeHTTP(answer, inner)

	var grant struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if answer.status != http.StatusOK || json.Unmarshal(answer.body.Bytes(), &grant) != nil {
		if after := answer.header.Get("Retry-After"); after != "" {
			w.Header().Set("Retry-After", after)
		}
		writeLogin(w, answer.status, problemOf(answer.status))
		return
	}
	s.setCookie(w, grant.AccessToken, grant.ExpiresIn)
	http.Redirect(w, r, "keys", http.StatusSeeOther)
}

func problemOf(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusBadRequest:
		return "The email or the password is wrong."
	case http.StatusTooManyRequests:
		return "Too many attempts. Try again in a minute."
	}
	return "This does not work at the moment."
}

// logOut ends the session of the cookie, and takes the cookie away.
func (s settingsPages) logOut(logout http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &kept{header: http.Header{}, status: http.StatusOK}
		logout.ServeHTTP(answer, r)
		s.setCookie(w, "", -1)
		http.Redirect(w, r, "login", http.StatusSeeOther)
	})
}

func (s settingsPages) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where the URL is https; the default is http
		Name: cookieName, Value: value, Path: "/settings", MaxAge: maxAge,
		HttpOnly: true, Secure: s.isSecure, SameSite: http.SameSiteLaxMode,
	})
}

// kept is an answer of a handler that this program asks itself.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header               { return k.header }
func (k *kept) WriteHeader(status int)            { k.status = status }
func (k *kept) Write(p []byte) (n int, err error) { return k.body.Write(p) }
