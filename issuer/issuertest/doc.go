// Package issuertest tests the stores of an issuer, and helps to test
// applications that have one.
//
// [TestKeyStore], [TestClientStore], [TestSessionStore] and [TestPasswordStore]
// tell what a store of one's own does wrong. [Users] are an application's users
// in memory, and [Faults] is a store that fails when it is told to.
package issuertest
