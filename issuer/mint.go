package issuer

import "crypto/rand"

// digits are those of base 32 (RFC 4648 section 6), in the order of their bytes.
const digits = "234567abcdefghijklmnopqrstuvwxyz"

// mint returns a new random name of 26 letters and digits after the prefix: 130
// bits, which also serve as a secret.
func mint(prefix string) string {
	var array [64]byte
	b := append(array[:0], prefix...)
	random := b[len(b) : len(b)+26]
	_, _ = rand.Read(random) // never fails
	for i := range random {
		random[i] = digits[random[i]&31]
	}
	return string(b[:len(b)+26])
}
