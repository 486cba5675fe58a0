package page

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A Config says how the page looks. The zero value is a page without a name, in
// English.
type Config struct {
	// Name is what the application is called. Zero: none is shown.
	Name string

	// Logo is the URL of an image, which is shown 28 pixels high: relative to the
	// page, http or https, or data. Zero: none.
	Logo string

	// Home is the URL to which the name and the logo link. Zero: they do not.
	Home string

	// Login is the URL to which those are sent who are not logged in, or no longer.
	// Zero: the page says so, without a link.
	Login string

	// Accent is the colour of buttons and links, and AccentDark that on a dark
	// ground: "#1f5fd6". Where links in it would be hard to read, they have a
	// colour of the page; the text on buttons is black or white, whichever is
	// easier to read. Zero: blue.
	Accent, AccentDark string

	// Scopes say what the scopes of the catalogue are for, in the order in which
	// they are shown. Those of the catalogue that are not among them follow, in
	// groups by what stands before the last colon. None: all are grouped so.
	Scopes []ScopeGroup

	// Reads reports whether the preset "Read only" includes a scope. Nil: those with
	// the word "read" in them, such as tokens:read or social-read-posts.
	Reads func(bearer.Scope) bool

	// PageSize is how many keys, or sessions, are shown at a time, up to 100.
	// Zero: 25.
	PageSize int

	// Language returns the BCP 47 tag of the language in which Text answers a
	// request. Nil: "en".
	Language func(*http.Request) string

	// Text translates a text of the page, which is one of [Texts], or the message of
	// a refusal. If the text has %d in it, n is the number that will stand there,
	// which decides the plural in many languages, and the translation has %d too.
	// If not, n is 0. "" leaves the text in English. Nil: all is in English.
	Text func(r *http.Request, text string, n int) string

	// CrossOrigin decides on requests that come from other sites. Nil: a new one,
	// which refuses all of them but GET and HEAD. Where issuer.Config.Caller is set,
	// issuer.Config.CrossOrigin decides on them too: give both the same one.
	CrossOrigin *http.CrossOriginProtection
}

// A ScopeGroup is a part of the checklist of scopes.
type ScopeGroup struct {
	Name   string
	Scopes []Scope
}

// A Scope is one line of the checklist of scopes.
type Scope struct {
	Scope bearer.Scope
	Label string // for people. Zero: the scope itself
	About string // more. Zero: none
}

const (
	defaultAccent     = "#1f5fd6"
	defaultAccentDark = "#7aa7ff"
	defaultPageSize   = 25
	maxPageSize       = 100
)

// withDefaults returns the config with its defaults filled in, or an error that
// names each field that is wrong.
func (c Config) withDefaults() (Config, error) {
	var problems []error
	for _, field := range []struct {
		name, value string
		isGood      func(string) bool
	}{
		{"Logo", c.Logo, isImageURL},
		{"Home", c.Home, isLink},
		{"Login", c.Login, isLink},
		{"Accent", c.Accent, isColor},
		{"AccentDark", c.AccentDark, isColor},
	} {
		if field.value != "" && !field.isGood(field.value) {
			problems = append(problems, fmt.Errorf("page: Config.%s: %q is not one", field.name, field.value))
		}
	}
	if c.PageSize < 0 || c.PageSize > maxPageSize {
		problems = append(problems, fmt.Errorf("page: Config.PageSize: %d is not 1 to %d", c.PageSize, maxPageSize))
	}
	if c.PageSize == 0 {
		c.PageSize = defaultPageSize
	}
	if c.Accent == "" {
		c.Accent = defaultAccent
	}
	if c.AccentDark == "" {
		c.AccentDark = defaultAccentDark
	}
	if c.Reads == nil {
		c.Reads = namesReading
	}
	if c.Language == nil {
		c.Language = func(*http.Request) string { return "en" }
	}
	if c.Text == nil {
		c.Text = func(*http.Request, string, int) string { return "" }
	}
	if c.CrossOrigin == nil {
		c.CrossOrigin = http.NewCrossOriginProtection()
	}
	return c, errors.Join(problems...)
}

// validateScopes returns an error if a group names a scope that the issuer does
// not have.
func (c Config) validateScopes(catalogue []bearer.Scope) error {
	var problems []error
	for _, group := range c.Scopes {
		for _, scope := range group.Scopes {
			err := scope.Scope.Validate()
			if err == nil && catalogue != nil {
				err = bearer.Scopes(scope.Scope).Within(catalogue...)
			}
			if err != nil {
				problems = append(problems, fmt.Errorf("page: Config.Scopes: %w", err))
			}
		}
	}
	return errors.Join(problems...)
}

// namesReading reports whether the word "read" is in a scope.
func namesReading(scope bearer.Scope) bool {
	isBetween := func(c rune) bool { return c == ':' || c == '-' || c == '_' || c == '.' || c == '/' }
	return slices.Contains(strings.FieldsFunc(string(scope), isBetween), "read")
}

// isLink reports whether a text can stand in a link: it leads to a page, and runs
// nothing.
func isLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "" || u.Scheme == "https" || u.Scheme == "http")
}

// isImageURL reports whether a text can be the source of an image.
func isImageURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && strings.Trim(strings.ToLower(u.Host), "abcdefghijklmnopqrstuvwxyz0123456789-.:[]") == "" &&
		(isLink(text) || strings.HasPrefix(text, "data:image/"))
}

// imageSource returns the source of a Content-Security-Policy that a logo needs
// besides the page's own.
func imageSource(logo string) string {
	u, err := url.Parse(logo)
	switch {
	case err != nil || logo == "":
		return ""
	case u.Scheme == "data":
		return " data:"
	case u.Host == "":
		return ""
	case u.Scheme == "":
		return " " + u.Host
	}
	return " " + u.Scheme + "://" + u.Host
}

// hasSessions reports whether an issuer has sessions.
func hasSessions(iss *issuer.Issuer) bool {
	for pattern := range iss.Routes() {
		if pattern == "GET /auth/sessions" {
			return true
		}
	}
	return false
}
