package cli

import (
	"flag"
	"fmt"
	"strings"
)

// Manual returns the manual page in roff, with the macros of man(7).
func (p *Program) Manual() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s %s\" \"User Commands\"\n", strings.ToUpper(p.Name), p.Name, roff(p.Version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", p.Name, roff(p.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.I COMMAND\n[flags] [arguments]\n.SH COMMANDS\n", p.Name)
	for i := range p.Commands {
		c := &p.Commands[i]
		fmt.Fprintf(&b, ".SS \"%s\"\n%s", roff(p.synopsis(c)), roffText(c.Long))
		c.eachFlag(func(f *flag.Flag, name, usage string) {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(spelled(f, name)), roffLine(usage))
		})
	}
	for _, section := range p.Sections {
		fmt.Fprintf(&b, ".SH \"%s\"\n%s", roff(strings.ToUpper(section.Title)), roffText(section.Text))
	}
	return b.String()
}

// roffText returns paragraphs in roff, of which the first stands below a heading.
func roffText(text string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(text, "\n\n") {
		if strings.HasPrefix(paragraph, "  ") {
			b.WriteString(".PP\n.in +4n\n.EX\n")
			for line := range strings.SplitSeq(paragraph, "\n") {
				b.WriteString(roffLine(strings.TrimPrefix(line, "  ")) + "\n")
			}
			b.WriteString(".EE\n.in\n")
			continue
		}
		if i > 0 {
			b.WriteString(".PP\n")
		}
		for line := range strings.SplitSeq(paragraph, "\n") {
			b.WriteString(roffLine(line) + "\n")
		}
	}
	return b.String()
}

// roffLine returns a line that roff takes for a request in no case.
func roffLine(line string) string {
	line = roff(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// roff returns a text without what has a meaning in roff: a hyphen that is typed
// must not become a typographic one.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", `"`, `\(dq`, "'", `\(aq`).Replace(text)
}

// Reference returns the part of the manual about commands in Markdown.
func (p *Program) Reference() string {
	var b strings.Builder
	for i := range p.Commands {
		c := &p.Commands[i]
		fmt.Fprintf(&b, "### %s %s\n\n```text\n%s\n```\n\n%s", p.Name, c.Name, p.synopsis(c), markdown(c.Long))
		b.WriteString("| flag | |\n|---|---|\n")
		cell := strings.NewReplacer("|", `\|`, "*", `\*`)
		c.eachFlag(func(f *flag.Flag, name, usage string) {
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(spelled(f, name), "|", `\|`), cell.Replace(usage))
		})
		b.WriteString("\n")
	}
	for _, section := range p.Sections {
		fmt.Fprintf(&b, "## %s\n\n%s", section.Title, markdown(section.Text))
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// markdown returns paragraphs in Markdown.
func markdown(text string) string {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, "  ") {
			lines := strings.Split(paragraph, "\n")
			for i, line := range lines {
				lines[i] = strings.TrimPrefix(line, "  ")
			}
			language := "sh"
			if strings.HasPrefix(lines[0], "{") {
				language = "json"
			}
			fmt.Fprintf(&b, "```%s\n%s\n```\n\n", language, strings.Join(lines, "\n"))
			continue
		}
		b.WriteString(strings.NewReplacer("*", `\*`, "_", `\_`, "<", "&lt;").Replace(paragraph) + "\n\n")
	}
	return b.String()
}
