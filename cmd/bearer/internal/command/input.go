package command

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
)

const (
	minPepper = 32       // bytes, as bearer.New wants
	maxSecret = 64 << 10 // bytes of a file with one secret
	maxLine   = 1 << 20  // bytes
)

// A formatFlags are the flags of the format of keys.
type formatFlags struct {
	namespace, pepperFile, pepperEncoding string
}

func (f *formatFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&f.namespace, "namespace", "",
		"the `name` in front of keys: acme makes acme_sk_live_…; none: sk_live_…")
	flags.StringVar(&f.pepperFile, "pepper-file", "",
		"a `file` with the pepper of the hashes, of 32 bytes at least; a line end behind it does not count")
	flags.StringVar(&f.pepperEncoding, "pepper-encoding", "raw", "how the pepper is written: `raw|hex|base64`")
}

// format returns the format of keys that the flags say.
func (f *formatFlags) format() (bearer.KeyFormat, error) {
	format := bearer.KeyFormat{Namespace: f.namespace}
	if err := checkNamespace(f.namespace); err != nil {
		return format, err
	}
	if f.pepperFile == "" {
		return format, nil
	}
	text, err := readSecret(f.pepperFile)
	if err != nil {
		return format, err
	}
	switch f.pepperEncoding {
	case "raw":
		format.Pepper = text
	case "hex":
		format.Pepper, err = hex.DecodeString(string(text))
	case "base64":
		format.Pepper, err = base64.StdEncoding.DecodeString(string(text))
	default:
		return format, cli.Usagef("-pepper-encoding is raw, hex or base64")
	}
	if err != nil {
		return format, cli.Usagef("-pepper-file: the file is not in %s", f.pepperEncoding) // err has a part of it
	}
	if len(format.Pepper) < minPepper {
		return format, cli.Usagef("-pepper-file: %d bytes are too few: at least %d", len(format.Pepper), minPepper)
	}
	return format, nil
}

func checkNamespace(namespace string) error {
	if len(namespace) > 32 || strings.Trim(namespace, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return cli.Usagef("-namespace: up to 32 lower-case letters, digits and _")
	}
	return nil
}

// readSecret returns what is in a file, but for a line end behind it.
func readSecret(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return readOne(f, name)
}

func readOne(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSecret {
		return nil, fmt.Errorf("%s: more than %d bytes are no secret", name, maxSecret)
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")), nil
}

// input returns the file with a name, or the standard input for "" and "-".
func input(s *cli.Streams, name, what string) (io.ReadCloser, error) {
	if name != "" && name != "-" {
		return os.Open(name) //nolint:gosec // the user names it
	}
	if s.InTerminal {
		s.Notef("Reading %s from standard input.", what)
	}
	return io.NopCloser(s.In), nil
}

// eachLine calls each with the number and the text of each line that is not empty.
func eachLine(r io.Reader, each func(n int, line string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 1
	for ; lines.Scan(); n++ {
		if line := lines.Text(); line != "" {
			if err := each(n, line); err != nil {
				return err
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes", n, maxLine)
	}
	return lines.Err()
}

// create makes a file for secrets. It overwrites none.
func create(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user names it
}

// kinds and environments are what flags call them.
var (
	kinds        = map[string]bearer.Kind{"secret": bearer.SecretKey, "publishable": bearer.PublishableKey}
	environments = map[string]bearer.Environment{"test": bearer.Test, "live": bearer.Live}
)

// parseKind returns the kind and the environment with the names; "" is zero.
func parseKind(kind, environment string) (bearer.Kind, bearer.Environment, error) {
	if _, known := kinds[kind]; !known && kind != "" {
		return 0, 0, cli.Usagef("-kind is secret or publishable")
	}
	if _, known := environments[environment]; !known && environment != "" {
		return 0, 0, cli.Usagef("-environment is test or live")
	}
	return kinds[kind], environments[environment], nil
}
