package storesuite

import "github.com/blockauth/bearer/bearertest/internal/report"

// The rules of key stores.
var (
	ruleIssue = report.Rule{
		Name: "TestKeyStore needs keys in the store",
		Fix: "let issue store the record as it is, under all 32 bytes of its Hash; for a record that the store " +
			"cannot hold by its schema, let it return an error wrapping errors.ErrUnsupported",
	}
	ruleFirst = report.Rule{
		Name: "FindKey finds what issue stored",
		Fix: "see whether issue stored the record, in this store and under its Hash (for bearertest.Keys: by Add), " +
			"and compare all 32 bytes as bytes: a text column or a string parameter changes some of them",
	}
	ruleFound = report.Rule{
		Name: "FindKey finds a key by its hash",
		Fix:  "compare all 32 bytes of the hash, as bytes: a text column or a string parameter changes some of them",
	}
	ruleReads = report.Rule{
		Name: "FindKey returns a key that is in the store without an error",
		Fix: "read the record so that every stored value scans, also what is NULL, empty, negative or zero; " +
			"the guard answers an error with 503",
	}
	ruleFields = report.Rule{
		Name: "FindKey returns every field of a key as it was stored",
		Fix: "store and read the field, each time and whole; one that is lost is a limit, a scope or a revocation " +
			"that does not hold",
	}
	ruleSameID = report.Rule{
		Name: "keys that share an ID are told apart",
		Fix:  "go by the hash, not by the ID: while a key is rotated, its old and its new text are good",
	}
	ruleUnknown = report.Rule{
		Name: "a hash that is not in the store gives an error wrapping bearer.ErrKeyNotFound, each time",
		Fix: "map the database's \"no rows\" to bearer.ErrKeyNotFound, with %w if it is wrapped: " +
			"the guard takes any other error, and a nil key without one, for an outage (503)",
	}
	ruleSoon = report.Rule{
		Name: "a key is found soon after it was issued, also where it was asked for before",
		Fix:  "forget within seconds that a key was not there: a cache that keeps it shuts out whoever uses a new key too early",
	}
	ruleOwnKey = report.Rule{
		Name: "a hash finds its own key only",
		Fix: "compare the hash as bytes and whole: a collation that folds case or padding, " +
			"or an index or a cache by a part, finds the keys of others, or hides them",
	}
	ruleRefusable = report.Rule{
		Name: "a key that is revoked or expired is returned with its RevokedAt and ExpiresAt, or not at all",
		Fix:  "read both times with the record, or leave the key out with bearer.ErrKeyNotFound",
	}
	ruleDone = report.Rule{
		Name: "a context that is done does not make a key unknown",
		Fix:  "return the context's error as it is: bearer.ErrKeyNotFound tells a client that its good key is wrong (401)",
	}
	ruleConcurrent = report.Rule{
		Name: "FindKey is safe for concurrent use",
		Fix:  "share nothing between calls, or guard it by a lock: each request calls FindKey on a goroutine of its own",
	}
	ruleKept = report.Rule{
		Name: "a key that was returned does not change",
		Fix:  "return a record, and AllowedIPs, that no later call writes to: the guard holds them while a request lasts",
	}
	rulePanic = report.Rule{
		Name: "FindKey does not panic",
		Fix:  "return an error for whatever goes wrong",
	}
)
