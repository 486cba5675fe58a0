package adaptersuite

import "github.com/blockauth/bearer/bearertest/internal/report"

// The rules of adapters.
var (
	ruleWrap = report.NewRule("wrap returns a handler",
		"build the framework's router in wrap, with the adapter and bearertest.Handler on every path and method")
	ruleHandler = report.NewRule("wrap serves bearertest.Handler",
		"put bearertest.Handler behind the adapter, by the framework's wrapper of an http.Handler, and no other handler")
	ruleRoutes = report.NewRule("the adapter is on every path and method",
		"serve every path and method in wrap, with the adapter and bearertest.Handler on each")
	ruleAsked = report.NewRule("the guard that wrap was given judges each request",
		"put the adapter of that guard in front of the handler, and of no other guard")
	ruleNilGuard = report.NewRule("without a guard, no request is let through",
		"hand every request to the guard, also if it is nil: Guard.Require answers 503 then")
	ruleEvery = report.NewRule("the guard answers every method, and whatever else the request says",
		"skip nothing: what needs no credential, such as a CORS preflight, is answered in front of the guard")
	ruleStopped = report.NewRule("a refused request never reaches the handler",
		"call the framework's next only from the handler that Guard.Require is given, and abort if it was not called")
	ruleScopes = report.NewRule("the guard requires exactly the scopes that wrap was given",
		"hand all of them on to Guard.Require, each as it is, whatever the credential and the request: "+
			"none left out or added, split, joined or sorted, and not by RequireAny or Resource")
	ruleAlone = report.NewRule("a credential stands in Authorization alone",
		"take none from a query, a cookie, a path or another field, and hand Authorization on as it is: "+
			"a guard that shall look elsewhere has a Config.Credential")
	ruleReached = report.NewRule("an admitted request reaches the handler once",
		"call the framework's next once, from the handler that Guard.Require is given; require the scopes that wrap "+
			"is given, and no others; serve bearertest.Handler, and no other handler")
	ruleUnread = report.NewRule("the body is the handler's to read",
		"read nothing of it before the guard has decided, not even a form, and nothing if it refuses: "+
			"any client can send a body without end")
	rulePrincipal = report.NewRule("the handler finds the principal",
		"hand on the request that the guard made, which carries the principal, not the one that came in")
	ruleSame = report.NewRule("the handler finds the principal that the guard decided on",
		"hand on the request that the guard made, and change nothing of its principal")
	ruleKnown = report.NewRule("the guard knows the request that it let through",
		"hand on the request that the guard made, not another with bearer.NewContext: it would be charged again")
	ruleContext = report.NewRule("the handler's context descends from the request's",
		"hand on the request that the guard made: without its context no cancellation and no deadline arrives")
	ruleEnds = report.NewRule("the handler's context ends when the client goes, and not before",
		"hand on the context of the guard's request, without another deadline, cancel or context.WithoutCancel")
	ruleCharged = report.NewRule("a request is judged and charged once",
		"call Guard.Require's handler once for a request, and no Guard.Check beside it")
	ruleErrorHandler = report.NewRule("the guard's ErrorHandler answers a refusal, once",
		"let Guard.Require write refusals, and write nothing in the adapter, nor the framework's error")
	ruleStatus = report.NewRule("an answer has the status that the guard gives it",
		"leave refusals to Guard.Require: write no status, and return no error that the framework answers")
	ruleHeader = report.NewRule("an answer has the header fields that the guard gives it",
		"hand the guard the framework's own http.ResponseWriter, and leave its header alone")
	ruleBody = report.NewRule("an answer has the body that the guard gives it, and nothing after it",
		"return when the guard has answered, and abort the framework's chain")
	ruleOnce = report.NewRule("a request is answered once",
		"write nothing if the guard or the handler has answered: net/http logs what comes second")
	ruleRequest = report.NewRule("the request arrives as it was sent",
		"change no field of the request, its header and its body, in front of the guard or behind it")
	ruleWriter = report.NewRule("a handler can flush, hijack and set deadlines",
		"hand on the framework's http.ResponseWriter, and no wrapper that holds answers back or hides its methods")
	ruleHandlerPanic = report.NewRule("a panic passes through",
		"recover nothing, and let no request through if a part of the guard panicked")
	ruleState = report.NewRule("no request knows of another",
		"keep nothing between requests: what belongs to one goes into variables of its own call")
	ruleAnew = report.NewRule("each request is judged anew",
		"ask the guard each time: an answer that is kept lets revoked keys in; bearer.CachedStore is for slow stores")
	ruleNoPanic = report.NewRule("the adapter does not panic",
		"let every request be answered; only wrap may panic, about a guard or scopes that are wrong")
)
