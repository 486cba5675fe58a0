package page

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A view is what the templates show: one answer to one request.
type view struct {
	Name, Home  string
	Logo        template.URL // which the config has validated: it may be data
	Language    string
	RightToLeft bool
	Version     string // of the assets
	HasSessions bool
	ReadOnly    bool

	Title   string
	Place   string // "keys" or "sessions", for the navigation
	Body    string // the template
	Done    string // what was done, or ""
	Problem *problem

	List     *list
	Form     *form
	Key      *keyView
	Sessions *sessionList

	r        *http.Request
	config   *Config
	by       issuer.Caller
	status   int
	refusal  *bearer.Error // nil: none
	seeOther string        // the URL of a redirection, or ""
}

// A problem says that something did not work.
type problem struct {
	Title, Text string
	Login       string // a URL, or ""
	Retry       string // a URL, or ""
}

// newView returns a view without content.
func (p *page) newView(r *http.Request) *view {
	v := &view{
		Name:        p.config.Name,
		Logo:        template.URL(p.config.Logo), //nolint:gosec // isImageURL has seen it
		Home:        p.config.Home,
		Language:    languageOf(p.config.Language(r)),
		Version:     p.assets.version,
		HasSessions: p.hasSessions,
		r:           r,
		config:      &p.config,
		status:      http.StatusOK,
	}
	v.RightToLeft = isRightToLeft(v.Language)
	v.Title = v.T("API keys")
	return v
}

// languageOf returns a language as BCP 47 writes it, or English if it cannot be
// one: browsers take no other.
func languageOf(tag string) string {
	tag = strings.ReplaceAll(tag, "_", "-")
	if languages.MatchString(tag) {
		return tag
	}
	return "en"
}

var languages = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$`)

// isRightToLeft reports whether a language is written so.
func isRightToLeft(tag string) bool {
	language, _, _ := strings.Cut(strings.ToLower(tag), "-")
	switch language {
	case "ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi":
		return true
	}
	return false
}

// T returns a text in the language of the request.
func (v *view) T(text string) string {
	if translated := v.config.Text(v.r, text, 0); translated != "" {
		return translated
	}
	return text
}

// N returns a text with a number in it, in the language of the request.
func (v *view) N(text string, n int) string {
	if translated := v.config.Text(v.r, text, n); translated != "" {
		text = translated
	}
	return fmt.Sprintf(text, n)
}

// one returns a text for the number 1, and another one for all others.
func (v *view) one(n int, single, many string) string {
	if n == 1 {
		return v.T(single)
	}
	return v.N(many, n)
}

// goTo answers with a redirection, so that a browser that loads the page again
// does nothing again.
func (v *view) goTo(query string) { v.seeOther = "?" + query }

// HasProblem reports whether something did not work.
func (v *view) HasProblem() bool { return v.Problem != nil }

// fail shows an error. The status is that of the endpoints.
func (v *view) fail(err error) {
	var e *bearer.Error
	if !errors.As(err, &e) {
		e = refuse(bearer.CodeServiceUnavailable).WithCause(err)
	}
	v.refusal, v.status = e, e.StatusCode()
	v.seeOther = ""
	v.Problem = &problem{Title: v.titleOf(e), Text: v.textOf(e)}
	switch e.StatusCode() {
	case http.StatusUnauthorized:
		v.Problem.Login = v.config.Login
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if v.r.Method != http.MethodPost {
			v.Problem.Retry = "?" + v.r.URL.RawQuery
		}
	}
}

// titleOf says what a refusal means to a person.
func (v *view) titleOf(e *bearer.Error) string {
	switch e.StatusCode() {
	case http.StatusBadRequest:
		return v.T("That cannot be done as it was asked")
	case http.StatusUnauthorized:
		return v.T("You are not logged in")
	case http.StatusForbidden:
		return v.T("You may not do this")
	case http.StatusNotFound:
		return v.T("There is no such thing")
	case http.StatusConflict:
		return v.T("That does not go with how things are now")
	case http.StatusRequestEntityTooLarge:
		return v.T("That is too much")
	case http.StatusTooManyRequests:
		return v.T("Too many requests")
	}
	return v.T("This does not work at the moment")
}

// textOf says more about a refusal.
func (v *view) textOf(e *bearer.Error) string {
	switch {
	case e.StatusCode() == http.StatusUnauthorized:
		return v.T("Your session may have ended. Nothing was changed.")
	case e.StatusCode() == http.StatusTooManyRequests:
		return v.one(max(1, int(e.RetryAfter.Seconds()+0.999)), "Try again in 1 second.", "Try again in %d seconds.")
	case e.StatusCode() == http.StatusServiceUnavailable:
		return v.T("Try again in a moment. If you were changing something, look whether it was done.")
	case e.Reason == "cross_origin":
		return v.T("The request came from another site.")
	case e.Detail != "":
		return v.T(e.Detail)
	}
	return ""
}

// setRefusal sets the header fields of a refusal.
func (v *view) setRefusal(h http.Header) {
	if v.refusal == nil {
		return
	}
	v.refusal.SetHeader(h)
	if v.refusal.Code == bearer.CodeMethodNotAllowed {
		h.Set("Allow", "GET, HEAD, POST")
	}
}

// doneText returns what a redirection says was done, or "".
func (v *view) doneText(what string) string {
	switch what {
	case "updated":
		return v.T("The key was changed.")
	case "disabled":
		return v.T("The key was disabled.")
	case "enabled":
		return v.T("The key was enabled.")
	case "revoked":
		return v.T("The key was revoked.")
	case "secret-ended":
		return v.T("The old value was ended.")
	case "session-ended":
		return v.T("The session was ended.")
	case "exists":
		return v.T("This key was created already, and its value was shown then. If it is lost, rotate the key.")
	}
	return ""
}
