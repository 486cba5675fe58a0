package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/cmd/bearer/internal/scan"
)

const maxNew = 100_000

var keyNew = cli.Command{
	Name:  "key new",
	Short: "make keys",
	Long: `Makes keys, and prints of each its text, its hash and its hint. Nothing is stored: the text goes
to the owner, the hash into the key store, the hint into logs and lists. With -output, the texts
are written into a new file, one a line, and are not printed.

  bearer key new -namespace acme -environment live
  bearer key new -n 100 -output keys.txt -json >hashes.jsonl

With -json, each key is an object with key, hash, hint, kind and environment.`,
	Define: defineKeyNew,
}

func defineKeyNew(flags *flag.FlagSet) cli.Run {
	var f formatFlags
	f.define(flags)
	kind := flags.String("kind", "secret", "what may be done with it: `secret|publishable`")
	environment := flags.String("environment", "test", "whose data it reaches: `test|live`")
	n := flags.Int("n", 1, "how `many`")
	output := flags.String("output", "", "a new `file` for the texts of the keys")
	return func(ctx context.Context, s *cli.Streams, _ []string) error {
		format, err := f.format()
		if err != nil {
			return err
		}
		k, e, err := parseKind(*kind, *environment)
		if err != nil {
			return err
		}
		if k == 0 || e == 0 {
			return cli.Usagef("-kind and -environment must not be empty")
		}
		if *n < 1 || *n > maxNew {
			return cli.Usagef("-n is 1 to %d", maxNew)
		}
		return withTexts(s, *output, func(t *texts) error {
			for i := 0; i < *n && ctx.Err() == nil; i++ {
				text, hash := format.Generate(k, e)
				if err := t.put(text, newKey{
					Hash: hash.String(), Hint: format.Hint(text), Kind: *kind, Environment: *environment,
				}); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
}

// A newKey is what is printed of a key that was made.
type newKey struct {
	Key         string `json:"key,omitempty"` // absent if it is in a file
	Hash        string `json:"hash"`
	Hint        string `json:"hint"`
	Kind        string `json:"kind"`
	Environment string `json:"environment"`
}

// texts is where the texts of new keys go: into a file, or with the rest.
type texts struct {
	s    *cli.Streams
	file io.Writer // nil: none
}

// withTexts calls f with where texts go: the file with the name, or if that is
// empty, the standard output. The file is there before f makes a key.
func withTexts(s *cli.Streams, name string, f func(*texts) error) error {
	switch name {
	case "":
		err := f(&texts{s: s})
		if err == nil && s.OutTerminal {
			s.Notef("A key is shown this once: keep its text where secrets are kept.")
		}
		return err
	case "-": // or a secret would be left in a file with this name
		return cli.Usagef("-output: - is no file; without -output, the texts go to standard output")
	}
	file, err := create(name)
	if err != nil {
		return err
	}
	return errors.Join(f(&texts{s: s, file: file}), file.Close())
}

// reveal returns the text that is to be printed, if it is: else it is in the file.
func (t *texts) reveal(text string) (string, error) {
	if t.file == nil {
		return text, nil
	}
	_, err := io.WriteString(t.file, text+"\n")
	return "", err
}

func (t *texts) put(text string, k newKey) (err error) {
	if k.Key, err = t.reveal(text); err != nil {
		return err
	}
	shown := fmt.Sprintf("hash  %s\nhint  %s\n", k.Hash, k.Hint)
	if k.Key != "" {
		shown = "key   " + k.Key + "\n" + shown
	}
	return t.s.Put(k, shown)
}

var keyCheck = cli.Command{
	Name:  "key check",
	Short: "check the form and the checksum of keys",
	Long: `Reads texts, one a line, and says of each whether it is a key: whether its form and its checksum
are right. It asks no store, and never prints a text. The exit code is 1 if a text is none.

  bearer key check <keys.txt

With -json, each line is an object with line, valid, and if it has the form of a key, hint,
namespace, kind and environment; else with reason.`,
	Define: defineKeyCheck,
}

// A checked is what is said of a text.
type checked struct {
	Line        int    `json:"line"`
	Valid       bool   `json:"valid"`
	Hint        string `json:"hint,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Kind        string `json:"kind,omitempty"`
	Environment string `json:"environment,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

func defineKeyCheck(flags *flag.FlagSet) cli.Run {
	file := flags.String("file", "", "a `file` with the texts; none: standard input")
	namespace := flags.String("namespace", "", "only keys with this `name` in front of them; none: any key")
	return func(_ context.Context, s *cli.Streams, _ []string) error {
		if err := checkNamespace(*namespace); err != nil {
			return err
		}
		return eachText(s, *file, func(n int, text string) error {
			c := check(text, *namespace)
			c.Line = n
			if err := s.Put(c, c.String()); err != nil || c.Valid {
				return err
			}
			return cli.ErrNo
		})
	}
}

// check checks one text.
func check(text, namespace string) checked {
	key, err := scan.Parse(text)
	switch {
	case err != nil:
		return checked{Hint: key.Hint, Reason: reasonOf(key.Hint, text)}
	case namespace != "" && namespace != key.Namespace:
		return checked{Hint: key.Hint, Namespace: key.Namespace, Reason: "it is a key of another namespace"}
	}
	return checked{
		Valid: true, Hint: key.Hint, Namespace: key.Namespace,
		Kind: key.Kind.String(), Environment: key.Environment.String(),
	}
}

// reasonOf returns why a text is no key. One that has a hint has the form of one.
func reasonOf(hint, text string) string {
	switch {
	case hint != "":
		return "its checksum is wrong: a character is"
	case strings.TrimSpace(text) != text:
		return "there is white space around it"
	}
	return "it does not have the form of a key"
}

func (c checked) String() string {
	if c.Valid {
		return fmt.Sprintf("line %d: a %s key for %s data: %s\n", c.Line, c.Kind, c.Environment, c.Hint)
	}
	if c.Hint != "" {
		return fmt.Sprintf("line %d: no key: %s: %s\n", c.Line, c.Reason, c.Hint)
	}
	return fmt.Sprintf("line %d: no key: %s\n", c.Line, c.Reason)
}

// eachText calls each with each text of a file, or of the standard input. Where
// each returns ErrNo, it goes on with the next, and returns that at the end.
func eachText(s *cli.Streams, file string, each func(n int, text string) error) error {
	in, err := input(s, file, "texts of keys, one a line,")
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	var answer error
	none := true
	err = eachLine(in, func(n int, text string) error {
		none = false
		err := each(n, text)
		if errors.Is(err, cli.ErrNo) {
			answer, err = err, nil
		}
		return err
	})
	if err == nil && none {
		return cli.Usagef("there is no text in the input")
	}
	if err != nil {
		return err
	}
	return answer
}

var keyHash = cli.Command{
	Name:  "key hash",
	Short: "hash keys for a store",
	Long: `Reads texts of keys, one a line, and prints the hash of each, by which a store finds it, and its
hint. A text that is no key is told and left out, and the exit code is 1; with -foreign, texts of
other forms are hashed too, which a guard with KeyFormat.Foreign takes. Foreign texts that are
no long random ones need a pepper.

  bearer key hash -pepper-file pepper.txt <old-keys.txt

With -json, each is an object with line, hash and, for a key, hint.`,
	Define: defineKeyHash,
}

func defineKeyHash(flags *flag.FlagSet) cli.Run {
	var f formatFlags
	f.define(flags)
	flags.Lookup("namespace").Usage = "only keys with this `name` in front of them; none: any key"
	file := flags.String("file", "", "a `file` with the texts; none: standard input")
	foreign := flags.Bool("foreign", false, "also texts that are no keys of bearer")
	return func(_ context.Context, s *cli.Streams, _ []string) error {
		format, err := f.format()
		if err != nil {
			return err
		}
		format.Foreign = *foreign
		return eachText(s, *file, func(n int, text string) error {
			format := format
			if key, err := scan.Parse(text); err == nil && f.namespace == "" {
				format.Namespace = key.Namespace
			}
			if err := mayHash(format, text); err != nil {
				s.Complain(fmt.Sprintf("line %d: %v", n, err))
				return cli.ErrNo
			}
			hash, hint := format.Hash(text).String(), format.Hint(text)
			return s.Put(struct {
				Line int    `json:"line"`
				Hash string `json:"hash"`
				Hint string `json:"hint,omitempty"`
			}{n, hash, hint}, strings.TrimSpace(hash+"  "+hint)+"\n")
		})
	}
}

// mayHash returns why a guard would not look a text up.
func mayHash(format bearer.KeyFormat, text string) error {
	_, _, err := format.Parse(text)
	if err == nil || format.Foreign && format.Hint(text) == "" {
		return nil
	}
	return errors.New("no key: " + reasonOf(format.Hint(text), text))
}

var keyHint = cli.Command{
	Name:  "key hint",
	Short: "print what may be shown of keys",
	Long: `Reads texts of keys, one a line, and prints the hint of each: its prefix and its public ID, which
may stand in logs, tickets and lists. A text that has not the form of a key is told and left out,
and the exit code is 1.

  bearer key hint <keys.txt

With -json, each is an object with line and hint.`,
	Define: func(flags *flag.FlagSet) cli.Run {
		file := flags.String("file", "", "a `file` with the texts; none: standard input")
		return func(_ context.Context, s *cli.Streams, _ []string) error {
			return eachText(s, *file, func(n int, text string) error {
				key, _ := scan.Parse(text) // one with a wrong checksum has a hint, too
				if key.Hint == "" {
					s.Complain(fmt.Sprintf("line %d: no key: %s", n, reasonOf("", text)))
					return cli.ErrNo
				}
				return s.Put(struct {
					Line int    `json:"line"`
					Hint string `json:"hint"`
				}{n, key.Hint}, key.Hint+"\n")
			})
		}
	},
}
