package command

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/issuer"
)

var keysImport = cli.Command{
	Name:  "keys import",
	Args:  "FILE",
	Short: "import keys of an older system",
	Long: `Imports keys from a file of JSON lines, or of CSV with a header if its name ends in .csv or -csv is
given; "-" is standard input. A record has hash (64 hexadecimal digits, as of key hash) or key (the
text itself, of which the hash alone is stored), and may have id, owner, name, kind, environment,
scopes, allowed_ips, allowed_origins, expires_at and metadata. In CSV, lists are separated by
spaces, and there is no metadata. What a record does not say is said by the flags, and kind and
environment by the text of the key. A record without scopes is refused, unless -scopes says which;
"*" is all.

  {"hash":"9f86…","name":"billing","environment":"live","scopes":["tokens:read"]}

  bearer keys import old.jsonl -owner acme -dry-run
  bearer keys import old.jsonl -owner acme

A record that was imported before is passed over, so that an import that was interrupted is called
again. One that is refused is told with its line, and the others are imported; the exit code is
then 1. With -dry-run, all is checked by the same rules, and nothing is written. Guards need
KeyFormat.Foreign for texts that have not the form of bearer's keys.

With -json, each record is an object with line, id, hint, and status: imported, present, or
refused with reason.`,
	Define: defineKeysImport,
}

func defineKeysImport(flags *flag.FlagSet) cli.Run {
	var store storeFlags
	var format formatFlags
	var d defaults
	store.define(flags)
	format.define(flags)
	flags.StringVar(&d.owner, "owner", "", "whose keys they are, if a record does not say: an `owner`")
	flags.StringVar(&d.name, "name", "imported", "the `name` of those that have none")
	flags.StringVar(&d.kind, "kind", "secret", "of records that do not say: `secret|publishable`")
	flags.StringVar(&d.environment, "environment", "test", "of records that do not say: `test|live`")
	flags.StringVar(&d.scopes, "scopes", "", "the `scopes` of those that have none, separated by spaces; *: all")
	flags.BoolVar(&d.foreign, "foreign", false, "also take texts that are no keys of bearer")
	isCSV := flags.Bool("csv", false, "the file is CSV")
	dry := flags.Bool("dry-run", false, "check all, and write nothing")
	return func(ctx context.Context, s *cli.Streams, args []string) (err error) {
		if len(args) != 1 {
			return cli.Usagef("keys import: name one FILE; - is standard input")
		}
		if _, _, err := parseKind(d.kind, d.environment); err != nil {
			return err
		}
		if d.format, err = format.format(); err != nil {
			return err
		}
		in, err := input(s, args[0], "records")
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }() // it was only read
		config := issuer.Config{Format: d.format}
		config.Rules.MustScope = true // a key that had no rights must not get all
		c, err := store.open(ctx, s, config)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.close()) }()
		i, err := newImporting(s, c, config, *dry)
		if err != nil {
			return err
		}
		return i.all(ctx, in, d, *isCSV || hasCSVName(args[0]))
	}
}

// newImporting returns an import into the store of c, or for a dry run, into one
// in memory.
func newImporting(s *cli.Streams, c *session, config issuer.Config, dry bool) (*importing, error) {
	i := &importing{session: c, streams: s, progress: s.Progress(), into: c.issuer, dry: dry, store: c.store}
	if !dry {
		return i, nil
	}
	var err error
	i.store = issuer.NewMemoryStore()
	config.Store = i.store
	i.into, err = issuer.New(config)
	return i, err
}

// An importing is an import that is under way.
type importing struct {
	session  *session
	streams  *cli.Streams
	progress *cli.Progress
	store    issuer.Store   // the database, or for a dry run, one in memory
	into     *issuer.Issuer // of that store
	dry      bool

	imported, present, refused int
}

