package issuer

import "errors"

var errTodo = errors.New("issuer: not written yet")
