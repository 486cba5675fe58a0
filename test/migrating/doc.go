// Package migrating is the code of docs/migrating.md. Each package below has one
// guide: a program in the library that one comes from, the same in package bearer,
// and a test that sends both the same requests and compares the answers with the
// table of the guide. It has no code but tests, and is not released.
package migrating
