package scan

import (
	"fmt"
	"strings"
)

// Pattern returns a regular expression, of RE2 and of most other dialects, that
// matches the keys of a namespace by their form.
func Pattern(namespace string) string {
	if namespace != "" {
		namespace += "_"
	}
	return namespace + "(?:sk|pk)_(?:live|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{30}"
}

// Gitleaks returns rules in the configuration of gitleaks that find the keys of a
// namespace by their form: gitleaks knows no checksums.
func Gitleaks(namespace string) string {
	var b strings.Builder
	id, prefix := "bearer", ""
	if namespace != "" {
		id, prefix = strings.ReplaceAll(namespace, "_", "-"), namespace+"_"
	}
	for _, kind := range []struct{ name, prefix string }{{"secret", "sk"}, {"publishable", "pk"}} {
		form := prefix + kind.prefix + "_(?:live|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{30}"
		fmt.Fprintf(&b, "[[rules]]\nid = \"%s-%s-key\"\n", id, kind.name)
		fmt.Fprintf(&b, "description = \"A %s API key: revoke it, and make a new one.\"\n", kind.name)
		fmt.Fprintf(&b, "regex = '''\\b(%s)(?:[^0-9A-Za-z]|$)'''\nsecretGroup = 1\n", form)
		fmt.Fprintf(&b, "keywords = [\"%s%s_live_\", \"%[1]s%[2]s_test_\"]\n\n", prefix, kind.prefix)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
