package bearertest

// The rules of limiters.
var (
	ruleNoError = rule{
		"an error means that the limiter is out of order",
		"report a refusal by Usage.Allowed: the guard answers an error with 503, not with 429",
	}
	ruleFull = rule{
		"a bucket is full at first",
		"treat a bucket that is not there as full: Burst tokens left, Reset 0",
	}
	ruleBurst = rule{
		"the burst is allowed at once, and no more",
		"hold Burst tokens, and take each of them once",
	}
	ruleCounts = rule{
		"Usage tells what is left after the take",
		"Remaining is in whole tokens, rounded down, Reset in time until the bucket is full; both after the take",
	}
	ruleLimit = rule{
		"Usage.Limit is the limit of the take",
		"return the Limit that Take was given: header fields show it",
	}
	ruleRefuses = rule{
		"a refusal tells how long to wait",
		"Wait is the time until n tokens are there, as a time.Duration: 0 if Allowed, negative only if n > Burst",
	}
	ruleNothing = rule{
		"a refused take takes nothing",
		"take n tokens only if n are there: a caller who retries too early would be shut out for good",
	}
	ruleLook = rule{
		"n == 0 only looks",
		"allow it, take nothing, and report what is there: the guard looks before it counts a failure",
	}
	ruleNever = rule{
		"n > Burst is never allowed",
		"answer with a negative Wait and take nothing: so many tokens are never there",
	}
	ruleNegative = rule{
		"n < 0 gives nothing back",
		"return an error for a negative n: whoever could choose it would fill the bucket",
	}
	ruleParted = rule{
		"each bucket is of its own",
		"tell buckets apart by Class and ID, joined so that no other pair reads the same",
	}
	ruleRefills = rule{
		"tokens flow in at the limit's rate",
		"add Rate tokens a second, up to Burst, from the last take on; what Wait promised is there after it",
	}
	ruleChange = rule{
		"a changed limit holds from the next take on",
		"use the Limit of each take, and remember none: a key's limit is lowered to stop it",
	}
	ruleExact = rule{
		"concurrent takes are exact",
		"read and write a bucket in one step: a lock, a compare-and-swap, or a script where the buckets are shared",
	}
	ruleZero = rule{
		"the zero Limit lets nothing through",
		"refuse where Rate or Burst is not positive, and divide by neither",
	}
	ruleDone = rule{
		"a context that is done changes no verdict",
		"return an error or the right answer: neither a refusal of a full bucket, nor a token of an empty one",
	}
	ruleLimiterPanic = rule{
		"Take does not panic",
		"return an error for whatever goes wrong",
	}
)
