// Command platform is an API platform: users log in and manage API keys, programs
// exchange keys and secrets for tokens, and an API takes both. It prints the
// requests that show what it does. It is docs/requirements.md in executable form.
//
//	go run ./examples/platform [-addr host:port] [-json] [-signing-keys file]
//
// All is in memory: each start makes new users, keys and secrets. Requests from
// this machine may say in X-Forwarded-For which address they come from.
//
// Users manage their keys in a browser at /settings/keys. Leaked keys are reported
// to /leaks, and by GitHub to /leaks/github: -github-keys is the URL of the keys
// that sign GitHub's messages, for a try without GitHub.
//
// A fleet is several replicas over one database, and one Redis for the limits:
//
//	platform -new-signing-keys keys.json    # once, for all replicas
//	platform -signing-keys keys.json -url https://api.example -replicas 3 \
//		-database postgres://user:password@host/name -redis redis://host:6379
//
// -database may be mysql://user:password@host/name too, or the path of a file of
// SQLite, for one machine. Its tables are made at the start; ten replicas may
// start at once. The first start with a database makes users, keys and secrets and
// prints them; what starts later prints its address alone.
//
// If Redis is away, also at the start, or takes longer than -redis-timeout, each
// replica lets 1/replicas of each limit through. GET /healthz is 503 while a
// replica cannot follow what others change in the database. compose.yaml runs
// three replicas with all that they need.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/blockauth/bearer/issuer"
)

func main() {
	var s settings
	s.define(flag.CommandLine)
	newKeys := flag.String("new-signing-keys", "", "make a `file` for -signing-keys, unless it is there, and end")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "platform: %q is not a flag\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	var err error
	if *newKeys != "" {
		err = writeSigningKeys(*newKeys)
	} else {
		err = run(ctx, s, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "platform:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, s settings, out io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := s.validate(); err != nil {
		return err
	}
	keys, err := s.keys()
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("%w (another address: -addr 127.0.0.1:0)", err)
	}
	defer listener.Close()
	b, err := openBacking(ctx, s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	addr := dialable(listener.Addr())
	p, err := newPlatform(addr, s.publicURL(addr), keys, b, log)
	if err != nil {
		return err
	}
	seeds, err := p.seed(ctx)
	if err != nil {
		return err
	}
	if err := seeds.print(out, s.asJSON); err != nil {
		return err
	}
	return p.serve(ctx, listener)
}

// serve answers requests until ctx is done, and then lets those that are under
// way come to an end. The issuers run until no request can reach them.
func (p *platform) serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           p.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10, // a credential has 8 KiB at most: bearer.Config.MaxCredential
	}
	end := p.start(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return errors.Join(err, end())
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(ctx), end())
}

// start runs the issuers: they follow what other replicas change, write when keys
// were last used, and sweep what has ended. The function that it returns ends
// that.
func (p *platform) start(ctx context.Context) (end func() error) {
	ctx, cancel := context.WithCancel(ctx)
	issuers := []*issuer.Issuer{p.main, p.social}
	ended := make(chan error, len(issuers))
	for _, i := range issuers {
		go func() { ended <- i.Run(ctx) }()
	}
	return func() (err error) {
		cancel()
		for range issuers {
			err = errors.Join(err, <-ended)
		}
		return err
	}
}

// dialable returns an address that curl can reach: if the listener has the address
// "any", it is localhost.
func dialable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return fmt.Sprintf("localhost:%d", tcp.Port)
}
