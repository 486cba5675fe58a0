package storesuite

// The rules of stores.
var (
	rulePanics = rule{"no call panics",
		"return an error for everything that goes wrong"}
	ruleEnds = rule{"every call comes to an end",
		"wait for nothing that may never come: a connection that was not given back, a lock that is held; " +
			"and end when the context is done"}
	ruleFirst = rule{"what was created is found",
		"see whether the store is running, and whether its tables are there; nothing else was tested"}
	ruleWhole = rule{"what was stored comes back whole, from every call",
		"store and read every field: texts byte for byte, times as instants to the microsecond, also what is " +
			"zero or empty; with CreateX, with ReplaceX, which clears what is empty, and in lists"}
	ruleCopies = rule{"records are copied",
		"copy slices and maps, both of what is stored and of what is returned: the other side may change its own"}
	ruleUnknown = rule{"what is not there gives an error wrapping ErrNotFound, and a hash bearer.ErrKeyNotFound",
		"map the database's \"no rows\" to it by %w; any other error is taken for an outage (503)"}
	ruleOutage = rule{"nothing but what is said for it gives ErrNotFound, ErrExists, ErrConflict or ErrFull",
		"return the context's error and every other failure as it is: by ErrNotFound, a client learns that its " +
			"good credential is wrong"}
	ruleExact = rule{"texts are compared byte for byte",
		"collate text columns as binary: by a loose comparison, one finds what belongs to another"}
	ruleOwner = rule{"another owner's key is not found",
		"look for the owner and the ID together"}
	ruleTaken = rule{"an ID or a hash that is taken gives an error wrapping ErrExists, also if what has it ended",
		"let a unique index decide, keep hashes for ever, and map its violation to ErrExists"}
	ruleAtomic = rule{"a call that fails changes nothing",
		"make one conditional write, or a transaction that is rolled back"}
	ruleSwap = rule{"ReplaceX stores the record with Version+1 if the stored one has its Version, else ErrConflict",
		"write with WHERE version = ?, count the rows that matched (MySQL counts those that changed), and tell " +
			"a lost swap by ErrConflict"}
	ruleWinner = rule{"of many calls at once, one wins, and all others are told",
		"compare and write in one statement: what was read before is old"}
	ruleEnded = rule{"what is revoked, deleted or ended stays as it is: ErrConflict",
		"write with AND revoked_at IS NULL, or whatever says it: no replacement revives"}
	ruleFresh = rule{"look-ups read what was last written",
		"read from the primary, and remember nothing: guards have caches that are told"}
	ruleSecrets = rule{"a hash finds its key, and only that, as long as there is a store",
		"keep all hashes, also those that a key no longer has, as 32 bytes in a binary column"}
	ruleUsed = rule{"TouchKeys moves LastUsedAt forward and does nothing else, and nothing else moves it",
		"keep last uses apart from the record: neither Version nor ReplaceKey has to do with them"}
	ruleList = rule{"a list has what the query finds, in the order of CreatedAt and ID, strictly after After",
		"filter first, then sort by both (IDs by their bytes), then skip what is not strictly after, then limit; " +
			"a Limit of zero is none"}
	ruleOpen = rule{"OpenSession returns the one session of a subject and a name that lives at CreatedAt",
		"let a unique index over subject, name and living decide, and return what is stored whole and unchanged"}
	ruleFull = rule{"a subject with max live sessions gives an error wrapping ErrFull, and nothing else does",
		"count the sessions of this subject that neither ended nor expired at CreatedAt, when none was found"}
	ruleEnds1 = rule{"EndSessions ends all live sessions of the subject but one, with a new Version",
		"set EndedAt, Reason (\"ended\") and Version of each by one conditional write, until none is left, and " +
			"touch no other"}
	ruleEmail = rule{"an email is one user's, until that one has another",
		"let a unique index over the bytes of the email decide, and map its violation to ErrExists"}
)
