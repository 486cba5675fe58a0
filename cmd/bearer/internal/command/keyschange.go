package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/issuer"
)

var keysCreate = cli.Command{
	Name:  "keys create",
	Short: "make a key in a store",
	Long: `Makes a key, stores its hash, and prints its text, this once. With -output, the text is written into
a new file instead. Without -scopes, the key has all; empty scopes are refused.

  bearer keys create -owner acme -name deploy -environment live -scopes "tokens:read wallets:*" -expires 90d

With -json, it is an object as of keys list, with the text in key.`,
	Define: defineKeysCreate,
}

// A policyFlags are what a key may be.
type policyFlags struct {
	name, kind, environment, scopes, expires string
	ips, origins, metadata                   list
}

func (f *policyFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&f.name, "name", "", "a `name` for people. Required")
	flags.StringVar(&f.kind, "kind", "secret", "what may be done with it: `secret|publishable`")
	flags.StringVar(&f.environment, "environment", "test", "whose data it reaches: `test|live`")
	flags.Func("scopes", "its `scopes`, separated by spaces; none: all", func(text string) error {
		if f.scopes = strings.TrimSpace(text); f.scopes == "" { // of a variable that is not set, say
			return errors.New("it is empty; without it, the key has all scopes")
		}
		return nil
	})
	flags.StringVar(&f.expires, "expires", "", "when it expires: a `time`, 90d from now or a date; none: never")
	flags.Var(&f.ips, "allow-ip", "an address or a `network` from which alone it may be used; may be given several times")
	flags.Var(&f.origins, "allow-origin",
		"an `origin` such as https://app.example of a publishable key; may be given several times")
	flags.Var(&f.metadata, "metadata", "a `name=value` for the application; may be given several times")
}

// key returns the record that the flags say.
func (f *policyFlags) key(now time.Time) (k issuer.APIKey, err error) {
	k = issuer.APIKey{Name: f.name, Scopes: bearer.Scopes(f.scopes), AllowedOrigins: f.origins}
	if k.Kind, k.Environment, err = parseKind(f.kind, f.environment); err != nil {
		return k, err
	}
	if k.ExpiresAt, err = parseTime("expires", f.expires, now, false); err != nil {
		return k, err
	}
	if k.AllowedIPs, err = parseIPs(f.ips); err != nil {
		return k, cli.Usagef("-allow-ip: %v", err)
	}
	for _, pair := range f.metadata {
		name, value, has := strings.Cut(pair, "=")
		if !has {
			return k, cli.Usagef("-metadata is name=value")
		}
		if k.Metadata == nil {
			k.Metadata = map[string]string{}
		}
		k.Metadata[name] = value
	}
	return k, nil
}

// parseIPs returns addresses and networks as networks.
func parseIPs(texts []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, noAddress := netip.ParseAddr(text)
			if noAddress != nil {
				return nil, fmt.Errorf("%q is neither an address nor a network", text)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

func defineKeysCreate(flags *flag.FlagSet) cli.Run {
	var store storeFlags
	var format formatFlags
	var policy policyFlags
	store.define(flags)
	format.define(flags)
	policy.define(flags)
	owner := flags.String("owner", "", ownerUsage)
	output := flags.String("output", "", "a new `file` for the text of the key")
	return func(ctx context.Context, s *cli.Streams, _ []string) error {
		key, err := policy.key(time.Now())
		if err != nil {
			return err
		}
		return makeText(ctx, s, &store, &format, *owner, *output,
			func(c *session, by issuer.Caller) (text string, _ issuer.APIKey, err error) {
				err = c.step(ctx, func(ctx context.Context) error {
					text, key, err = c.issuer.CreateKey(ctx, by, key)
					return err
				})
				return text, key, err
			})
	}
}

// makeText calls change with a store, and prints the text of the key that it
// returns. The file for the text is there before.
func makeText(
	ctx context.Context, s *cli.Streams, store *storeFlags, format *formatFlags, owner, output string,
	change func(*session, issuer.Caller) (string, issuer.APIKey, error),
) (err error) {
	if owner == "" {
		return cli.Usagef("-owner is required")
	}
	f, err := format.format()
	if err != nil {
		return err
	}
	c, err := store.open(ctx, s, issuer.Config{Format: f})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return withTexts(s, output, func(t *texts) error {
		text, key, err := change(c, issuer.Operator(owner))
		if err != nil {
			return err
		}
		v := viewOf(key)
		if v.Key, err = t.reveal(text); err != nil {
			return err
		}
		shown := ""
		if v.Key != "" {
			shown = "key      " + v.Key + "\n"
		}
		shown += fmt.Sprintf("id       %s\nhint     %s\nname     %s\nscopes   %s\nexpires  %s\n",
			cli.Plain(v.ID), v.Hint, cli.Plain(v.Name), cli.Plain(v.scopes()), date(v.ExpiresAt))
		if !v.OldSecretEnds.IsZero() {
			shown += "the old secret ends  " + date(v.OldSecretEnds) + "\n"
		}
		return s.Put(v, shown)
	})
}

var keysRevoke = cli.Command{
	Name:  "keys revoke",
	Args:  "ID…",
	Short: "revoke keys for good",
	Long: `Revokes keys for good, with all that was made from them. Guards in other processes refuse them
from when their feed tells: at once if it listens to PostgreSQL, else within Config.Poll of
stores/sql, 500 ms if not set; and in any case within its Config.Bound, 5 s if not set. One that
was revoked before stays as it was. If one of several fails, the others are revoked all the same.

  bearer keys revoke ak_x ak_y -owner acme -reason "found in a public repository"

With -json, each key is an object as of keys list.`,
	Define: defineKeysRevoke,
}

func defineKeysRevoke(flags *flag.FlagSet) cli.Run {
	var store storeFlags
	store.define(flags)
	owner := flags.String("owner", "", ownerUsage)
	reason := flags.String("reason", "", "a `text` for the record")
	return func(ctx context.Context, s *cli.Streams, args []string) (err error) {
		if *owner == "" || len(args) == 0 {
			return cli.Usagef("keys revoke: -owner, and the IDs of the keys: see keys list")
		}
		c, err := store.open(ctx, s, issuer.Config{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.close()) }()
		var failed error
		for _, id := range args {
			var key issuer.APIKey
			err := c.step(ctx, func(ctx context.Context) (err error) {
				key, err = c.issuer.RevokeKey(ctx, issuer.Operator(*owner), id, *reason)
				return err
			})
			if err != nil {
				failed = worse(failed, fmt.Errorf("%q: %w", id, err))
				continue
			}
			told := fmt.Sprintf("%s is revoked, since %s; guards refuse it within the bound of their feed\n",
				cli.Plain(id), date(key.RevokedAt))
			if err := s.Put(viewOf(key), told); err != nil {
				return err
			}
		}
		return failed
	}
}

// worse joins errors. A failure counts more than a refusal.
func worse(a, b error) error {
	var refusal *cli.RefusalError
	if errors.As(a, &refusal) && !errors.As(b, &refusal) {
		return fmt.Errorf("%w\n%s", b, a.Error())
	}
	if a != nil && !errors.As(a, &refusal) && errors.As(b, &refusal) {
		return fmt.Errorf("%w\n%s", a, b.Error())
	}
	return errors.Join(a, b)
}
