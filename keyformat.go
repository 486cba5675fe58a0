package bearer

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unsafe"

	"github.com/blockauth/bearer/internal/base62"
)

// A KeyFormat says how an application's API keys look and how they are hashed:
//
//	[namespace_]<sk|pk>_<test|live>_<id>_<secret><checksum>
//
// The id is 8 characters, public and without meaning; the secret is 24, drawn
// uniformly from crypto/rand (142 bits); the checksum is 6: the CRC-32 of all
// that stands before it. Each of these is one of 0-9, A-Z, a-z.
//
// The zero value is a format: no namespace, SHA-256. A text is classed as a
// key by its prefix. Hashing a text without a pepper does not allocate.
type KeyFormat struct {
	// Namespace separates this application's keys from those of others: "acme"
	// makes acme_sk_live_…. Up to 32 lower-case letters, digits and underscores;
	// zero: none.
	Namespace string

	// Pepper makes Hash an HMAC-SHA-256 with this secret of at least 32 bytes,
	// so that a stolen table of hashes cannot be tested. Nil: SHA-256, which
	// is enough for texts that Generate made, not for those that people chose.
	// New refuses one that is shorter, or empty; Generate and Hash do not look.
	Pepper []byte

	// OldPeppers are those that Pepper has replaced, the newest first; nil among
	// them is SHA-256. A guard that does not find a key by Pepper looks it up by
	// each of them, so that the pepper can change while older keys stay good: a
	// key that is not known costs so many look-ups more. Generate and Hash use
	// Pepper alone. None: no other.
	OldPeppers [][]byte

	// Foreign also looks up texts that this format did not make, such as the
	// keys of an older system. A text of this format whose checksum is wrong is
	// still refused without a look-up. Zero: they are refused.
	Foreign bool
}

const (
	idLen       = 8
	secretLen   = 24
	checksumLen = 6
	tailLen     = idLen + 1 + secretLen + checksumLen // behind the prefix

	maxNamespace = 32
	minPepper    = 32 // bytes
)

var (
	errNotOfFormat = errors.New("bearer: not a key of this format")
	errChecksum    = errors.New("bearer: key has a wrong checksum")
)

// Generate returns a new key of kind [SecretKey] or [PublishableKey] for
// [Test] or [Live], and its hash. The text is to be shown once to its owner and
// then forgotten; the hash is to be stored. Other kinds and environments panic.
func (f KeyFormat) Generate(kind Kind, env Environment) (text string, hash KeyHash) {
	var prefix string
	switch kind {
	case SecretKey:
		prefix = "sk_"
	case PublishableKey:
		prefix = "pk_"
	default:
		panic("bearer: KeyFormat.Generate: no keys are of kind " + kind.String())
	}
	if env != Test && env != Live {
		panic("bearer: KeyFormat.Generate: the environment is neither Test nor Live")
	}
	if f.Namespace != "" {
		prefix = f.Namespace + "_" + prefix
	}
	body := prefix + env.String() + "_" + base62.Random(idLen) + "_" + base62.Random(secretLen)
	text = body + base62.Encode(crc32.ChecksumIEEE([]byte(body)), checksumLen)
	return text, f.Hash(text)
}

// Hash returns the hash under which text is stored and looked up.
func (f KeyFormat) Hash(text string) KeyHash { return hashOf(text, f.Pepper) }

func hashOf(text string, pepper []byte) KeyHash {
	if len(pepper) > 0 {
		mac := hmac.New(sha256.New, pepper)
		_, _ = io.WriteString(mac, text)
		return KeyHash(mac.Sum(nil))
	}
	var usual [64]byte // a conversion of text to bytes would allocate
	return sha256.Sum256(append(usual[:0], text...))
}

// Parse returns the kind and the environment that text claims. It returns an
// error if text does not have the form or the checksum of this format. It asks
// no store: what a key may do is said by its record alone.
func (f KeyFormat) Parse(text string) (Kind, Environment, error) {
	kind, env, err := parseKey(text, f.Namespace)
	if err != nil {
		return 0, 0, err
	}
	return kind, env, nil
}

