// Command platform is an API platform in memory: users log in and manage API
// keys, programs exchange keys and secrets for tokens, and an API takes both. It
// prints the requests that show what it does.
//
//	go run ./examples/platform [-addr host:port] [-json] [-signing-keys file]
//
// It is docs/requirements.md in executable form. Each start makes new users,
// keys and secrets. Requests from this machine may say in X-Forwarded-For which
// address they come from.
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
	addr := flag.String("addr", "127.0.0.1:8081", "address to listen on; port 0 is any free one")
	asJSON := flag.Bool("json", false, "print the address and the credentials as one line of JSON")
	keysFile := flag.String("signing-keys", "", "file of private JWKs that sign tokens (default: a new HS256 key)")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "platform: %q is not a flag\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, *addr, *asJSON, *keysFile, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "platform:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, addr string, asJSON bool, keysFile string, out io.Writer) error {
	keys, err := signingKeys(keysFile)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%w (another address: -addr 127.0.0.1:0)", err)
	}
	defer listener.Close()
	p, err := newPlatform(dialable(listener.Addr()), keys, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	seeds, err := p.seed(ctx)
	if err != nil {
		return err
	}
	if err := seeds.print(out, asJSON); err != nil {
		return err
	}
	return p.serve(ctx, listener)
}

// signingKeys returns the keys of a file, or a new one that is lost at the end.
func signingKeys(file string) ([]issuer.SigningKey, error) {
	if file == "" {
		return []issuer.SigningKey{issuer.NewSigningKey("HS256")}, nil
	}
	jwks, err := os.ReadFile(file) //nolint:gosec // who starts the program chooses the file
	if err != nil {
		return nil, err
	}
	return issuer.ParseSigningKeys(jwks)
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

// start runs the issuers: it writes when keys were last used, and sweeps what
// has ended. The function that it returns ends that.
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
