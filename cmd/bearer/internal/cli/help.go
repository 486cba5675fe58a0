package cli

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// help writes the usage of the program, of a group or of a command.
func (p *Program) help(s *Streams, names []string) error {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "-json" || name == "--json" })
	if len(names) == 0 {
		return s.Put(p.described(""), p.usage(""))
	}
	if len(names) == 1 && len(p.group(names[0])) > 0 {
		return s.Put(p.described(names[0]+" "), p.usage(names[0]+" "))
	}
	command, rest, err := p.find(names)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return Usagef("help is about one command")
	}
	return s.Put(p.describe(command), p.text(command))
}

// usage returns the usage of the commands whose names have a prefix, and if it is
// empty, of the program.
func (p *Program) usage(prefix string) string {
	var b strings.Builder
	if prefix == "" {
		fmt.Fprintf(&b, "%s: %s\n\n", p.Name, p.Short)
	}
	fmt.Fprintf(&b, "usage: %s %sCOMMAND [flags] [arguments]\n\n", p.Name, prefix)
	for i := range p.Commands {
		if c := &p.Commands[i]; strings.HasPrefix(c.Name, prefix) {
			fmt.Fprintf(&b, "  %-14s %s\n", c.Name, c.Short)
		}
	}
	fmt.Fprintf(&b, "\n%s COMMAND -h tells more of each. Exit codes: %s.\n", p.Name, exitCodes)
	return b.String()
}

const exitCodes = "0 done, 1 the answer is no, 2 wrong usage, 3 failed, 130 interrupted"

// text returns the usage of a command.
func (p *Program) text(c *Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s\n\n%s\n\nFlags:\n", p.synopsis(c), c.Long)
	c.eachFlag(func(f *flag.Flag, name, usage string) {
		fmt.Fprintf(&b, "  %s\n        %s\n", spelled(f, name), usage)
	})
	return b.String()
}

func (p *Program) synopsis(c *Command) string {
	return strings.TrimSpace(p.Name + " " + c.Name + " [flags] " + c.Args)
}

// spelled returns a flag as it is written, with the name of its value.
func spelled(f *flag.Flag, name string) string {
	if name == "" {
		return "-" + f.Name
	}
	if strings.Contains(name, "|") { // these are the values
		return "-" + f.Name + " " + name
	}
	return "-" + f.Name + " " + strings.ToUpper(name)
}

// eachFlag calls yield with each flag of the command, the name of its value, ""
// for one that has none, and its usage with its default.
func (c *Command) eachFlag(yield func(f *flag.Flag, name, usage string)) {
	set, _ := c.flags(&Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	set.VisitAll(func(f *flag.Flag) {
		name, usage := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			usage += " (default " + f.DefValue + ")"
		}
		yield(f, name, usage)
	})
}

// A description is a command in JSON.
type description struct {
	Command string            `json:"command"`
	Does    string            `json:"does"`
	Usage   string            `json:"usage"`
	Flags   map[string]string `json:"flags"`
}

func (p *Program) describe(c *Command) description {
	d := description{Command: c.Name, Does: c.Short, Usage: p.synopsis(c), Flags: map[string]string{}}
	c.eachFlag(func(f *flag.Flag, _, usage string) { d.Flags[f.Name] = usage })
	return d
}

func (p *Program) described(prefix string) map[string]any {
	list := []description{}
	for i := range p.Commands {
		if strings.HasPrefix(p.Commands[i].Name, prefix) {
			list = append(list, p.describe(&p.Commands[i]))
		}
	}
	return map[string]any{"commands": list}
}
