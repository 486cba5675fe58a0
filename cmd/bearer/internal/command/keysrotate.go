package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/issuer"
)

var keysRotate = cli.Command{
	Name:  "keys rotate",
	Args:  "ID",
	Short: "give a key a new secret",
	Long: `Gives a key a new secret and prints its text, this once, or writes it into the new file of -output.
The old secret is good for -grace more. If it leaked, -grace 0s ends it at once. While two secrets
are good, a key cannot be rotated again: -end-old ends the older one, and makes none.

-namespace has to be that of the old secret, and -pepper-file that of the guards.

  bearer keys rotate ak_x -owner acme -namespace acme -grace 48h
  bearer keys rotate ak_x -owner acme -end-old

With -json, it is an object as of keys list, with the text in key.`,
	Define: defineKeysRotate,
}

func defineKeysRotate(flags *flag.FlagSet) cli.Run {
	var store storeFlags
	var format formatFlags
	store.define(flags)
	format.define(flags)
	owner := flags.String("owner", "", ownerUsage)
	grace := flags.String("grace", "24h", "how long the old secret is good: a `duration` up to 7d")
	endOld := flags.Bool("end-old", false, "end the older of two secrets now, and make none")
	output := flags.String("output", "", "a new `file` for the text of the key")
	return func(ctx context.Context, s *cli.Streams, args []string) error {
		d, err := parseDuration(*grace)
		if err != nil {
			return cli.Usagef("-grace is a duration such as 24h or 7d")
		}
		if len(args) != 1 {
			return cli.Usagef("keys rotate: name the ID of one key: see keys list")
		}
		if *endOld {
			return endOlder(ctx, s, &store, *owner, args[0])
		}
		return makeText(ctx, s, &store, &format, *owner, *output,
			func(c *session, by issuer.Caller) (text string, key issuer.APIKey, err error) {
				err = c.step(ctx, func(ctx context.Context) error {
					if key, err = c.issuer.GetKey(ctx, by, args[0]); err != nil {
						return err
					}
					if err := sameNamespace(key, format.namespace); err != nil {
						return err
					}
					text, key, err = c.issuer.RotateKey(ctx, by, args[0], d)
					return err
				})
				return text, key, err
			})
	}
}

// sameNamespace returns an error if the texts of a key had another namespace: the
// guards would not take a text of this one.
func sameNamespace(key issuer.APIKey, namespace string) error {
	if len(key.Secrets) == 0 {
		return nil
	}
	hint := key.Secrets[len(key.Secrets)-1].Hint
	if len(hint) < len("sk_live_a1B2c3D4") { // of a key that was imported, nothing is known
		return nil
	}
	old := strings.TrimSuffix(hint[:len(hint)-len("sk_live_a1B2c3D4")], "_")
	if old != namespace {
		return cli.Usagef("keys rotate: the namespace of the key is %q, and that of -namespace %q", old, namespace)
	}
	return nil
}

// endOlder ends the older of two live secrets.
func endOlder(ctx context.Context, s *cli.Streams, store *storeFlags, owner, id string) (err error) {
	if owner == "" {
		return cli.Usagef("-owner is required")
	}
	c, err := store.open(ctx, s, issuer.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	var key issuer.APIKey
	err = c.step(ctx, func(ctx context.Context) (err error) {
		by := issuer.Operator(owner)
		if key, err = c.issuer.GetKey(ctx, by, id); err != nil {
			return err
		}
		live := slices.DeleteFunc(slices.Clone(key.Secrets), func(secret issuer.Secret) bool {
			return !secret.EndsAt.IsZero() && !time.Now().Before(secret.EndsAt)
		})
		if len(live) < 2 {
			return &cli.RefusalError{Reason: "the key has no older secret that is good"}
		}
		key, err = c.issuer.EndSecret(ctx, by, id, live[0].ID)
		return err
	})
	if err != nil {
		return err
	}
	return s.Put(viewOf(key), fmt.Sprintf("the older secret of %s has ended\n", cli.Plain(id)))
}
