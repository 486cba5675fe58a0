package issuer

import "crypto/rand"

// mint returns a new random name of 26 letters and digits after the prefix: 130
// bits, which also serve as a secret.
func mint(prefix string) string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567" // base32, of which a byte chooses one fairly
	var room [64]byte
	text := append(room[:0], prefix...)
	var random [mintLength]byte
	_, _ = rand.Read(random[:]) // never fails
	for _, b := range random {
		text = append(text, letters[b%32])
	}
	return string(text)
}
