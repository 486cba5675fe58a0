// Command bearer makes, checks, finds and manages the API keys of
// github.com/blockauth/bearer, and looks at JWTs.
//
//	go install github.com/blockauth/bearer/cmd/bearer@latest
//
// Without a network and without a database:
//
//	bearer key new -namespace acme          # a key, its hash and its hint
//	bearer key check <keys.txt              # form and checksum
//	bearer key hash -pepper-file p <keys.txt # for a key store
//	bearer token inspect <token.txt         # what a JWT says; -jwks verifies it
//
// Find keys that leaked, by their form and their checksum:
//
//	bearer scan .                           # in files and in the history of git
//	bearer scan -staged                     # before a commit
//	bearer patterns gitleaks -namespace acme # for scanners that know no checksum
//
// Over the stores of github.com/blockauth/bearer/stores/sql:
//
//	export BEARER_DATABASE=postgres://user:password@host/name
//	bearer keys list -owner acme -unused-since 90d
//	bearer keys create -owner acme -name deploy -scopes "tokens:read"
//	bearer keys rotate ak_x -owner acme
//	bearer keys revoke ak_x -owner acme -reason "leaked"
//	bearer keys import old.jsonl -owner acme
//
// Each command has -json, and tells of its flags with -h. The exit code is 0 if
// all is good, 1 if the answer is no (keys were found, a text is no key), 2 if the
// command was called in a wrong way, 3 if something failed, and 130 if it was
// interrupted. Secrets are read from standard input or from files, never from
// arguments. The whole manual is docs/command.md, and comes from "bearer man" too.
package main

import (
	"os"

	"github.com/blockauth/bearer/cmd/bearer/internal/command"
)

func main() { os.Exit(command.Main(os.Args[1:])) }
