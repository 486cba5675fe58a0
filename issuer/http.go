package issuer

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/blockauth/bearer"
)

// handler returns the handler of a route: it asks for the method, and writes the
// error that the route returns.
func (i *Issuer) handler(t route) http.Handler {
	method, path, _ := strings.Cut(t.pattern, " ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead) {
			i.refuser(bearer.CodeMethodNotAllowed, allow([]string{method}), path).ServeHTTP(w, r)
			return
		}
		ip, err := i.clientIP(r)
		if err == nil {
			r = r.WithContext(withAddress(r.Context(), ip))
			err = t.serve(w, r)
		}
		if err != nil {
			i.fail(w, r, t.form, err)
		}
	})
}

// clientIP asks Config.ClientIP.
func (i *Issuer) clientIP(r *http.Request) (ip netip.Addr, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = outage(errors.New("issuer: a panic in Config.ClientIP: " + panicText(p)))
		}
	}()
	return i.config.ClientIP(r), nil
}

// fail writes a refusal.
func (i *Issuer) fail(w http.ResponseWriter, r *http.Request, f form, err error) {
	var e *bearer.Error
	if !errors.As(err, &e) {
		e = outage(err)
	}
	if f == oauthForm {
		i.writeOAuthError(w, r, e)
		return
	}
	w.Header().Set("Pragma", "no-cache")
	e.SetHeader(w.Header())
	i.config.ErrorHandler(w, r, e)
}

// refuser returns a handler that refuses whatever comes.
func (i *Issuer) refuser(code bearer.Code, allowed, path string) http.Handler {
	f := envelope
	if strings.HasPrefix(path, "/oauth/") {
		f = oauthForm
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allowed != "" {
			w.Header().Set("Allow", allowed)
		}
		i.fail(w, r, f, refuse(code))
	})
}

// allow returns the value of an Allow field.
func allow(methods []string) string {
	methods = slices.Clone(methods)
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// answer writes a value as JSON. No answer is stored by caches: they are about
// one caller, and many hold a secret.
func answer(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return outage(err)
	}
	write(w, status, append(body, '\n'))
	return nil
}

// write writes a body of JSON.
func write(w http.ResponseWriter, status int, body []byte) {
	h, values := w.Header(), [...]string{"application/json", "no-store", "no-cache", "nosniff"} // one array serves all
	for n, name := range [...]string{"Content-Type", "Cache-Control", "Pragma", "X-Content-Type-Options"} {
		h[name] = values[n : n+1 : n+1]
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// noContent answers 204.
func noContent(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// pathValue returns what stands in the path for a wildcard of the pattern. It is
// found by its place from the end of the path, which no prefix changes: some
// routers do not set Request.PathValue, others set it to the escaped text, and a
// router in front may have a wildcard of the same name.
func pathValue(r *http.Request, pattern, name string) string {
	wanted := strings.Split(pattern, "/")
	have := strings.Split(r.URL.EscapedPath(), "/")
	at := slices.Index(wanted, "{"+name+"}") - len(wanted) + len(have)
	if at < 0 || at >= len(have) {
		return ""
	}
	v, err := url.PathUnescape(have[at])
	if err != nil {
		return ""
	}
	return v
}
