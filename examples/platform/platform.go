package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A platform is the whole application.
type platform struct {
	addr    string
	backing *backing
	users   *issuer.Passwords
	main    *issuer.Issuer // of API keys, and of tokens for everything
	social  *issuer.Issuer // of the tokens below /s2/, which are API keys too
	handler http.Handler
}

// newPlatform returns the platform that is reached at addr, over a backing that it
// does not close. Its tokens name the url, which is that of all replicas.
func newPlatform(
	addr, url string, keys []issuer.SigningKey, b *backing, log *slog.Logger,
) (*platform, error) {
	p := &platform{addr: addr, backing: b, users: issuer.NewPasswords(b.store)}
	var err error
	p.main, err = issuer.New(issuer.Config{
		Store:     b.store,
		Catalogue: catalogue(),
		Tokens: &issuer.Tokens{
			Issuer:      url,
			Audience:    url,
			SigningKeys: keys,
		},
		Users:        p.users,
		Registrar:    p.users,
		ClientIP:     clientIP,
		Limiter:      b.limiter,
		ErrorHandler: logOutages(log, bearer.WriteError),
		Events:       logEvents(log),
	})
	if err != nil {
		return nil, err
	}
	api, err := p.guard(p.main.KeyConfig())
	if err != nil {
		return nil, err
	}
	dashboard, err := p.guard(p.main.TokenConfig())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", p.serveHealth)
	if err := p.handleLeaks(mux); err != nil {
		return nil, err
	}
	for pattern, h := range p.main.Routes() {
		mux.Handle(pattern, h)
	}
	handleResources(mux, api)
	p.handleSettings(mux, strings.HasPrefix(url, "https:"))
	if err := p.handleSocial(mux, dashboard, log); err != nil {
		return nil, err
	}
	p.handler = orRefuse(mux)
	return p, nil
}

// guard returns a guard whose limits are those of all replicas.
func (p *platform) guard(config bearer.Config) (*bearer.Guard, error) {
	config.Limiter = p.backing.limiter
	return bearer.New(config)
}

// forwarded finds the client behind a proxy on this machine.
var forwarded = bearer.ForwardedFor(netip.MustParsePrefix("127.0.0.0/8"))

// clientIP returns the address of the client: that of the connection, or what a
// proxy on this machine says.
func clientIP(r *http.Request) netip.Addr {
	if len(r.Header.Values("X-Forwarded-For")) == 0 {
		return bearer.RemoteIP(r)
	}
	return forwarded(r)
}

// logOutages returns a function for issuer.Config.ErrorHandler that also logs why
// something is out of order: the answer does not tell.
func logOutages(log *slog.Logger, write errorHandler) errorHandler {
	return func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
		if e.StatusCode() >= http.StatusInternalServerError {
			log.LogAttrs(r.Context(), slog.LevelError, "outage", slog.String("route", bearer.Route(r)), slog.Any("error", e))
		}
		write(w, r, e)
	}
}

type errorHandler = func(http.ResponseWriter, *http.Request, *bearer.Error)

// logEvents returns a function for issuer.Config.Events: the audit trail. No
// event holds a secret.
func logEvents(log *slog.Logger) func(context.Context, issuer.Event) {
	return func(ctx context.Context, e issuer.Event) {
		log.LogAttrs(ctx, slog.LevelInfo, e.Type, slog.String("actor", e.Actor), slog.String("target", e.Target),
			slog.String("owner", e.Owner), slog.Any("ip", e.IP), slog.Any("detail", e.Detail))
	}
}
