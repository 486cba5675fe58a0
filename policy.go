package bearer

import "net/http"

// A Policy is one of several limits of a guard: of a second and of a day, say,
// or of a key and of its owner. The zero value is the limit of each caller.
type Policy struct {
	// Name stands in the rate limit fields and in the name of the bucket: letters,
	// digits, - and _. The names of a Config differ. Zero: "default".
	Name string

	// Limit returns the limit of a request; the zero Limit: the policy does not
	// apply to it. The principal is nil if the request has no credential. Nil:
	// the key's own limit, else Config.Limit.
	Limit func(*http.Request, *Principal) Limit

	// Bucket returns the ID of the bucket that a request is charged to, whose
	// class is "policy": that of an owner, or of a route. Nil: the caller's own.
	Bucket func(*http.Request, *Principal) string

	// Cost returns the tokens that a request takes; 0 takes none. A negative cost
	// is a fault (503). Nil: Config.Cost, else 1.
	Cost func(*http.Request, *Principal) int
}

const defaultPolicy = "default"
