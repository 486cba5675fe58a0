package limitersuite

import "github.com/blockauth/bearer/bearertest/internal/report"

// The rules of limiters.
var (
	ruleNoError = report.NewRule("an error means that the limiter is out of order",
		"report a refusal by Usage.Allowed: the guard answers an error with 503, not with 429")
	ruleFull = report.NewRule("a bucket is full at first",
		"treat a bucket that is not there as full: Burst tokens left, Reset 0")
	ruleBurst = report.NewRule("the burst is allowed at once, and no more",
		"hold Burst tokens, and take each of them once")
	ruleCounts = report.NewRule("Usage tells what is left after the take",
		"Remaining is in whole tokens, rounded down, Reset is the time until the bucket is full at Rate tokens a "+
			"second, rounded up if at all; both after the take")
	ruleLimit = report.NewRule("Usage.Limit is the limit of the take",
		"return the Limit that Take was given, or none: a guard sets it")
	ruleRefuses = report.NewRule("a refusal tells how long to wait",
		"Wait is the time until n tokens are there at Rate tokens a second, as a time.Duration, rounded up if at "+
			"all: 0 if Allowed, negative only if n > Burst")
	ruleNothing = report.NewRule("a refused take takes nothing",
		"take n tokens only if n are there: a caller who retries too early would be shut out for good")
	ruleLook = report.NewRule("n == 0 only looks",
		"allow it, take nothing, and report what is there: the guard looks before it counts a failure")
	ruleNever = report.NewRule("n > Burst is never allowed",
		"answer with a negative Wait and take nothing: so many tokens are never there")
	ruleOwnBucket = report.NewRule("each bucket is of its own",
		"tell buckets apart by Class and by all of ID, byte for byte")
	ruleRefills = report.NewRule("tokens flow in at the limit's rate",
		"add Rate tokens a second, up to Burst, from the last take on, also parts of a token: whoever asks often "+
			"would starve; what Wait promised is there after it")
	ruleKeeps = report.NewRule("a bucket is known until it is full again",
		"forget no bucket that lacks tokens, however long nobody asks for it, and however many others there are: it "+
			"would come back full")
	ruleChange = report.NewRule("a changed limit holds from the next take on",
		"use the Limit of each take, and remember none; the bucket stays the same, with what it holds: a key's limit "+
			"is lowered to stop it, and whoever could change a limit would fill the bucket")
	ruleExact = report.NewRule("concurrent takes are exact",
		"read and write a bucket, and make a new one, in one step: by a lock, a compare-and-swap, or a script where "+
			"the buckets are shared")
	ruleZero = report.NewRule("the zero Limit lets nothing through",
		"refuse where Burst is not positive, let nothing flow in where Rate is not, and divide by neither")
	ruleDone = report.NewRule("a context that is done changes no verdict",
		"return an error and take nothing, or the right answer: neither a refusal of a full bucket, nor a token of "+
			"an empty one")
	rulePanic = report.NewRule("Take does not panic",
		"return an error for whatever goes wrong")
)
