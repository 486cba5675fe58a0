// Package scan finds the API keys of package bearer in files and in the history of
// git, by their form and their checksum.
package scan

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/blockauth/bearer"
)

// A Filter says which keys are meant. The zero value is all.
type Filter struct {
	Namespaces  []string           // "" is that of keys without one; nil: any
	Kind        bearer.Kind        // zero: any
	Environment bearer.Environment // zero: any
}

// A Match is a key in a text. It does not have the text of the key.
type Match struct {
	Key

	Offset, Line, Column int64  // of its first byte; Offset counts from 0, the others from 1
	Length               int64  // in bytes
	Encoding             string // "utf-16" or "base64"; zero: as it is
}

// A Key is what may be shown of a key.
type Key struct {
	Hint        string
	Namespace   string
	Kind        bearer.Kind
	Environment bearer.Environment
	Fingerprint string // of the key: see fingerprint
}

const (
	prefixLen = len("sk_live_")
	idLen     = 8
	secretLen = 30 // with the checksum
	tailLen   = idLen + 1 + secretLen
	maxNS     = 32
)

// Parse returns what may be shown of a text that is a key of any namespace. Its
// errors are those of bearer.KeyFormat.Parse.
func Parse(text string) (Key, error) {
	namespace := ""
	if n := len(text) - prefixLen - tailLen; n > 0 {
		namespace = strings.TrimSuffix(text[:n], "_")
		if !isNamespace(namespace) {
			namespace = "" // which is not the form of text
		}
	}
	return parseIn(text, namespace)
}

func parseIn(text, namespace string) (Key, error) {
	format := bearer.KeyFormat{Namespace: namespace}
	kind, environment, err := format.Parse(text)
	if err != nil {
		return Key{Hint: format.Hint(text), Namespace: namespace}, err
	}
	return Key{
		Hint: format.Hint(text), Namespace: namespace, Kind: kind, Environment: environment,
		Fingerprint: fingerprint(text),
	}, nil
}

func isNamespace(text string) bool {
	return text != "" && len(text) <= maxNS && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// fingerprint returns 32 hexadecimal digits that name a key in reports and in
// baselines. They are of a hash that is not the one in a key store: who has a
// report cannot look the key up there. With 142 random bits in a key, no guess at
// it can be tested by them.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte("bearer scan\x00" + text))
	return hex.EncodeToString(sum[:16])
}

// wants reports whether the filter lets a key through.
func (f Filter) wants(k Key) bool {
	return (f.Namespaces == nil || slices.Contains(f.Namespaces, k.Namespace)) &&
		(f.Kind == 0 || f.Kind == k.Kind) && (f.Environment == 0 || f.Environment == k.Environment)
}

// keyIn returns the key that stands in text: text ends with it, and head is where
// its sk_ or pk_ begins. What stands before that may be the namespace, or the end
// of another word: of all that it could be, the one is right whose checksum is. It
// returns where the key begins.
func (f Filter) keyIn(text string, head int) (key Key, begin int, found bool) {
	for begin = head; begin >= 0 && begin >= head-maxNS-1; begin-- {
		namespace := ""
		if begin < head {
			if text[head-1] != '_' {
				return Key{}, 0, false
			}
			if namespace = text[begin : head-1]; !isNamespace(namespace) {
				continue // it is empty, or what is before it is no namespace, either
			}
		}
		if f.Namespaces != nil && !slices.Contains(f.Namespaces, namespace) {
			continue
		}
		if key, err := parseIn(text[begin:], namespace); err == nil {
			return key, begin, f.wants(key)
		}
	}
	return Key{}, 0, false
}