// parseKey is Parse, but returns the kind that a prefix claims in any case.
func parseKey(text, namespace string) (kind Kind, env Environment, err error) {
	body := text
	if namespace != "" {
		var ok, parted bool
		body, ok = strings.CutPrefix(body, namespace)
		body, parted = strings.CutPrefix(body, "_")
		if !ok || !parted {
			return 0, 0, errNotOfFormat
		}
	}
	switch {
	case strings.HasPrefix(body, "sk_"):
		kind = SecretKey
	case strings.HasPrefix(body, "pk_"):
		kind = PublishableKey
	default:
		return 0, 0, errNotOfFormat
	}
	const prefixLen = len("sk_live_")
	if len(body) != prefixLen+tailLen {
		return kind, 0, errNotOfFormat
	}
	switch body[len("sk_"):prefixLen] {
	case "test_":
		env = Test
	case "live_":
		env = Live
	default:
		return kind, 0, errNotOfFormat
	}
	tail := body[prefixLen:]
	if tail[idLen] != '_' || !base62Chars.Holds(tail[:idLen]) || !base62Chars.Holds(tail[idLen+1:]) {
		return kind, 0, errNotOfFormat
	}
	if !hasChecksum(text) {
		return kind, 0, errChecksum
	}
	return kind, env, nil
}

// Hint returns the part of text that may be logged and shown: its prefix and
// its public id, as in sk_live_a1B2c3D4. It returns "" if text is not of this
// format.
func (f KeyFormat) Hint(text string) string {
	if _, _, err := parseKey(text, f.Namespace); err == errNotOfFormat { //nolint:errorlint // parseKey returns it as it is
		return ""
	}
	return text[:len(text)-tailLen+idLen]
}

// String returns what may be logged of f: not its pepper.
func (f KeyFormat) String() string {
	return fmt.Sprintf("key format (namespace %q, pepper %t, foreign %t)",
		f.Namespace, len(f.Pepper) > 0, f.Foreign)
}

// Format implements [fmt.Formatter], so that no verb shows the pepper.
func (f KeyFormat) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.String()) }

// LogValue implements [slog.LogValuer].
func (f KeyFormat) LogValue() slog.Value { return slog.StringValue(f.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (f KeyFormat) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// length returns how many bytes a key of the format has.
func (f KeyFormat) length() int {
	n := len("sk_live_") + tailLen
	if f.Namespace != "" {
		n += len(f.Namespace) + 1
	}
	return n
}

// clone returns a format that shares no pepper with f.
func (f KeyFormat) clone() KeyFormat {
	f.Pepper, f.OldPeppers = slices.Clone(f.Pepper), slices.Clone(f.OldPeppers)
	for i := range f.OldPeppers {
		f.OldPeppers[i] = slices.Clone(f.OldPeppers[i])
	}
	return f
}

func (f KeyFormat) validate(found *faults) {
	if len(f.Namespace) > maxNamespace {
		found.addf("Format.Namespace", "longer than %d characters", maxNamespace)
	}
	if strings.Trim(f.Namespace, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		found.addf("Format.Namespace", "%q has more than lower-case letters, digits and _", f.Namespace)
	}
	validatePepper(f.Pepper, "Format.Pepper", found)
	for _, pepper := range f.OldPeppers {
		validatePepper(pepper, "Format.OldPeppers", found)
	}
}

func validatePepper(pepper []byte, field string, found *faults) {
	if n := len(pepper); pepper != nil && n < minPepper { // an unset variable is []byte("")
		found.addf(field, "%d bytes are too few: at least %d", n, minPepper)
	}
}

var base62Chars = base62.SetOf(base62.Digits)

// hasChecksum reports whether a key ends in its checksum. Converting the text to
// bytes would be an allocation for each key that is checked, and take longer
// than the checksum: see BenchmarkChecksum.
func hasChecksum(text string) bool {
	end := len(text) - checksumLen
	sum := crc32.ChecksumIEEE(unsafe.Slice(unsafe.StringData(text), end)) //nolint:gosec // it only reads them
	claimed := uint64(0)                                                  // six digits may be more than 32 bits
	for i := end; i < len(text); i++ {
		claimed = claimed*uint64(len(base62.Digits)) + uint64(base62.Values[text[i]])
	}
	return claimed == uint64(sum)
}
