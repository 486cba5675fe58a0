package scan

import (
	"fmt"
	"strings"
)

// form is what follows the kind of a key.
const form = "_(?:live|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{30}"

// Pattern returns a regular expression, of RE2 and of most other dialects, that
// matches the keys of a namespace by their form.
func Pattern(namespace string) string { return prefix(namespace) + "(?:sk|pk)" + form }

// SecretPattern is [Pattern] of secret keys alone: those of the other kind may be
// public.
func SecretPattern(namespace string) string { return prefix(namespace) + "sk" + form }

// prefix returns what a namespace puts in front of its keys.
func prefix(namespace string) string {
	if namespace == "" {
		return ""
	}
	return namespace + "_"
}

// Gitleaks returns rules in the configuration of gitleaks that find the keys of a
// namespace by their form: gitleaks knows no checksums.
func Gitleaks(namespace string) string {
	var b strings.Builder
	id := "bearer"
	if namespace != "" {
		id = strings.ReplaceAll(namespace, "_", "-")
	}
	for _, kind := range []struct{ name, prefix, advice string }{
		{"secret", "sk", "revoke it, and make a new one"},
		{"publishable", "pk", "it may be public, where it belongs"},
	} {
		begin := prefix(namespace) + kind.prefix
		fmt.Fprintf(&b, "[[rules]]\nid = \"%s-%s-key\"\n", id, kind.name)
		fmt.Fprintf(&b, "description = \"A %s API key: %s.\"\n", kind.name, kind.advice)
		fmt.Fprintf(&b, "regex = '''\\b(%s%s)(?:[^0-9A-Za-z]|$)'''\nsecretGroup = 1\n", begin, form)
		fmt.Fprintf(&b, "keywords = [\"%s_live_\", \"%[1]s_test_\"]\n\n", begin)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
