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
		"return Remaining in whole tokens, rounded down, and as Reset the time until the bucket is full at Rate")
	ruleLimit = report.NewRule("Usage.Limit is the limit of the take",
		"return the Limit that Take was given, or none: a guard sets it")
	ruleRefuses = report.NewRule("a refusal tells how long to wait",
		"return as Wait the time until n tokens are there, rounded up if at all: 0 if Allowed, negative only if n > Burst")
	ruleNothing = report.NewRule("a refused take takes nothing",
		"take n tokens only if n are there: a client that retries too early would never be allowed")
	ruleLook = report.NewRule("n == 0 only looks",
		"allow it, take nothing, and report what is there: the guard looks before it counts a failure")
	ruleNever = report.NewRule("n > Burst is never allowed",
		"answer with a negative Wait and take nothing: so many tokens are never there")
	ruleOwnBucket = report.NewRule("each bucket is of its own",
		"tell buckets apart by Policy, by Class and by all of ID, byte for byte; put something between the parts that no "+
			"policy has in its name, such as a colon, and hash what is too long")
	ruleRefills = report.NewRule("tokens flow in at the limit's rate",
		"add Rate tokens a second, parts of one too, so that a client that asks often is not refused for ever; "+
			"count in floats or nanoseconds, where a token of a fast limit is more than nothing")
	ruleKeeps = report.NewRule("a bucket is known until it is full again",
		"forget no bucket that lacks tokens, however old, and however many others there are: it would be full again")
	ruleChange = report.NewRule("a changed limit holds from the next take on",
		"use the Limit of each take and remember none, but keep what the bucket holds, or the time that it takes to fill: "+
			"a raised limit must not fill it")
	ruleExact = report.NewRule("concurrent takes are exact",
		"read and write a bucket, and make a new one, in one step: by a lock, a compare-and-swap, or a script")
	ruleZero = report.NewRule("the zero Limit lets nothing through",
		"refuse if Burst is not positive, let nothing flow in if Rate is not, and divide by neither")
	ruleDone = report.NewRule("a context that is done changes no verdict",
		"return an error and take nothing, or the answer that another context would get")
	ruleAll = report.NewRule("TakeAll takes from all buckets, or from none",
		"take only if each bucket has its tokens, by one script or under one lock, and say of each whether it had them")
	ruleOrder = report.NewRule("TakeAll returns a usage for each take, in their order",
		"return as many usages as there are takes, also if one is refused: a guard tells them apart by their places")
	ruleSame = report.NewRule("TakeAll and Take have the same buckets",
		"name a bucket in one way: a guard takes from one alone if other policies do not apply")
	rulePanic = report.NewRule("Take does not panic",
		"return an error for everything that goes wrong")
)
