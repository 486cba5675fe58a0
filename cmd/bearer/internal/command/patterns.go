package command

import (
	"context"
	"flag"
	"strings"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/cmd/bearer/internal/scan"
)

var patterns = cli.Command{
	Name:  "patterns",
	Args:  "gitleaks|github|regexp",
	Short: "print the pattern of keys for other scanners",
	Words: []string{"gitleaks", "github", "regexp"},
	Long: `Prints the form of the keys of a namespace for scanners that know no checksum: two rules for the
configuration of gitleaks; what GitHub's secret scanning partner program and custom patterns ask
for, of secret keys alone, since publishable ones may be public; or one regular expression. A
namespace keeps other platforms' keys apart, such as those that begin with sk_live_ too.

  bearer patterns gitleaks -namespace acme >>.gitleaks.toml

With -json, it is an object with pattern, and for gitleaks with toml.`,
	Define: func(flags *flag.FlagSet) cli.Run {
		namespace := flags.String("namespace", "", "the `name` in front of keys; none: keys without one")
		return func(_ context.Context, s *cli.Streams, args []string) error {
			if err := checkNamespace(*namespace); err != nil {
				return err
			}
			if len(args) != 1 {
				return cli.Usagef("patterns: name one of gitleaks, github and regexp")
			}
			result := map[string]string{"pattern": scan.Pattern(*namespace)}
			switch args[0] {
			case "gitleaks":
				result["toml"] = scan.Gitleaks(*namespace)
				return s.Put(result, result["toml"])
			case "github":
				result["pattern"] = scan.SecretPattern(*namespace)
				return s.Put(result, githubText(*namespace, result["pattern"]))
			case "regexp":
				return s.Put(result, result["pattern"]+"\n")
			}
			return cli.Usagef("patterns: it is gitleaks, github or regexp")
		}
	},
}

// githubText returns what GitHub asks for, in its words.
func githubText(namespace, pattern string) string {
	begin, _, _ := strings.Cut(pattern, "(")
	return "Secret format:     " + pattern + "\n" +
		"Before secret:     \\A|[^0-9A-Za-z]\n" +
		"After secret:      \\z|[^0-9A-Za-z]\n" +
		"Begins with:       " + begin + "live_…\n" +
		"Checksum:          the last 6 characters are the CRC-32 (IEEE) of all before them, in base 62 (0-9, A-Z, a-z)\n" +
		"Verification:      bearer key check -namespace \"" + namespace + "\"\n"
}
