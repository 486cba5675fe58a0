// Package cli runs a program of commands whose texts stand in one table: the
// usage, the manual page, the reference and the completion come from it.
package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The exit codes of a program.
const (
	OK          = 0
	No          = 1
	BadUsage    = 2
	Failed      = 3
	Interrupted = 130 // as of a program that SIGINT ends
)

// ErrNo is what a command returns whose answer is no, once it has said why.
var ErrNo = errors.New("no")

// A UsageError is about how a command was called.
type UsageError struct{ text string }

// Usagef returns a UsageError with a text as of fmt.Sprintf.
func Usagef(format string, args ...any) error { return &UsageError{text: fmt.Sprintf(format, args...)} }

// Error returns the text.
func (e *UsageError) Error() string { return e.text }

// A RefusalError is an answer that is no, with its reason: exit code 1.
type RefusalError struct {
	Reason string
	Cause  error // may be nil; Error does not show it
}

// Error returns the reason.
func (r *RefusalError) Error() string { return r.Reason }

// Unwrap returns the cause.
func (r *RefusalError) Unwrap() error { return r.Cause }

// Run does what a command is for, with the arguments that are no flags.
type Run func(ctx context.Context, s *Streams, args []string) error

// A Command is a command of a program.
type Command struct {
	Name  string   // with its group: "key new"
	Args  string   // what follows the flags: "PATH…"; zero: nothing may
	Short string   // what it does: a clause without a full stop
	Long  string   // paragraphs between empty lines; those that are indented stand as they are
	Words []string // what may stand as argument, for completion

	// Define defines the flags, and returns what runs with their values.
	Define func(*flag.FlagSet) Run
}

// flags returns a new set of the command's flags, and what runs with them. Each
// command has the flag -json.
func (c *Command) flags(s *Streams) (*flag.FlagSet, Run) {
	set := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.BoolVar(&s.JSON, "json", false, "write one JSON object a line")
	return set, c.Define(set)
}

// A Program is a table of commands, with what is said about all of them.
type Program struct {
	Name     string
	Short    string    // what it is: a clause without a full stop
	Sections []Section // of its manual, behind the commands
	Commands []Command // in the order of the manual
	Version  string

	// IsSecret reports whether an argument looks like a secret. The program then
	// refuses it, and does not repeat it. Nil: none does.
	IsSecret func(string) bool
}

// A Section is a part of the manual.
type Section struct {
	Title string
	Text  string // as Command.Long
}

// Main runs the command that the arguments name, and returns the exit code.
func (p *Program) Main(ctx context.Context, s *Streams, args []string) int {
	out := bufio.NewWriter(s.Out)
	inner := *s
	inner.Out = out
	err := p.run(ctx, &inner, args)
	if flushed := out.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("standard output: %w", flushed)
	}
	code := exitCode(ctx, err)
	if err != nil && !errors.Is(err, ErrNo) {
		p.report(&inner, err, code)
	}
	return code
}

// exitCode returns the exit code of a program that ends with err.
func exitCode(ctx context.Context, err error) int {
	var usage *UsageError
	var refusal *RefusalError
	switch {
	case err == nil:
		return OK
	case errors.Is(err, ErrNo):
		return No
	case errors.As(err, &usage):
		return BadUsage
	case errors.Is(context.Cause(ctx), context.Canceled):
		return Interrupted
	case errors.As(err, &refusal):
		return No
	}
	return Failed
}

// report writes an error to the standard error.
func (p *Program) report(s *Streams, err error, code int) {
	text := err.Error()
	if code == Interrupted {
		text = "interrupted"
	}
	if s.JSON {
		s.WriteError(map[string]any{"error": map[string]any{"message": text, "exit": code}})
		return
	}
	fmt.Fprintf(s.Err, "%s: %s\n", p.Name, PlainLines(text))
}

