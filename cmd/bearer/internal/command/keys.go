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
	"github.com/blockauth/bearer/cmd/bearer/internal/database"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A storeFlags are the flags of a key store.
type storeFlags struct {
	url, file, prefix string
	timeout           time.Duration
}

func (f *storeFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&f.url, "database", "",
		"`postgres://…|mysql://…|path`: where the keys are; "+
			"a path is that of a file of SQLite, sqlite: may stand in front of it")
	flags.StringVar(&f.file, "database-file", "", "a `file` with what would follow -database, if that has a password")
	flags.StringVar(&f.prefix, "prefix", "bearer_", "what the `names` of the tables begin with")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long one step may take in the database")
}

// address returns where the database is.
func (f *storeFlags) address(s *cli.Streams) (string, error) {
	given := f.url
	switch {
	case f.url != "" && f.file != "":
		return "", cli.Usagef("-database or -database-file, not both")
	case f.file != "":
		text, err := readSecret(f.file)
		if err != nil {
			return "", err
		}
		given = strings.TrimSpace(string(text))
	case f.url == "":
		given = s.Getenv("BEARER_DATABASE")
	case database.HasPassword(f.url):
		s.Notef("bearer: -database has a password, and every user of this machine can read arguments: " +
			"-database-file or BEARER_DATABASE hides it")
	}
	if given == "" {
		return "", cli.Usagef("-database, -database-file or BEARER_DATABASE has to say where the keys are")
	}
	return given, nil
}

// A session is a command's connection to a store.
type session struct {
	store   *bearersql.Store
	issuer  *issuer.Issuer
	timeout time.Duration
	close   func() error
}

// open opens the store of the flags, with an issuer of a config over it.
func (f *storeFlags) open(ctx context.Context, s *cli.Streams, config issuer.Config) (*session, error) {
	address, err := f.address(s)
	if err != nil {
		return nil, err
	}
	db, err := database.Open(address, false)
	if err != nil {
		return nil, cli.Usagef("-database: %v", err)
	}
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	store, err := database.Store(limited, db, f.prefix)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("-database: %w", err), db.Close())
	}
	config.Store = store
	iss, err := issuer.New(config)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &session{store: store, issuer: iss, timeout: f.timeout, close: db.Close}, nil
}

// step calls f with a context that bounds one step in the database.
func (s *session) step(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return refusalOf(f(ctx))
}

// refusalOf returns an error of an issuer as that of a command: what the issuer
// refuses is a no, and what it could not do is a failure.
func refusalOf(err error) error {
	var refusal *bearer.Error
	if !errors.As(err, &refusal) {
		return err
	}
	text := refusal.Message()
	if refusal.Code == bearer.CodeServiceUnavailable {
		return fmt.Errorf("%s: %w", strings.TrimSuffix(text, "."), err)
	}
	if cause := refusal.Unwrap(); cause != nil && refusal.Code == bearer.CodeInvalidRequest {
		text += " (" + cause.Error() + ")"
	}
	return &cli.RefusalError{Reason: text, Cause: err}
}

// A keyView is what is printed of a key's record.
type keyView struct {
	Key            string            `json:"key,omitempty"` // the text, where it is shown once
	ID             string            `json:"id"`
	Owner          string            `json:"owner"`
	Name           string            `json:"name"`
	Kind           string            `json:"kind"`
	Environment    string            `json:"environment"`
	Hint           string            `json:"hint,omitempty"` // of the newest secret
	Scopes         []bearer.Scope    `json:"scopes"`
	AllowedIPs     []netip.Prefix    `json:"allowed_ips,omitempty"`
	AllowedOrigins []string          `json:"allowed_origins,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	State          string            `json:"state"` // active, disabled, expired or revoked
	CreatedAt      time.Time         `json:"created_at"`
	CreatedBy      string            `json:"created_by,omitempty"`
	ExpiresAt      time.Time         `json:"expires_at,omitzero"`
	LastUsedAt     time.Time         `json:"last_used_at,omitzero"`
	RevokedAt      time.Time         `json:"revoked_at,omitzero"`
	Reason         string            `json:"reason,omitempty"`
	OldSecretEnds  time.Time         `json:"old_secret_ends_at,omitzero"` // of a rotation
}

func viewOf(k issuer.APIKey) keyView {
	v := keyView{
		ID: k.ID, Owner: k.Owner, Name: k.Name, Kind: k.Kind.String(), Environment: k.Environment.String(),
		Scopes: []bearer.Scope{}, AllowedIPs: k.AllowedIPs, AllowedOrigins: k.AllowedOrigins, Metadata: k.Metadata,
		State: stateOf(k, time.Now()), CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy, ExpiresAt: k.ExpiresAt,
		LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt, Reason: k.Reason,
	}
	for scope := range k.Scopes.All() {
		v.Scopes = append(v.Scopes, scope)
	}
	if n := len(k.Secrets); n > 0 {
		v.Hint = k.Secrets[n-1].Hint
		if n > 1 {
			v.OldSecretEnds = k.Secrets[n-2].EndsAt
		}
	}
	return v
}

func stateOf(k issuer.APIKey, now time.Time) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked"
	case k.Disabled:
		return "disabled"
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return "expired"
	}
	return "active"
}

// scopes returns the scopes as a text.
func (v *keyView) scopes() string {
	list := make([]string, len(v.Scopes))
	for i, scope := range v.Scopes {
		list[i] = string(scope)
	}
	return strings.Join(list, " ")
}

// date returns a time for people, and "-" for none.
func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

const ownerUsage = "whose keys they are: an `owner`. Required"

// parseTime returns the time that a flag says: a date, a time of RFC 3339, or a
// duration from now on, or if ago is true, before now.
func parseTime(name, text string, now time.Time, ago bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	d, err := parseDuration(text)
	if err != nil || d < 0 {
		return time.Time{}, cli.Usagef(
			"-%s is a date such as 2030-01-31, a time of RFC 3339, or a duration such as 90d or 12h", name)
	}
	if ago {
		d = -d
	}
	return now.Add(d), nil
}

// parseDuration is time.ParseDuration, but knows days, too: 90d.
func parseDuration(text string) (time.Duration, error) {
	var days int
	if rest, has := strings.CutSuffix(text, "d"); has {
		if _, err := fmt.Sscanf(rest+"\n", "%d\n", &days); err != nil || days < 0 || days > 36500 {
			return 0, errors.New("not a number of days")
		}
		return time.Duration(days) * 24 * time.Hour, nil
	}
	return time.ParseDuration(text)
}

var keysMigrate = cli.Command{
	Name:  "keys migrate",
	Short: "make the tables of a database, or bring them up to date",
	Long: `Makes the tables of stores/sql, or brings them up to date. An application that calls Migrate at
its start needs it not. The user of the database needs the right to create and alter tables; those
of the other commands need it not.

  bearer keys migrate -database keys.db`,
	Define: func(flags *flag.FlagSet) cli.Run {
		var f storeFlags
		f.define(flags)
		return func(ctx context.Context, s *cli.Streams, _ []string) (err error) {
			address, err := f.address(s)
			if err != nil {
				return err
			}
			db, err := database.Open(address, true)
			if err != nil {
				return cli.Usagef("-database: %v", err)
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			ctx, cancel := context.WithTimeout(ctx, f.timeout)
			defer cancel()
			if err := bearersql.Migrate(ctx, db, bearersql.Config{Prefix: f.prefix}); err != nil {
				return fmt.Errorf("-database: %w", err)
			}
			return s.Put(map[string]bool{"migrated": true}, "the tables are up to date\n")
		}
	},
}
