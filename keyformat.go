package bearer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"strings"
	"unsafe"
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
	// Namespace parts this application's keys from those of others: "acme"
	// makes acme_sk_live_…. Up to 32 lower-case letters, digits and underscores;
	// zero: none.
	Namespace string

	// Pepper makes Hash an HMAC-SHA-256 with this secret of at least 32 bytes,
	// so that a stolen table of hashes cannot be tested. Nil: SHA-256, which
	// is enough for texts that Generate made, not for those that people chose.
	// New refuses one that is shorter, or empty; Generate and Hash do not look.
	Pepper []byte

	// Foreign also looks up texts that this format did not make, such as the
	// keys of an older system. A text of this format whose checksum is wrong is
	// still refused without a look-up. Zero: they are refused.
	Foreign bool
}

const (
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	idLen       = 8
	secretLen   = 24
	checksumLen = 6

	maxNamespace = 32
	minSecret    = 32 // bytes of a pepper or an HMAC key
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
	body := prefix + env.String() + "_" + randomText(idLen) + "_" + randomText(secretLen)
	sum := checksum(body)
	text = body + string(sum[:])
	return text, f.Hash(text)
}

// Hash returns the hash under which text is stored and looked up.
func (f KeyFormat) Hash(text string) KeyHash {
	if len(f.Pepper) > 0 {
		mac := hmac.New(sha256.New, f.Pepper)
		_, _ = io.WriteString(mac, text)
		return KeyHash(mac.Sum(nil))
	}
	return sha256.Sum256(bytesOf(text))
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
func parseKey(text, namespace string) (Kind, Environment, error) {
	kind, env, body := splitKey(text, namespace)
	if env == 0 {
		return kind, 0, errNotOfFormat
	}
	end := len(body) - checksumLen
	if value62(body[end:]) != uint64(crc32.ChecksumIEEE(bytesOf(text[:len(text)-checksumLen]))) {
		return kind, 0, errChecksum
	}
	return kind, env, nil
}

// Hint returns the part of text that may be logged and shown: its prefix and
// its public id, as in sk_live_a1B2c3D4. It returns "" if text is not of this
// format.
func (f KeyFormat) Hint(text string) string {
	if _, env, body := splitKey(text, f.Namespace); env != 0 {
		return text[:len(text)-len(body)+idLen]
	}
	return ""
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

// splitKey takes text apart without judging its checksum. The kind is what the
// prefix claims, or zero; the environment is zero if text is not of the format.
func splitKey(text, namespace string) (kind Kind, env Environment, body string) {
	if namespace != "" {
		var ok, parted bool
		text, ok = strings.CutPrefix(text, namespace)
		text, parted = strings.CutPrefix(text, "_")
		if !ok || !parted {
			return 0, 0, ""
		}
	}
	switch {
	case strings.HasPrefix(text, "sk_"):
		kind = SecretKey
	case strings.HasPrefix(text, "pk_"):
		kind = PublishableKey
	default:
		return 0, 0, ""
	}
	const prefixLen = len("sk_live_")
	if len(text) != prefixLen+idLen+1+secretLen+checksumLen {
		return kind, 0, ""
	}
	body = text[prefixLen:]
	if body[idLen] != '_' || !base62Chars.holds(body[:idLen]) || !base62Chars.holds(body[idLen+1:]) {
		return kind, 0, ""
	}
	switch text[len("sk_"):prefixLen] {
	case "test_":
		return kind, Test, body
	case "live_":
		return kind, Live, body
	}
	return kind, 0, ""
}

func (f KeyFormat) validate(found *faults) {
	if len(f.Namespace) > maxNamespace {
		found.addf("Format.Namespace", "longer than %d characters", maxNamespace)
	}
	if strings.Trim(f.Namespace, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		found.addf("Format.Namespace", "%q has more than lower-case letters, digits and _", f.Namespace)
	}
	if n := len(f.Pepper); f.Pepper != nil && n < minSecret { // an unset variable is []byte("")
		found.addf("Format.Pepper", "%d bytes are too few: at least %d", n, minSecret)
	}
}

var base62Chars = charsetOf(base62)

// digits62 is the value of each character of base62.
var digits62 = func() (values [256]uint8) {
	for i := range len(base62) {
		values[base62[i]] = uint8(i)
	}
	return values
}()

// value62 returns the number that is written in base62: up to ten digits.
func value62(digits string) (n uint64) {
	for i := range len(digits) {
		n = n*uint64(len(base62)) + uint64(digits62[digits[i]])
	}
	return n
}

// randomText returns n characters of base62, each as likely as any other: of
// the 256 values of a byte, the 8 that would favour some of them are dropped.
func randomText(n int) string {
	const fair = 256 - 256%len(base62)
	text := make([]byte, 0, n)
	var random [64]byte
	for len(text) < n {
		_, _ = rand.Read(random[:]) // never returns an error
		for _, b := range random {
			if int(b) < fair && len(text) < n {
				text = append(text, base62[int(b)%len(base62)])
			}
		}
	}
	return string(text)
}

// checksum returns the CRC-32 (IEEE) of body in base62.
func checksum(body string) [checksumLen]byte {
	sum := crc32.ChecksumIEEE(bytesOf(body))
	var text [checksumLen]byte
	for i := range text {
		text[checksumLen-1-i] = base62[sum%uint32(len(base62))]
		sum /= uint32(len(base62))
	}
	return text
}

// bytesOf returns the bytes of s, to read only. A conversion would be an
// allocation for each key that is checked, and take longer than the checksum:
// see BenchmarkChecksum.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // nobody writes to them
}
