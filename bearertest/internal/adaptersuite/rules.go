package adaptersuite

import "github.com/blockauth/bearer/bearertest/internal/report"

func rule(name, fix string) report.Rule { return report.Rule{Name: name, Fix: fix} }

// The rules of adapters.
var (
	ruleWrap = rule("wrap returns a handler",
		"build the framework's router in wrap, with the adapter and bearertest.Handler on every path and method")
	ruleHandler = rule("wrap serves bearertest.Handler",
		"put bearertest.Handler behind the adapter, by the framework's wrapper of an http.Handler: another handler "+
			"answered, which shows too little of what reached it")
	ruleRoutes = rule("the adapter is on every path and method",
		"serve every path and method in wrap, with the adapter and bearertest.Handler on each: the router did not "+
			"reach the adapter")
	ruleAsked = rule("the guard that wrap was given judges each request",
		"put the adapter of that guard in front of the handler, and of no other guard")
	ruleNilGuard = rule("where there is no guard, nobody is let in",
		"hand every request to the guard, also if it is nil: Guard.Require answers 503 then")
	ruleEvery = rule("the guard answers every method, and whatever else the request says",
		"skip nothing: what may pass without a credential, such as CORS preflights, is answered in front of the guard")
	ruleStopped = rule("a refused request never reaches the handler",
		"call the framework's next only from the handler that Guard.Require is given, and abort if it was not called")
	ruleReached = rule("an admitted request reaches the handler once",
		"call the framework's next exactly once, from the handler that Guard.Require is given; require the scopes "+
			"that wrap is given, and no others; serve bearertest.Handler, and no other handler")
	ruleUnread = rule("the body is the handler's to read",
		"read nothing of it before the guard has decided, not even a form: any client can send one without end; "+
			"a credential in a form or a query is none")
	rulePrincipal = rule("the handler finds the principal",
		"hand on the request that the guard made, which carries the principal, not the one that came in")
	ruleSame = rule("the handler finds the principal that the guard decided on",
		"hand on the request that the guard made: a principal that is made again or changed lacks what handlers go by")
	ruleKnown = rule("the guard knows the request that it let through",
		"hand on the request that the guard made, not another with bearer.NewContext: a guard trusts only its own, "+
			"and would authenticate and charge again behind another")
	ruleContext = rule("the handler's context descends from the request's",
		"hand on the request that the guard made: without its context no cancellation and no deadline arrives")
	ruleEnds = rule("the handler's context ends when the client goes, and not before",
		"hand on the context of the guard's request: no context.WithoutCancel, no deadline, no cancel of the adapter's own")
	ruleCharged = rule("a request is judged and charged once",
		"call Guard.Require's handler once for a request, and no Guard.Check beside it")
	ruleErrorHandler = rule("the guard's ErrorHandler answers a refusal, once",
		"let Guard.Require write refusals, and write nothing of the adapter's own, nor the framework's error: what "+
			"Guard.Check let through has no rate limit fields, and no other handler of the guard knows it")
	ruleStatus = rule("an answer has the status that the guard gives it",
		"leave refusals to Guard.Require: write no status, and return no error that the framework answers")
	ruleHeader = rule("an answer has the header fields that the guard gives it",
		"hand the guard the framework's own http.ResponseWriter, and leave its header alone: "+
			"clients need WWW-Authenticate, Retry-After, RateLimit and Cache-Control")
	ruleBody = rule("an answer has the body that the guard gives it, and nothing after it",
		"return when the guard has answered, and abort the framework's chain")
	ruleOnce = rule("a request is answered once",
		"write nothing if the guard or the handler has answered: net/http logs what comes second")
	ruleRequest = rule("the request arrives as it was sent",
		"change neither method, URL, header, body nor any other field of the request, in front of the guard or behind it")
	ruleWriter = rule("a handler can flush, hijack and set deadlines",
		"hand on the framework's http.ResponseWriter, not a wrapper of it: one that holds answers back, or lacks "+
			"Flush, Hijack or Unwrap")
	ruleHandlerPanic = rule("a panic passes through",
		"recover nothing: the framework's or net/http's own recovery knows what to do; and let no request through "+
			"if a part of the guard panicked")
	ruleState = rule("no request knows of another",
		"keep nothing between requests: what belongs to one goes into variables of its own call")
	ruleAnew = rule("each request is judged anew",
		"ask the guard each time, and remember no answer of it: a cache lets in keys that were revoked, and charges "+
			"no client; for slow stores there is bearer.CachedStore")
	ruleNoPanic = rule("the adapter does not panic",
		"let every request be answered; what is wrong with the guard or the scopes, wrap may panic about at the start")
)
