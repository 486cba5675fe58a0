// Package hashes has the code for keys whose texts are not known.
package hashes_test

import (
	"encoding/base64"
	"errors"

	"github.com/blockauth/bearer"
)

// fromBase64 returns the hash that a column holds in base64, as Unkey takes it.
func fromBase64(column string) (bearer.KeyHash, error) {
	sum, err := base64.StdEncoding.DecodeString(column)
	if err != nil || len(sum) != len(bearer.KeyHash{}) {
		return bearer.KeyHash{}, errors.New("not 32 bytes in base64")
	}
	return bearer.KeyHash(sum), nil
}
