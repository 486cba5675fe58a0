package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/issuer"
)

var keysList = cli.Command{
	Name:  "keys list",
	Short: "list the keys of an owner",
	Long: `Lists the keys of an owner, the newest first, as they come from the database. Texts of keys are
not known to it.

  bearer keys list -owner acme -unused-since 90d
  bearer keys list -owner acme -include-revoked -json

With -json, each key is an object with id, owner, name, kind, environment, hint, scopes,
allowed_ips, allowed_origins, metadata, state (active, disabled, expired or revoked), created_at,
created_by, expires_at, last_used_at, revoked_at, reason and old_secret_ends_at, as far as they
are set. Times are of RFC 3339.`,
	Define: defineKeysList,
}

const pageSize = 100 // the most that an issuer lists at a time

func defineKeysList(flags *flag.FlagSet) cli.Run {
	var f storeFlags
	f.define(flags)
	owner := flags.String("owner", "", ownerUsage)
	unused := flags.String("unused-since", "",
		"only keys that were made before a `time`, and not used since: 90d ago, or a date")
	expires := flags.String("expires-before", "", "only keys that expire before a `time`: 30d from now, or a date")
	creator := flags.String("created-by", "", "only keys that the caller with this `id` made")
	revoked := flags.Bool("include-revoked", false, "also keys that were revoked")
	return func(ctx context.Context, s *cli.Streams, _ []string) (err error) {
		q := issuer.KeyQuery{CreatedBy: *creator, IncludeRevoked: *revoked, Limit: pageSize}
		now := time.Now()
		if q.UnusedSince, err = parseTime("unused-since", *unused, now, true); err != nil {
			return err
		}
		if q.ExpiresBefore, err = parseTime("expires-before", *expires, now, false); err != nil {
			return err
		}
		if *owner == "" {
			return cli.Usagef("keys list: -owner is required")
		}
		session, err := f.open(ctx, s, issuer.Config{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, session.close()) }()
		return session.list(ctx, s, issuer.Operator(*owner), q)
	}
}

// list prints the keys that a query finds, page by page.
func (s *session) list(ctx context.Context, streams *cli.Streams, by issuer.Caller, q issuer.KeyQuery) error {
	table := tabwriter.NewWriter(streams.Out, 10, 0, 2, ' ', 0)
	row := func(columns ...string) string { return strings.Join(columns, "\t") + "\n" }
	if !streams.JSON {
		fmt.Fprint(table, row("ID", "HINT", "NAME", "KIND", "ENV", "STATE", "CREATED", "LAST USED", "EXPIRES", "SCOPES"))
	}
	for {
		var keys []issuer.APIKey
		err := s.step(ctx, func(ctx context.Context) (err error) {
			keys, q.Cursor, err = s.issuer.ListKeys(ctx, by, q)
			return err
		})
		if err != nil {
			return errors.Join(table.Flush(), err)
		}
		for _, key := range keys {
			v := viewOf(key)
			if streams.JSON {
				err = streams.Put(v, "")
			} else {
				_, err = fmt.Fprint(table, row(cli.Plain(v.ID), cli.Plain(orDash(v.Hint)), cli.Plain(orDash(v.Name)),
					v.Kind, v.Environment, v.State, date(v.CreatedAt), date(v.LastUsedAt), date(v.ExpiresAt),
					cli.Plain(orDash(v.scopes()))))
			}
			if err != nil {
				return err
			}
		}
		if err := table.Flush(); err != nil || q.Cursor == "" {
			return err
		}
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
