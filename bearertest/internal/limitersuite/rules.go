package limitersuite

import "github.com/blockauth/bearer/bearertest/internal/report"

// The rules of limiters.
var (
	ruleNoError = report.Rule{
		Name: "an error means that the limiter is out of order",
		Fix:  "report a refusal by Usage.Allowed: the guard answers an error with 503, not with 429",
	}
	ruleFull = report.Rule{
		Name: "a bucket is full at first",
		Fix:  "treat a bucket that is not there as full: Burst tokens left, Reset 0",
	}
	ruleBurst = report.Rule{
		Name: "the burst is allowed at once, and no more",
		Fix:  "hold Burst tokens, and take each of them once",
	}
	ruleCounts = report.Rule{
		Name: "Usage tells what is left after the take",
		Fix: "Remaining is in whole tokens, rounded down, Reset is the time until the bucket is full at Rate tokens " +
			"a second, rounded up if at all; both after the take",
	}
	ruleLimit = report.Rule{
		Name: "Usage.Limit is the limit of the take",
		Fix:  "return the Limit that Take was given, or none: a guard sets it",
	}
	ruleRefuses = report.Rule{
		Name: "a refusal tells how long to wait",
		Fix: "Wait is the time until n tokens are there at Rate tokens a second, as a time.Duration, rounded up if at all: " +
			"0 if Allowed, negative only if n > Burst",
	}
	ruleNothing = report.Rule{
		Name: "a refused take takes nothing",
		Fix:  "take n tokens only if n are there: a caller who retries too early would be shut out for good",
	}
	ruleLook = report.Rule{
		Name: "n == 0 only looks",
		Fix:  "allow it, take nothing, and report what is there: the guard looks before it counts a failure",
	}
	ruleNever = report.Rule{
		Name: "n > Burst is never allowed",
		Fix:  "answer with a negative Wait and take nothing: so many tokens are never there",
	}
	ruleOwnBucket = report.Rule{
		Name: "each bucket is of its own",
		Fix:  "tell buckets apart by Class and by all of ID, byte for byte",
	}
	ruleRefills = report.Rule{
		Name: "tokens flow in at the limit's rate",
		Fix: "add Rate tokens a second, up to Burst, from the last take on, also parts of a token: whoever asks often " +
			"would starve; what Wait promised is there after it",
	}
	ruleKeeps = report.Rule{
		Name: "a bucket is known until it is full again",
		Fix: "forget no bucket that lacks tokens, however long nobody asks for it, and however many others there are: " +
			"it would come back full",
	}
	ruleChange = report.Rule{
		Name: "a changed limit holds from the next take on",
		Fix: "use the Limit of each take, and remember none; the bucket stays the same, with what it holds: " +
			"a key's limit is lowered to stop it, and whoever could change a limit would fill the bucket",
	}
	ruleExact = report.Rule{
		Name: "concurrent takes are exact",
		Fix: "read and write a bucket, and make a new one, in one step: by a lock, a compare-and-swap, or a script where " +
			"the buckets are shared",
	}
	ruleZero = report.Rule{
		Name: "the zero Limit lets nothing through",
		Fix:  "refuse where Burst is not positive, let nothing flow in where Rate is not, and divide by neither",
	}
	ruleDone = report.Rule{
		Name: "a context that is done changes no verdict",
		Fix: "return an error and take nothing, or the right answer: neither a refusal of a full bucket, nor a token of " +
			"an empty one",
	}
	rulePanic = report.Rule{
		Name: "Take does not panic",
		Fix:  "return an error for whatever goes wrong",
	}
)
