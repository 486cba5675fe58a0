package issuer

import (
	"crypto/rand"
	"strings"
)

// mint returns a new random name of 26 letters and digits after the prefix: 130
// bits, which also serve as a secret.
func mint(prefix string) string { return prefix + strings.ToLower(rand.Text()) }
