package storesuite

import "github.com/blockauth/bearer/bearertest/internal/report"

// The rules of key stores.
var (
	ruleIssue = report.NewRule("TestKeyStore needs keys in the store",
		"let issue store the record as it is, under all 32 bytes of its Hash; for a record that the store cannot "+
			"hold by its schema, let it return an error wrapping errors.ErrUnsupported")
	ruleFirst = report.NewRule("FindKey finds what issue stored",
		"see whether issue stored the record, in this store and under its Hash (for bearertest.Keys: by Add), and "+
			"compare all 32 bytes as bytes: a text column or a string parameter changes some of them")
	ruleFound = report.NewRule("FindKey finds a key by its hash",
		"compare all 32 bytes of the hash, as bytes: a text column or a string parameter changes some of them")
	ruleReads = report.NewRule("FindKey returns a key that is in the store without an error",
		"read the record so that every stored value scans, also what is NULL, empty, negative or zero; the guard "+
			"answers an error with 503")
	ruleFields = report.NewRule("FindKey returns every field of a key as it was stored",
		"store and read the field, each time and whole; one that is lost is a limit, a scope or a revocation that "+
			"does not hold")
	ruleSameID = report.NewRule("keys that share an ID are told apart",
		"go by the hash, not by the ID: while a key is rotated, its old and its new text are good")
	ruleUnknown = report.NewRule(
		"a hash that is not in the store gives an error wrapping bearer.ErrKeyNotFound, each time",
		"map the database's \"no rows\" to bearer.ErrKeyNotFound, with %w if it is wrapped: the guard takes any "+
			"other error, and a nil key without one, for an outage (503)")
	ruleSoon = report.NewRule("a key is found soon after it was issued, also where it was asked for before",
		"forget within seconds that a key was not there: a cache that keeps it shuts out whoever uses a new key too "+
			"early")
	ruleOwnKey = report.NewRule("a hash finds its own key only",
		"compare the hash as bytes and whole: a collation that folds case or padding, or an index or a cache by a "+
			"part, finds the keys of others, or hides them")
	ruleRefusable = report.NewRule(
		"a key that is revoked or expired is returned with its RevokedAt and ExpiresAt, or not at all",
		"read both times with the record, or leave the key out with bearer.ErrKeyNotFound")
	ruleDone = report.NewRule("a context that is done does not make a key unknown",
		"return the context's error as it is: bearer.ErrKeyNotFound tells a client that its good key is wrong (401)")
	ruleConcurrent = report.NewRule("FindKey is safe for concurrent use",
		"share nothing between calls, or guard it by a lock: each request calls FindKey on a goroutine of its own")
	ruleKept = report.NewRule("a key that was returned does not change",
		"return a record, and AllowedIPs, that no later call writes to: the guard holds them while a request lasts")
	rulePanic = report.NewRule("FindKey does not panic",
		"return an error for whatever goes wrong")
)
