package issuer

import (
	"encoding/json"
	"net/http"
)

// An object is the body of a request: a JSON object, whose members are not read
// yet.
type object map[string]json.RawMessage

// readObject reads the body of a request: one JSON object in UTF-8, of at most 64
// KiB, without duplicate members, lone surrogates or NUL, not nested deeper than
// 32. Whatever else it is, is refused: 400, 413 or 415.
func readObject(w http.ResponseWriter, r *http.Request) (object, error) { return nil, errTodo }

// readOptional is readObject for a body that may be empty: then it has no members.
func readOptional(w http.ResponseWriter, r *http.Request) (object, error) { return nil, errTodo }

// text returns a member that must be a string (400).
func (o object) text(name string) (string, error) { return "", errTodo }

// optionalText returns a member that may be absent or null, and else must be a
// string (400).
func (o object) optionalText(name string) (text string, isThere bool, err error) {
	return "", false, errTodo
}

// only refuses members with other names (400).
func (o object) only(names ...string) error { return errTodo }
