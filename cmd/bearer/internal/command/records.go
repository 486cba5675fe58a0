package command

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A record is one of an import.
type record struct {
	Hash           string            `json:"hash"`
	Key            string            `json:"key"` // the text
	ID             string            `json:"id"`
	Owner          string            `json:"owner"`
	Name           string            `json:"name"`
	Kind           string            `json:"kind"`
	Environment    string            `json:"environment"`
	Scopes         fields            `json:"scopes"`
	AllowedIPs     fields            `json:"allowed_ips"`
	AllowedOrigins fields            `json:"allowed_origins"`
	ExpiresAt      string            `json:"expires_at"`
	Metadata       map[string]string `json:"metadata"`
}

// A fields is a list in JSON, or a string in which spaces separate its elements.
type fields []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *fields) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*t = strings.Fields(text)
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

func hasCSVName(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".csv") }

// readRecords calls each with every record, and the line on which it begins.
// invalid says what is wrong with one that is none; it does not repeat it.
func readRecords(in io.Reader, isCSV bool, each func(n int, r record, invalid error) error) error {
	if isCSV {
		return readCSV(in, each)
	}
	return eachLine(in, func(n int, line string) error {
		if strings.TrimSpace(line) == "" {
			return nil
		}
		var r record
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&r)
		if err == nil && decoder.InputOffset() < int64(len(strings.TrimRight(line, " \t\r"))) {
			err = errors.New("something stands behind the object")
		}
		return each(n, r, jsonError(err))
	})
}

// jsonError returns an error about JSON that has nothing of the text: a syntax
// error has a character of it, and others the name of a member.
func jsonError(err error) error {
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mismatch):
		return fmt.Errorf("the member %s is of another type", mismatch.Field)
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return errors.New("there is no member" + strings.TrimPrefix(err.Error(), "json: unknown field"))
	}
	return errors.New("this is no object of JSON")
}

// csvColumns are what a header may name.
var csvColumns = []string{
	"hash", "key", "id", "owner", "name", "kind", "environment",
	"scopes", "allowed_ips", "allowed_origins", "expires_at",
}

func readCSV(in io.Reader, each func(int, record, error) error) error {
	buffered := csv.NewReader(skipBOM(in))
	header, err := buffered.Read()
	if err != nil {
		return errors.New("the CSV has no header")
	}
	for _, name := range header {
		if !slices.Contains(csvColumns, name) {
			return fmt.Errorf("there are no columns but %s", strings.Join(csvColumns, ", ")) // it may be no header
		}
	}
	for {
		row, err := buffered.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var parse *csv.ParseError
		switch {
		case errors.As(err, &parse):
			err = each(parse.StartLine, record{}, parse.Err)
		case err != nil:
			return err
		default:
			n, _ := buffered.FieldPos(0)
			err = each(n, recordOf(header, row), nil)
		}
		if err != nil {
			return err
		}
	}
}

// skipBOM skips the byte order mark that some programs begin a CSV with.
func skipBOM(in io.Reader) io.Reader {
	head := make([]byte, 3)
	n, _ := io.ReadFull(in, head) // the error comes again
	return io.MultiReader(bytes.NewReader(bytes.TrimPrefix(head[:n], []byte("\ufeff"))), in)
}

func recordOf(header, row []string) record {
	var r record
	texts := map[string]*string{
		"hash": &r.Hash, "key": &r.Key, "id": &r.ID, "owner": &r.Owner, "name": &r.Name, "kind": &r.Kind,
		"environment": &r.Environment, "expires_at": &r.ExpiresAt,
	}
	lists := map[string]*fields{"scopes": &r.Scopes, "allowed_ips": &r.AllowedIPs, "allowed_origins": &r.AllowedOrigins}
	for i, name := range header {
		if text, is := texts[name]; is {
			*text = row[i]
		} else if list, is := lists[name]; is {
			*list = strings.Fields(row[i])
		}
	}
	return r
}

// defaults are what records do not say.
type defaults struct {
	format                                 bearer.KeyFormat
	owner, name, kind, environment, scopes string
	foreign                                bool
}

// hint returns the hint of a record's text, if it has one.
func (d *defaults) hint(r record) string { return d.format.Hint(r.Key) }

// apply returns the key that a record stands for, and its hash. Its errors do not
// repeat what the record has.
func (d *defaults) apply(r record) (key issuer.APIKey, hash bearer.KeyHash, err error) {
	if hash, err = d.identify(&r); err != nil {
		return key, hash, err
	}
	key = issuer.APIKey{
		ID: r.ID, Owner: cmp.Or(r.Owner, d.owner), Name: cmp.Or(r.Name, d.name),
		Scopes:         bearer.Scopes(cmp.Or(strings.Join(r.Scopes, " "), d.scopes)),
		AllowedOrigins: r.AllowedOrigins, Metadata: r.Metadata,
	}
	if key.Owner == "" {
		return key, hash, errors.New("there is no owner, and no -owner")
	}
	key.Kind, key.Environment, err = parseKind(cmp.Or(r.Kind, d.kind), cmp.Or(r.Environment, d.environment))
	if err != nil {
		return key, hash, errors.New("kind is secret or publishable, and environment test or live")
	}
	if key.AllowedIPs, err = parseIPs(r.AllowedIPs); err != nil {
		return key, hash, errors.New("allowed_ips has what is neither an address nor a network")
	}
	if r.ExpiresAt != "" {
		if key.ExpiresAt, err = time.Parse(time.RFC3339, r.ExpiresAt); err != nil {
			return key, hash, errors.New("expires_at is no time of RFC 3339")
		}
	}
	return key, hash, nil
}

// identify returns the hash of a record. If the record has the text of a key, it
// gets the kind and the environment that the text says.
func (d *defaults) identify(r *record) (hash bearer.KeyHash, err error) {
	if (r.Key == "") == (r.Hash == "") {
		return hash, errors.New("there has to be a hash or a key, not both")
	}
	if r.Hash != "" {
		if hash, err = bearer.ParseKeyHash(r.Hash); err != nil {
			return hash, errors.New("hash is not 64 hexadecimal digits")
		}
		return hash, nil
	}
	format := d.format
	format.Foreign = d.foreign
	if err := mayHash(format, r.Key); err != nil {
		return hash, err
	}
	if kind, environment, err := format.Parse(r.Key); err == nil {
		claimed := [2]string{cmp.Or(r.Kind, kind.String()), cmp.Or(r.Environment, environment.String())}
		if claimed != [2]string{kind.String(), environment.String()} {
			return hash, errors.New("kind and environment are not those of the key's text")
		}
		r.Kind, r.Environment = claimed[0], claimed[1]
	}
	return format.Hash(r.Key), nil
}
