package page

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A page is the handler.
type page struct {
	iss         *issuer.Issuer
	config      Config
	catalogue   []bearer.Scope // nil: any
	format      bearer.KeyFormat
	rules       issuer.KeyRules
	hasSessions bool
	templates   *template.Template
	assets      assets
	policy      string // the Content-Security-Policy
}

// Handler returns the page on which the callers of an issuer manage their keys
// and sessions. It answers GET, HEAD and POST of one path, whatever that is. It
// panics if the config is wrong, as [http.ServeMux.Handle] does if a pattern is.
func Handler(iss *issuer.Issuer, config Config) http.Handler {
	p, err := newPage(iss, config)
	if err != nil {
		panic(err.Error())
	}
	return p
}

func newPage(iss *issuer.Issuer, config Config) (*page, error) {
	if iss == nil {
		return nil, errors.New("page: there is no issuer")
	}
	keys := iss.KeyConfig()
	config, err := config.withDefaults()
	if err := errors.Join(err, config.validateScopes(keys.Catalogue)); err != nil {
		return nil, err
	}
	return &page{
		iss:         iss,
		config:      config,
		catalogue:   keys.Catalogue,
		format:      keys.Format,
		rules:       iss.Rules(),
		hasSessions: hasSessions(iss),
		templates:   template.Must(template.ParseFS(files, "templates/*.html")),
		assets:      newAssets(config),
		policy: "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
			"img-src 'self' data:" + imageSource(config.Logo) + "; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}, nil
}

// ServeHTTP implements [http.Handler].
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.setHeader(w.Header())
	if name := r.URL.Query().Get("asset"); name != "" && r.Method != http.MethodPost {
		p.assets.serve(w, r, name)
		return
	}
	v := p.newView(r)
	if err := p.serve(r, v); err != nil {
		v.fail(err)
	}
	p.write(w, v)
}

// setHeader sets what every answer has. Nothing is kept, since much of it is
// secret, and all of it is about one caller.
func (p *page) setHeader(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// serve decides what the answer to a request shows.
func (p *page) serve(r *http.Request, v *view) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		return refuse(bearer.CodeMethodNotAllowed)
	}
	if err := p.config.CrossOrigin.Check(r); err != nil {
		return (&bearer.Error{Code: bearer.CodeForbidden, Reason: "cross_origin"}).WithCause(err)
	}
	ctx, by, err := p.iss.Caller(r)
	if err != nil {
		return err
	}
	v.by, v.ReadOnly = by, by.ReadOnly
	q := r.URL.Query()
	if r.Method == http.MethodPost {
		form, err := readForm(r)
		if err != nil {
			return err
		}
		return p.do(ctx, v, q, form)
	}
	return p.show(ctx, v, q)
}

// show shows what the query of a GET asks for.
func (p *page) show(ctx context.Context, v *view, q url.Values) error {
	switch {
	case q.Has("new"):
		return p.showNew(v)
	case q.Has("key"):
		v.Done = v.doneText(q.Get("done"))
		return p.showKey(ctx, v, q.Get("key"))
	case q.Has("sessions"):
		v.Done = v.doneText(q.Get("done"))
		return p.showSessions(ctx, v, q)
	}
	return p.showList(ctx, v, q)
}

// do does what a form asks for.
func (p *page) do(ctx context.Context, v *view, q, form url.Values) error {
	id := q.Get("key")
	switch form.Get("do") {
	case "create":
		return p.createKey(ctx, v, form)
	case "update":
		return p.updateKey(ctx, v, id, form)
	case "rotate":
		return p.rotateKey(ctx, v, id, form)
	case "end-secret":
		return p.endSecret(ctx, v, id, form)
	case "disable", "enable":
		return p.disableKey(ctx, v, id, form.Get("do") == "disable")
	case "revoke":
		return p.revokeKey(ctx, v, id, form)
	case "end-session":
		return p.endSession(ctx, v, form)
	}
	return &bearer.Error{Code: bearer.CodeInvalidRequest}
}

// maxForm is the most bytes of a form.
const maxForm = 64 << 10

// readForm reads the body of a POST, unless a middleware has. What is in the query
// does not count.
func readForm(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refuse(bearer.CodeUnsupportedMediaType)
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, refuse(bearer.CodePayloadTooLarge)
		}
		return nil, (&bearer.Error{Code: bearer.CodeInvalidRequest}).WithCause(err)
	}
	return r.PostForm, nil
}

// write writes the answer.
func (p *page) write(w http.ResponseWriter, v *view) {
	if v.seeOther != "" {
		w.Header().Set("Location", v.seeOther)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	var body bytes.Buffer
	if err := p.templates.ExecuteTemplate(&body, "layout", v); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Language)
	v.setRefusal(h)
	w.WriteHeader(v.status)
	_, _ = w.Write(body.Bytes())
}

// refuse returns a refusal with nothing but its code.
func refuse(code bearer.Code) *bearer.Error {
	return &bearer.Error{Code: code, Reason: string(code)}
}

// trimmedLines returns the lines of a text that are not empty.
func trimmedLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