// An outcome is what became of a record.
type outcome struct {
	Line   int    `json:"line"`
	Status string `json:"status"` // imported, present or refused
	ID     string `json:"id,omitempty"`
	Hint   string `json:"hint,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// all imports all records.
func (i *importing) all(ctx context.Context, in io.Reader, d defaults, isCSV bool) error {
	err := readRecords(in, isCSV, func(n int, r record, invalid error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		o, err := i.one(ctx, n, r, d, invalid)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		return i.tell(o)
	})
	i.progress.Clear()
	verb := "imported"
	if i.dry {
		verb = "could be imported"
	}
	i.streams.Notef("%d %s, %d imported before, %d refused", i.imported, verb, i.present, i.refused)
	if err == nil && i.refused > 0 {
		return cli.ErrNo
	}
	return err
}

// tell counts an outcome, and prints it.
func (i *importing) tell(o outcome) error {
	switch o.Status {
	case "imported":
		i.imported++
	case "present":
		i.present++
	default:
		i.refused++
	}
	i.progress.Show(func() string {
		return fmt.Sprintf("%d imported, %d present, %d refused", i.imported, i.present, i.refused)
	})
	if i.streams.JSON {
		return i.streams.Put(o, "")
	}
	if o.Status == "refused" {
		i.progress.Clear()
		i.streams.Complain(fmt.Sprintf("line %d: %s", o.Line, o.Reason))
	}
	return nil
}

// one imports a record. Its error is that of the database; what is wrong with the
// record is in the outcome.
func (i *importing) one(ctx context.Context, n int, r record, d defaults, invalid error) (outcome, error) {
	o := outcome{Line: n, Status: "refused"}
	key, hash, wrong := d.apply(r)
	if wrong = cmp.Or(invalid, wrong); wrong != nil {
		o.Reason = wrong.Error()
		return o, nil //nolint:nilerr // it is in the outcome
	}
	o.ID, o.Hint = key.ID, d.hint(r)
	isNew := false
	err := i.session.step(ctx, func(ctx context.Context) (err error) {
		key, isNew, err = i.put(ctx, key, hash)
		return err
	})
	var refusal *cli.RefusalError
	switch {
	case errors.Is(err, errTaken), errors.As(err, &refusal):
		o.Reason = err.Error()
		return o, nil
	case err != nil:
		return o, err
	}
	o.ID, o.Status = key.ID, "present"
	if isNew {
		o.Status = "imported"
	}
	return o, nil
}

// put imports a key, unless it was imported before, and returns it as it is.
func (i *importing) put(
	ctx context.Context, key issuer.APIKey, hash bearer.KeyHash,
) (stored issuer.APIKey, isNew bool, err error) {
	if i.dry {
		if found, err := find(ctx, i.session.store, key, hash); err != nil || found.ID != "" {
			return found, false, err
		}
	}
	stored, err = i.into.ImportKey(ctx, issuer.Operator(key.Owner), key, hash)
	if !errors.Is(err, issuer.ErrExists) {
		return stored, true, err
	}
	stored, err = find(ctx, i.store, key, hash)
	if err == nil && stored.ID == "" {
		err = errTaken // the ID is that of another owner's key
	}
	return stored, false, err
}

var errTaken = errors.New("the ID, or the text, is that of another key")

// find returns the key of the owner that has the hash, a zero one if there is
// none, or errTaken if it is another's, or if the ID is another key's.
func find(
	ctx context.Context, store issuer.KeyStore, key issuer.APIKey, hash bearer.KeyHash,
) (issuer.APIKey, error) {
	found, err := store.KeyByHash(ctx, hash)
	switch {
	case errors.Is(err, bearer.ErrKeyNotFound):
		if key.ID == "" {
			return issuer.APIKey{}, nil
		}
		_, err := store.GetKey(ctx, key.Owner, key.ID)
		if errors.Is(err, issuer.ErrNotFound) {
			err = nil
		} else if err == nil {
			err = errTaken
		}
		return issuer.APIKey{}, err
	case err != nil:
		return issuer.APIKey{}, err
	case found.Owner != key.Owner || key.ID != "" && key.ID != found.ID:
		return issuer.APIKey{}, errTaken
	}
	return found, nil
}
