package storesuite

import "github.com/blockauth/bearer/bearertest/internal/report"

// The rules of key stores.
var (
	ruleIssue = report.NewRule("TestKeyStore needs keys in the store",
		"let issue store the record as it is, or return an error wrapping errors.ErrUnsupported if no schema could")
	ruleFirst = report.NewRule("FindKey finds what issue stored",
		"see whether issue stored the record in this store, under all 32 bytes of its Hash (Keys: by Add, not Issue)")
	ruleFound = report.NewRule("FindKey finds a key by its hash",
		"store and compare all 32 bytes as bytes: a text column or a string parameter changes some of them")
	ruleReads = report.NewRule("FindKey returns a key that is in the store without an error",
		"scan every stored value, also what is NULL, empty, negative or zero; the guard answers an error with 503")
	ruleFields = report.NewRule("FindKey returns every field of a key as it was stored",
		"store and read the field whole, each time: a limit, a scope or a revocation that is lost does not hold")
	ruleGood = report.NewRule("a key that is good is found, whatever it holds",
		"leave out only what is revoked, or over by now: compare times as instants, not as days or by the clock of a zone")
	ruleStays = report.NewRule("a key stays as it was issued, whatever is issued later and however long ago it was",
		"keep each field by the key's hash, not by its owner or its ID; reload records whole; let no key expire "+
			"before its time, or make room for others")
	ruleSameID = report.NewRule("keys that share an ID are told apart",
		"go by the hash, not by the ID, nor by a part of it or without its case: while a key is rotated, "+
			"its old and its new text are good")
	ruleUnknown = report.NewRule(
		"a hash that is not in the store gives an error wrapping bearer.ErrKeyNotFound, each time",
		"map the database's \"no rows\" to bearer.ErrKeyNotFound, with %w if it is wrapped: the guard takes any "+
			"other error, and a nil key without one, for an outage (503)")
	ruleSoon = report.NewRule("a key is found soon after it was issued, also if it was asked for before",
		"forget within seconds that a key was not there: a new key may be used before it is stored")
	ruleOwnKey = report.NewRule("a hash finds its own key only",
		"compare all bytes as bytes, and name entries and shared look-ups by all of them: "+
			"by a part, or without case or padding, a hash finds another client's key")
	ruleRefusable = report.NewRule(
		"a key that is revoked or expired is returned with its RevokedAt and ExpiresAt, or not at all",
		"read RevokedAt, ExpiresAt and EndsAt with the record, of which only the zero time means never, "+
			"or leave the key out with bearer.ErrKeyNotFound")
	ruleDone = report.NewRule("a context that is done does not make a key unknown",
		"return the context's error to that call, and to no other: by bearer.ErrKeyNotFound, "+
			"a client learns that its good key is wrong (401)")
	ruleShared = report.NewRule("a context that is done ends its own call only",
		"let a look-up that several calls wait for run by context.WithoutCancel, not by the first call's context")
	ruleOutage = report.NewRule("an outage makes no key unknown",
		"let only the database's own \"no rows\" become bearer.ErrKeyNotFound, return every other error as it is, "+
			"and remember none: else each outage tells clients that their good keys are wrong (401)")
	ruleRevoked = report.NewRule("a revoked key is returned with its RevokedAt, or not at all, two seconds later",
		"let Revoke tell the caches, also those that answer before the database does, and end that key alone")
	ruleConcurrent = report.NewRule("FindKey is safe for concurrent use",
		"share nothing between calls, or guard it by a lock: each request calls FindKey on a goroutine of its own")
	ruleKept = report.NewRule("a key that was returned does not change",
		"return a record, and AllowedIPs, that no later call writes to: a guard holds them during a request")
	rulePanic = report.NewRule("FindKey does not panic",
		"return an error for everything that goes wrong")
)
