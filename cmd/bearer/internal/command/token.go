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
)

var tokenInspect = cli.Command{
	Name:  "token inspect",
	Short: "show what a JWT says, and verify it if asked",
	Long: `Reads a JWT from standard input, or from a file, and prints its header, its claims with their times
in words, and what is dangerous or missing. By itself it verifies nothing, and says so: anyone
could have written such a token.

With -jwks or -secret-file, a guard of bearer decides, and the verdict is the guard's: the
algorithm must be one of the keys' family, the signature, exp, nbf, typ and sub are checked, and
iss and aud against -issuer and -audience. One of these that is not given is taken from the token,
which is said. The exit code is 1 if the guard refuses the token.

  pbpaste | bearer token inspect
  bearer token inspect -file token.txt -jwks https://id.example/jwks.json -issuer https://id.example -audience api

With -json, it is one object with verdict ("not verified", "good", "refused" or "unavailable"),
reason, checked, header, claims and warnings.`,
	Define: defineTokenInspect,
}

// The verdicts about a token.
const (
	notVerified = "not verified"
	good        = "good"
	refused     = "refused"
	unavailable = "unavailable" // the keys are
)

func defineTokenInspect(flags *flag.FlagSet) cli.Run {
	var v verification
	v.define(flags)
	file := flags.String("file", "", "a `file` with the token; none: standard input")
	return func(ctx context.Context, s *cli.Streams, _ []string) error {
		if err := v.validate(); err != nil {
			return err
		}
		in, err := input(s, *file, "a token")
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }() // it was only read
		text, err := readOne(in, "the token")
		if err != nil {
			return err
		}
		compact := bare(string(text))
		t, err := parseToken(compact)
		if err != nil {
			return &cli.RefusalError{Reason: err.Error()}
		}
		i := inspection{Verdict: notVerified, Header: t.header, Claims: t.claims, Warnings: t.warnings(time.Now())}
		if v.asked() {
			if err := v.verify(ctx, compact, t, &i); err != nil {
				return err
			}
		}
		if err := s.Put(i, i.text(time.Now())); err != nil {
			return err
		}
		return i.exit()
	}
}

// bare returns a token without what it may have been copied with.
func bare(text string) string {
	text = strings.TrimSpace(text)
	if name, value, isField := strings.Cut(text, ":"); isField && strings.EqualFold(name, "Authorization") {
		text = strings.TrimSpace(value)
	}
	if scheme, token, has := strings.Cut(text, " "); has && strings.EqualFold(scheme, "Bearer") {
		text = strings.TrimSpace(token)
	}
	return text
}

// An inspection is what is said of a token.
type inspection struct {
	Verdict  string         `json:"verdict"`
	Reason   string         `json:"reason,omitempty"`  // of a refusal, as the guard gives it
	Detail   string         `json:"detail,omitempty"`  // why, for people
	Checked  []string       `json:"checked,omitempty"` // against what the user said
	Header   map[string]any `json:"header"`
	Claims   map[string]any `json:"claims"`
	Warnings []string       `json:"warnings"`
}

// exit returns what the verdict means for the exit code.
func (i *inspection) exit() error {
	switch i.Verdict {
	case refused:
		return cli.ErrNo
	case unavailable:
		return errors.New("the token could not be verified: " + i.Detail)
	}
	return nil
}

// headline says what the verdict means.
func (i *inspection) headline() string {
	switch i.Verdict {
	case good:
		return "VERIFIED: a guard accepts it; checked: " + strings.Join(i.Checked, ", ")
	case refused:
		return fmt.Sprintf("REFUSED (%s): %s", i.Reason, i.Detail)
	case unavailable:
		return "NOT VERIFIED: " + i.Detail
	}
	return "NOT VERIFIED: anyone could have written this token; -jwks or -secret-file verify it"
}

// text returns the inspection for people.
func (i *inspection) text(now time.Time) string {
	var b strings.Builder
	b.WriteString(cli.Plain(i.headline()) + "\n")
	for _, part := range []struct {
		name   string
		values map[string]any
	}{{"header", i.Header}, {"claims", i.Claims}} {
		fmt.Fprintf(&b, "\n%s\n", part.name)
		for _, name := range sortedNames(part.values) {
			fmt.Fprintf(&b, "  %-10s %s\n", cli.Plain(name), shown(name, part.values[name], now))
		}
	}
	if len(i.Warnings) > 0 {
		b.WriteString("\nwarnings\n")
		for _, warning := range i.Warnings {
			b.WriteString("  " + cli.Plain(warning) + "\n")
		}
	}
	return b.String()
}

// sortedNames returns the names of members, those that matter first.
func sortedNames(values map[string]any) []string {
	first := []string{"alg", "typ", "kid", "iss", "sub", "aud", "exp", "nbf", "iat", "jti"}
	rank := func(name string) int {
		if i := slices.Index(first, name); i >= 0 {
			return i
		}
		return len(first)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names
}
