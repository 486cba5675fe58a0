package adaptersuite

import "strings"

// What adapters are seen to make exceptions for. There is no end of names: these
// are those that well-known middlewares and their examples use.

// openWords are parts of paths that need no credential elsewhere.
var openWords = strings.Fields(`
	health healthz healthcheck health-check live livez liveness ready readyz readiness ping alive up heartbeat probe
	status version info metrics prometheus stats debug pprof trace monitor monitoring management actuator
	static assets public dist build css js javascript img images fonts media uploads downloads files favicon
	robots sitemap manifest ads security humans .well-known acme-challenge openid-configuration jwks certs
	oauth oauth2 openid authorize token login logout signin signup signout register auth session sessions sso saml
	callback password reset forgot verify confirm activate invite captcha
	webhook webhooks hook hooks stripe github slack paypal internal private admin system local
	swagger swagger-ui openapi docs doc redoc api-docs scalar spec schema schemas graphql graphiql playground
	rpc grpc ws wss websocket socket socket.io sockjs events sse stream subscribe mqtt
	home index welcome landing about contact terms privacy legal help faq support pricing blog news
	test tests testing dev mock demo example examples sample sandbox open anonymous guest free trial preview
	error errors 404 500 maintenance offline csp-report report beacon pixel track collect telemetry
	wp-admin _next _nuxt __webpack_hmr __debug__ _status _health _internal _ah`)

// openSuffixes are what the names of files end with.
var openSuffixes = strings.Fields(`
	css js mjs cjs ts map html htm xhtml php png jpg jpeg gif svg ico bmp webp avif woff woff2 ttf eot otf
	txt xml rss atom json jsonld yaml yml toml md pdf csv zip gz tar br webmanifest wasm mp3 mp4 webm ogg m3u8 well
	action do cgi well-known health public ics vcf`)

// methods are those of the IANA registry, and some that servers know besides. A
// router need have no route for those that are not in RFC 9110 or RFC 5789.
var methods = strings.Fields(`
	ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL
	MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PRI PROPFIND PROPPATCH QUERY REBIND REPORT SEARCH UNBIND UNCHECKOUT
	UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL PURGE BAN VIEW DEBUG TRACK NOTIFY SUBSCRIBE UNSUBSCRIBE
	SOURCE M-SEARCH PING INDEX INVOKE get post put patch delete head options Get Post Patch gET OPTION BATCH`)

// standardMethods have a route in every adapter.
var standardMethods = strings.Fields(`GET HEAD POST PUT PATCH DELETE OPTIONS TRACE`)

// credentialNames are the words of names under which credentials are sent.
var credentialNames = struct{ first, second []string }{
	strings.Fields(`api access auth bearer user client session id app service account public secret private
		authorization authentication security jwt oauth refresh csrf master admin license x x-api x-auth x-access
		x-app x-client x-user x-session x-service x-forwarded x-original x-goog-api x-amz-security
		ocp-apim-subscription sec-websocket x-functions x-rapidapi x-vault x-gitlab x-shopify-access`),
	strings.Fields(`key token secret credential credentials authorization auth jwt password signature protocol code id`),
}

// moreCredentialNames are names of one word.
var moreCredentialNames = strings.Fields(`key k apikey token t tk secret auth authorization authentication credential
	bearer jwt access sig signature sid session password pass pwd user username login code ticket sso state hash
	api-token-key oauth_token private_token X-Api-Token X-Amz-Credential X-Goog-Signature connect.sid __session`)

// overrides are names by which a request says another method than it has.
var overrides = strings.Fields(`_method method _METHOD __method X-HTTP-Method-Override X-HTTP-Method
	X-Method-Override X-Method X-Verb X-Forwarded-Method X-Original-Method HTTP-Method-Override Method-Override
	httpMethod http_method http-method httpmethod methodOverride method_override override verb _verb action _action
	x-http-method-override requestMethod request_method`)

