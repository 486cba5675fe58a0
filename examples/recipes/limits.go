package recipes

import (
	"net/http"
	"time"

	"github.com/blockauth/bearer"
	"golang.org/x/time/rate"
)

// Plan returns the plan of a caller: of a key its Data, of a JWT a claim.
func Plan(p *bearer.Principal) string {
	var plan string
	switch {
	case p == nil: // a request without a credential, where the guard is optional
	case p.Key != nil:
		plan, _ = p.Key.Data.(string)
	default:
		plan, _ = p.Claims["plan"].(string)
	}
	return plan
}

// ByPlan is a Policy.Limit. The zero Limit would be no limit at all: so there is
// a default.
func ByPlan(_ *http.Request, p *bearer.Principal) bearer.Limit {
	switch Plan(p) {
	case "business":
		return bearer.PerSecond(100)
	case "pro":
		return bearer.PerSecond(20)
	default:
		return bearer.PerSecond(2)
	}
}

// PerDay returns a limit that admits n requests at once and then n a day.
func PerDay(n int) bearer.Limit {
	return bearer.Limit{Rate: rate.Every(24*time.Hour) * rate.Limit(n), Burst: n}
}

// Daily is a Policy.Limit.
func Daily(_ *http.Request, p *bearer.Principal) bearer.Limit {
	if Plan(p) == "business" {
		return bearer.Unlimited
	}
	return PerDay(10_000)
}

// Account is a Policy.Bucket: all keys of an owner share one bucket, and so do its
// tokens of one issuer. Two issuers may both have an alice.
func Account(_ *http.Request, p *bearer.Principal) string {
	switch {
	case p == nil:
		return "anonymous"
	case p.Owner == "":
		return "caller " + p.Issuer + " " + p.ID // not one bucket for all of them
	default:
		return "owner " + p.Issuer + " " + p.Owner
	}
}

// AccountLimit returns a Policy.Limit for the buckets of Account. It asks for the
// plan by the name of the bucket, and not the credential for its own.
func AccountLimit(plans func(account string) string) func(*http.Request, *bearer.Principal) bearer.Limit {
	return func(r *http.Request, p *bearer.Principal) bearer.Limit {
		if plans(Account(r, p)) == "business" {
			return bearer.PerSecond(200)
		}
		return bearer.PerSecond(40)
	}
}

// Searches is a Policy.Limit for one route: it does not apply to others.
func Searches(r *http.Request, _ *bearer.Principal) bearer.Limit {
	if r.URL.Path == "/v1/search" {
		return bearer.PerMinute(10)
	}
	return bearer.Limit{}
}

// ManyLimits returns a guard with four limits, all of which a request must pass.
func ManyLimits(
	store bearer.KeyStore, limiter bearer.Limiter, plans func(account string) string,
) (*bearer.Guard, error) {
	return bearer.New(bearer.Config{
		Keys:    store,
		Limiter: limiter,
		Policies: []bearer.Policy{
			{Name: "second", Limit: ByPlan},
			{Name: "daily", Limit: Daily},
			{Name: "account", Limit: AccountLimit(plans), Bucket: Account},
			{Name: "search", Limit: Searches},
		},
	})
}

// Upgraded gives a key a full day at once, when its owner has bought more.
func Upgraded(buckets *bearer.Buckets, key *bearer.Key) {
	buckets.Reset(bearer.Bucket{Policy: "daily", Class: "key", ID: key.ID})
}