func (p *Program) run(ctx context.Context, s *Streams, args []string) error {
	s.JSON = slices.Contains(args, "-json") || slices.Contains(args, "--json") // for errors of usage too
	if p.IsSecret != nil && slices.ContainsFunc(args, p.IsSecret) {
		return Usagef("an argument looks like a secret, and every user of this machine can read arguments; " +
			"secrets are read from standard input, or from files. Take this one for leaked")
	}
	if names, is := p.asksHelp(args); is {
		return p.help(s, names)
	}
	if len(args) > 0 && (args[0] == "-version" || args[0] == "--version") {
		args = []string{"version"}
	}
	command, rest, err := p.find(args)
	if err != nil {
		return err
	}
	set, run := command.flags(s)
	rest, err = parse(set, rest)
	if errors.Is(err, flag.ErrHelp) {
		return p.help(s, strings.Fields(command.Name))
	}
	if err != nil {
		return Usagef("%s: %v", command.Name, err)
	}
	if command.Args == "" && len(rest) > 0 {
		return Usagef("%s: there are no arguments but flags; secrets are read from standard input, or from files. "+
			"See %s %[1]s -h", command.Name, p.Name)
	}
	return run(ctx, s, rest)
}

// asksHelp reports whether the arguments ask for help about the program or about a
// group, or begin with help. It returns what follows, or the group.
func (p *Program) asksHelp(args []string) (names []string, is bool) {
	switch {
	case len(args) > 0 && (args[0] == "help" || isHelp(args[0])):
		return args[1:], true
	case len(args) > 1 && isHelp(args[1]) && len(p.group(args[0])) > 0:
		return args[:1], true
	}
	return nil, false
}

func isHelp(argument string) bool {
	return argument == "-h" || argument == "-help" || argument == "--help"
}

// parse parses flags that stand before, between and behind the arguments, up to
// "--". It returns the arguments.
func parse(set *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := set.Parse(args); err != nil {
			return nil, err
		}
		used := len(args) - set.NArg()
		if used > 0 && args[used-1] == "--" || set.NArg() == 0 {
			return append(rest, set.Args()...), nil
		}
		rest, args = append(rest, set.Arg(0)), set.Args()[1:]
	}
}

// find returns the command that the arguments begin with, and the others.
func (p *Program) find(args []string) (*Command, []string, error) {
	for n := min(2, len(args)); n > 0; n-- {
		name := strings.Join(args[:n], " ")
		for i := range p.Commands {
			if p.Commands[i].Name == name {
				return &p.Commands[i], args[n:], nil
			}
		}
	}
	return nil, nil, p.unknown(args)
}

// unknown returns the error about arguments that name no command.
func (p *Program) unknown(args []string) error {
	if len(args) == 0 {
		return Usagef("a command is missing\n\n%s", p.usage(""))
	}
	name := args[0]
	group := p.group(name)
	if len(group) > 0 && (len(args) == 1 || strings.HasPrefix(args[1], "-")) {
		return Usagef("%s has the commands %s; see %s help %[1]s", name, listed(group), p.Name)
	}
	if len(group) > 0 {
		name += " " + args[1]
	}
	if near := p.nearest(name); near != "" {
		return Usagef("there is no command %q; is it %q? See %s help", name, near, p.Name)
	}
	return Usagef("there is no command %q; see %s help", name, p.Name)
}

// group returns the names of the commands of a group, without it.
func (p *Program) group(name string) []string {
	var names []string
	for i := range p.Commands {
		if of, rest, grouped := strings.Cut(p.Commands[i].Name, " "); grouped && of == name {
			names = append(names, rest)
		}
	}
	return names
}

func listed(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// nearest returns the name of the command that a name is a misspelling of, or "".
func (p *Program) nearest(name string) string {
	best, least := "", 3
	for i := range p.Commands {
		if d := distance(name, p.Commands[i].Name); d < least {
			best, least = p.Commands[i].Name, d
		}
	}
	return best
}

// distance returns how many bytes have to be inserted, deleted or replaced to
// make b of a (Levenshtein's distance), or much for a long text.
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// WriteError writes v to the standard error as a line of JSON.
func (s *Streams) WriteError(v any) {
	s.Flush()
	line, err := json.Marshal(v)
	if err == nil {
		_, _ = s.Err.Write(append(line, '\n'))
	}
}