// exceptions are header fields for which adapters make an exception, and whose
// values others write into the request.
var exceptions = strings.Split(strings.TrimSpace(`
X-Forwarded-For: 127.0.0.1
X-Forwarded-For: 10.1.2.3, 192.168.0.1
X-Forwarded-For: ::1
X-Forwarded-Host: localhost
X-Forwarded-Host: internal.test
X-Forwarded-Proto: https
X-Forwarded-Scheme: https
X-Forwarded-Ssl: on
X-Forwarded-Port: 443
X-Forwarded-Prefix: /health
X-Forwarded-Path: /health
X-Forwarded-Uri: /health
X-Forwarded-User: admin
X-Forwarded-Email: admin@app.test
X-Forwarded-Groups: admin
X-Forwarded-Client-Cert: By=spiffe://app.test/a
X-Real-IP: 127.0.0.1
X-Client-IP: 127.0.0.1
X-Cluster-Client-IP: 127.0.0.1
X-Remote-Addr: 127.0.0.1
X-Originating-IP: 127.0.0.1
Forwarded: for=127.0.0.1;host=localhost;proto=https
True-Client-IP: 127.0.0.1
CF-Connecting-IP: 127.0.0.1
Fastly-Client-IP: 127.0.0.1
Via: 1.1 internal
X-Internal: true
X-Internal: 1
X-Internal-Request: true
X-Internal-Token: a
X-Service: billing
X-Admin: true
X-Debug: 1
X-Test: 1
X-Skip-Auth: true
X-No-Auth: 1
X-Bypass-Auth: true
X-Public: true
X-Authenticated: true
X-Authenticated-User: admin
X-Auth-User: admin
X-Auth-Request-User: admin
Remote-User: admin
X-Remote-User: admin
X-User: admin
X-User-Id: 1
X-Role: admin
X-Consumer-ID: a
X-Tenant-Id: a
X-Webauth-User: admin
X-Goog-Authenticated-User-Email: a
X-Amzn-Oidc-Identity: a
X-Amzn-Trace-Id: a
X-Ms-Client-Principal-Id: a
X-Apigateway-Api-Userinfo: a
X-Jwt-Payload: e30
X-Client-Cert: a
X-Ssl-Client-Verify: SUCCESS
Ssl-Client-Verify: SUCCESS
X-Middleware-Subrequest: middleware
X-Original-URL: /health
X-Original-URI: /health
X-Rewrite-URL: /health
X-Envoy-Internal: true
X-Envoy-Original-Path: /health
X-Request-Id: a
X-Correlation-Id: a
Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
User-Agent: kube-probe/1.30
User-Agent: ELB-HealthChecker/2.0
User-Agent: GoogleHC/1.0
User-Agent: Prometheus/2.53.0
User-Agent: curl/8.0
User-Agent: Go-http-client/1.1
User-Agent: Googlebot/2.1
User-Agent: UptimeRobot/2.0
Purpose: prefetch
Sec-Purpose: prefetch
X-Moz: prefetch
Sec-Fetch-Mode: navigate
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: image
Sec-Fetch-Site: same-origin
Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==
Connection: Upgrade|Upgrade: WebSocket
Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAA
Sec-WebSocket-Protocol: graphql-ws
Accept: text/css
Accept: image/*
Accept: text/html
Accept: text/event-stream
Accept: application/openmetrics-text
Accept: application/grpc
Content-Type: application/grpc
Content-Type: application/grpc-web+proto
Content-Type: application/connect+json
Content-Type: application/json
Content-Type: text/plain
Content-Type: multipart/form-data; boundary=a
Content-Type: application/csp-report
Content-Encoding: gzip
Origin: null
Origin: http://localhost:3000
Origin: https://app.test|Access-Control-Request-Method: GET
Access-Control-Request-Method: POST
Access-Control-Request-Headers: authorization
Access-Control-Request-Private-Network: true
Referer: http://localhost/login
X-Requested-With: XMLHttpRequest
X-Csrf-Token: a
Cookie: session=a; access=b
Cookie: logged_in=true
Range: bytes=0-1
If-None-Match: *
If-Modified-Since: Mon, 02 Jan 2006 15:04:05 GMT
Cache-Control: no-cache
Cache-Control: only-if-cached
Max-Forwards: 0
TE: trailers
Early-Data: 1
Dnt: 1
Signature: sig1=:AA==:
X-Signature: a
X-Hub-Signature-256: sha256=a
Stripe-Signature: t=1,v1=a
X-GitHub-Event: push
X-Slack-Signature: v0=a
X-Webhook-Id: a
X-Cron: true
X-Appengine-Cron: true
X-CloudScheduler: true
Grpc-Timeout: 1S
X-Grpc-Web: 1
Authorization: Basic YTpi
Authorization: Digest username="a"
Authorization: Negotiate YTpi
Authorization: Signature keyId="a"
Authorization: AWS4-HMAC-SHA256 Credential=a`), "\n")
