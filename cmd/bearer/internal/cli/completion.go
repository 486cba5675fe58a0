package cli

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Shells are those that Completion knows.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion returns the script that lets a shell complete the commands, their
// flags and, where files are meant, their names.
func (p *Program) Completion(shell string) (string, error) {
	switch shell {
	case "bash":
		return p.bash(), nil
	case "zsh":
		// The completion of bash serves zsh too.
		return "#compdef " + p.Name + "\nautoload -U +X bashcompinit && bashcompinit\n" + p.bash(), nil
	case "fish":
		return p.fish(), nil
	}
	return "", Usagef("completion: the shell is one of %s", strings.Join(Shells(), ", "))
}

// words returns the first words of the commands' names.
func (p *Program) words() []string {
	list := []string{"help"}
	for i := range p.Commands {
		word, _, _ := strings.Cut(p.Commands[i].Name, " ")
		if !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}

func (p *Program) bash() string {
	var b strings.Builder
	fmt.Fprintf(&b, `_%[1]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words= values= command=${COMP_WORDS[1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W "%[2]s" -- "$cur"))
		return
	fi
	case $command in
`, p.Name, strings.Join(p.words(), " "))
	for _, word := range p.words() {
		if group := p.group(word); len(group) > 0 {
			fmt.Fprintf(&b, "\t%s)\n\t\tif ((COMP_CWORD == 2)); then\n"+
				"\t\t\tCOMPREPLY=($(compgen -W \"%s\" -- \"$cur\"))\n\t\t\treturn\n\t\tfi\n"+
				"\t\tcommand+=\" ${COMP_WORDS[2]}\"\n\t\t;;\n", word, strings.Join(group, " "))
		}
	}
	b.WriteString("\tesac\n\tcase $command in\n" + p.flagCases())
	fmt.Fprintf(&b, `	'help') words='%s' ;;
	esac
	if [[ $prev == -* && " $values " == *" $prev "* ]]; then
		words=
		case $prev in
%[3]s		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _%[2]s %[2]s
`, strings.Join(p.words(), " "), p.Name, p.choices())
	return b.String()
}

// flagCases returns the cases of bash for commands: what may follow each, and
// which of its flags have values that are no files.
func (p *Program) flagCases() string {
	var b strings.Builder
	for i := range p.Commands {
		c := &p.Commands[i]
		var flags, valued []string
		c.eachFlag(func(f *flag.Flag, name, _ string) {
			flags = append(flags, "-"+f.Name)
			if name != "" && name != "file" {
				valued = append(valued, "-"+f.Name)
			}
		})
		fmt.Fprintf(&b, "\t'%s') words='%s' values='%s' ;;\n", c.Name,
			strings.Join(append(flags, c.Words...), " "), strings.Join(valued, " "))
	}
	return b.String()
}

// choices returns the cases of bash for flags that have few values. A flag has the
// same ones in all commands.
func (p *Program) choices() string {
	cases := map[string]string{}
	for i := range p.Commands {
		p.Commands[i].eachFlag(func(f *flag.Flag, name, _ string) {
			if values := choicesOf(name); values != "" {
				cases[f.Name] = fmt.Sprintf("\t\t-%s) words='%s' ;;\n", f.Name, values)
			}
		})
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		b.WriteString(cases[name])
	}
	return b.String()
}

// choicesOf returns the values that the name of a flag's value lists, or "".
func choicesOf(name string) string {
	if !strings.Contains(name, "|") || strings.Contains(name, "://") {
		return ""
	}
	return strings.ReplaceAll(name, "|", " ")
}

func (p *Program) fish() string {
	var b strings.Builder
	n := p.Name
	for _, word := range p.words() {
		fmt.Fprintf(&b, "complete -c %s -f -n __fish_use_subcommand -a %s\n", n, word)
		if group := p.group(word); len(group) > 0 {
			rest := strings.Join(group, " ")
			fmt.Fprintf(&b, "complete -c %s -f -n '%s; and not %s' -a '%s'\n", n, seen(word), seen(rest), rest)
		}
	}
	for i := range p.Commands {
		c := &p.Commands[i]
		of := seen(strings.ReplaceAll(c.Name, " ", "; and "+seen("")))
		if len(c.Words) > 0 {
			fmt.Fprintf(&b, "complete -c %s -f -n '%s' -a '%s'\n", n, of, strings.Join(c.Words, " "))
		}
		c.eachFlag(func(f *flag.Flag, name, usage string) {
			mode := ""
			switch name {
			case "":
			case "file":
				mode = " -r"
			default:
				mode = " -x"
			}
			if values := choicesOf(name); values != "" {
				mode += " -a '" + values + "'"
			}
			usage = strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(usage)
			fmt.Fprintf(&b, "complete -c %s -n '%s' -o %s%s -d '%s'\n", n, of, f.Name, mode, usage)
		})
	}
	return b.String()
}

// seen returns the condition of fish that one of some words stands in the line.
func seen(words string) string { return "__fish_seen_subcommand_from " + words }
