// Package command has the commands of bearer.
package command

import (
	"context"
	"flag"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
)

// New returns the program.
func New() *cli.Program {
	p := &cli.Program{
		Name:     "bearer",
		Short:    "make, check, find and manage API keys, and look at tokens",
		Version:  version(),
		IsSecret: isSecret,
		Sections: sections,
	}
	p.Commands = []cli.Command{
		keyNew, keyCheck, keyHash, keyHint,
		tokenInspect,
		scanCommand, patterns,
		keysList, keysCreate, keysRotate, keysRevoke, keysImport, keysMigrate,
		completion(p), manual(p), versionCommand,
	}
	return p
}

// version returns the version of the module that the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

var (
	keyForm   = regexp.MustCompile(`(?:sk|pk)_(?:live|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{24}`)
	tokenForm = regexp.MustCompile(`eyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.`)
)

// isSecret reports whether an argument has the form of a key or a token.
func isSecret(argument string) bool {
	return keyForm.MatchString(argument) || tokenForm.MatchString(argument)
}

func completion(p *cli.Program) cli.Command {
	return cli.Command{
		Name:  "completion",
		Args:  "bash|zsh|fish",
		Short: "print the completion of a shell",
		Words: cli.Shells(),
		Long: `Prints a script that lets a shell complete commands, flags and names of files.

  source <(bearer completion bash)    # in ~/.bashrc
  source <(bearer completion zsh)     # in ~/.zshrc, behind compinit
  bearer completion fish >~/.config/fish/completions/bearer.fish`,
		Define: func(*flag.FlagSet) cli.Run {
			return func(_ context.Context, s *cli.Streams, args []string) error {
				if len(args) != 1 {
					return cli.Usagef("completion: name one shell of %s", strings.Join(cli.Shells(), ", "))
				}
				script, err := p.Completion(args[0])
				if err != nil {
					return err
				}
				return s.Put(map[string]string{"shell": args[0], "script": script}, script)
			}
		},
	}
}

func manual(p *cli.Program) cli.Command {
	return cli.Command{
		Name:  "man",
		Short: "print the manual page",
		Long: `Prints the manual page in roff, or with -markdown the reference of all commands.

  bearer man >bearer.1 && man ./bearer.1`,
		Define: func(flags *flag.FlagSet) cli.Run {
			markdown := flags.Bool("markdown", false, "print Markdown")
			return func(_ context.Context, s *cli.Streams, _ []string) error {
				text := p.Manual()
				if *markdown {
					text = p.Reference()
				}
				return s.Put(map[string]string{"text": text}, text)
			}
		},
	}
}

var versionCommand = cli.Command{
	Name:  "version",
	Short: "print the version",
	Long:  "Prints the version of the program: (devel), or one made up by Go, if a working tree was built.",
	Define: func(*flag.FlagSet) cli.Run {
		return func(_ context.Context, s *cli.Streams, _ []string) error {
			return s.Put(map[string]string{"version": version()}, "bearer "+version()+"\n")
		}
	},
}

// The sections of the manual behind the commands.
var sections = []cli.Section{
	{Title: "Secrets", Text: `Keys, tokens, peppers and secrets are read from standard input or from files, never from
arguments: all users of a machine can see the arguments of a process. An argument that looks
like a key or a token is refused, and not repeated.

The URL of a database may hold a password. It may be an argument, for one that has none; else it
is read from -database-file, or from the environment variable BEARER_DATABASE, which only the
same user and root can see. No error repeats it.

A file with keys is made with the permissions 0600, and none is ever overwritten.`},
	{Title: "Output", Text: `With -json, results are JSON objects, one a line, on standard output, and errors on standard
error: {"error":{"message":"...","exit":2}}, without exit where the command goes on with other
things. Members may be added, and none is renamed. Without it, the output is for people, and may
change.

Names that have other than printable characters are quoted, so that they cannot control a
terminal. Progress is shown on a terminal alone.`},
	{Title: "Exit codes", Text: `0: done; nothing was found, or all was good.

1: the answer is no. A scan found keys, a text is no key, a token is not verified, a key is not
there, or an import left records out.

2: the command was not called as it should be.

3: something failed: a file could not be read, a database or a URL is out of reach. If a scan
found keys and could not read all, it is 1.

130: interrupted.`},
	{
		Title: "Environment",
		Text:  `BEARER_DATABASE is the URL of the database, if neither -database nor -database-file is given.`,
	},
}
