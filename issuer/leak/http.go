package leak

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/internal/address"
)

var errNilIssuer = errors.New("leak: the issuer is nil")

// endpoint returns a handler that answers POST, and writes the error that serve
// returns as the issuer writes its own.
func endpoint(iss *issuer.Issuer, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	c := iss.KeyConfig()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := serveFrom(c.ClientIP, serve, w, r)
		if err == nil {
			return
		}
		var e *bearer.Error
		if !errors.As(err, &e) {
			e = outage(err)
		}
		w.Header().Set("Pragma", "no-cache")
		e.SetHeader(w.Header())
		c.ErrorHandler(w, r, e)
	})
}

// serveFrom calls serve with a context that knows the client's address, which
// limits and events need.
func serveFrom(
	clientIP func(*http.Request) netip.Addr, serve func(http.ResponseWriter, *http.Request) error,
	w http.ResponseWriter, r *http.Request,
) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return refuse(bearer.CodeMethodNotAllowed)
	}
	ip, err := askIP(clientIP, r)
	if err != nil {
		return err
	}
	return serve(w, r.WithContext(address.With(r.Context(), ip)))
}

// askIP calls Config.ClientIP of the issuer. If it panics, it is out of order.
func askIP(clientIP func(*http.Request) netip.Addr, r *http.Request) (ip netip.Addr, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = outage(errors.New("leak: a panic in Config.ClientIP"))
		}
	}()
	return clientIP(r), nil
}

// refuse returns a refusal with nothing but its code.
func refuse(code bearer.Code) *bearer.Error { return &bearer.Error{Code: code, Reason: string(code)} }

// invalid refuses a header field or a member of a body (400).
func invalid(param, detail string) *bearer.Error {
	return &bearer.Error{Code: bearer.CodeInvalidRequest, Reason: "invalid_request", Param: param, Detail: detail}
}

// outage says that something is out of order (503).
func outage(cause error) *bearer.Error {
	e := &bearer.Error{Code: bearer.CodeServiceUnavailable, Reason: "store_unavailable", RetryAfter: time.Second}
	return e.WithCause(cause)
}

// mustNotBeOther refuses a body that is said to be something else than JSON in
// UTF-8 (415). One that is signed is not taken for something else if nothing is
// said.
func mustNotBeOther(h http.Header) error {
	if len(h.Values("Content-Type")) == 0 && h.Get("Content-Encoding") == "" {
		return nil
	}
	return mustBeJSON(h)
}

// mustBeJSON refuses a body that is not said to be JSON in UTF-8 (415).
func mustBeJSON(h http.Header) error {
	types := h.Values("Content-Type")
	if len(types) == 1 && h.Get("Content-Encoding") == "" {
		media, params, err := mime.ParseMediaType(types[0])
		charset, hasCharset := params["charset"]
		if err == nil && media == "application/json" && (!hasCharset || strings.EqualFold(charset, "utf-8")) {
			return nil
		}
	}
	return refuse(bearer.CodeUnsupportedMediaType)
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return outage(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(append(body, '\n'))
	return nil
}
