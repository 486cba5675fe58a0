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
	q cdn-cgi users account accounts connect realms v0 v2 v3 latest swagger-resources webjars vendor themes plugins
	wp-admin wp-content wp-includes cgi-bin server-status nginx_status _cluster _cat _matrix sys minio storage
	_next _nuxt __webpack_hmr __debug__ _status _health _internal _ah`)

// openPaths are whole paths, and queries, of well-known servers and frameworks.
var openPaths = strings.Fields(`
	/robots.txt /humans.txt /ads.txt /security.txt /llms.txt /sitemap.xml /crossdomain.xml /browserconfig.xml
	/favicon.png /favicon.svg /apple-touch-icon /apple-touch-icon.png /apple-touch-icon-precomposed.png
	/manifest.json /site.webmanifest /sw.js /service-worker.js /index.html /index.php /default.aspx /elmah.axd
	/.well-known/security.txt /.well-known/openid-configuration /.well-known/jwks.json
	/.well-known/oauth-protected-resource /.well-known/acme-challenge/${word} /.well-known/apple-app-site-association
	/actuator/health /actuator/health/liveness /actuator/info /actuator/prometheus /health/live /health/ready
	/healthz/live /healthz/ready /api/health /api/healthz /api/ping /api/status /api/version /api/v1/health
	/q/health /q/health/live /q/metrics /q/openapi /q/swagger-ui /-/healthy /-/ready /_ah/health /_ah/warmup
	/_cluster/health /minio/health/live /v1/sys/health /debug/vars /debug/pprof/ /debug/pprof/profile
	/swagger/index.html /swagger/doc.json /swagger/v1/swagger.json /swagger-ui/index.html /swagger.json /swagger.yaml
	/openapi.json /openapi.yaml /api-docs/${word} /v2/api-docs /v3/api-docs /v3/api-docs/swagger-config /docs/index.html
	/v2/ /v2/_catalog /v2/${word} /v3/ /api/ /api/v1/ /api/v2/ /api/v2/${word} /rest/ /rpc/${word}
	/users/sign_in /users/sign_up /users/password/new /users/confirmation /accounts/login/ /account/login /auth/login
	/api/auth/login /api/auth/session /api/auth/callback/github /api/login /api/v1/login /api/v1/auth/login
	/api/users/login /oauth/token /oauth2/token /oauth2/authorize /connect/token /connect/authorize /realms/${word}
	/login/oauth/authorize /saml/acs /saml/metadata /sso/login /session/new /signin-oidc /logout/callback
	/api/webhooks/stripe /webhooks/github /stripe/webhook /api/public/${word} /public/index.html /cdn-cgi/trace
	/wp-login.php /wp-json/ /xmlrpc.php /admin/login /server-status /nginx_status /fpm-ping /php-fpm/status
	/grpc.health.v1.Health/Check /grpc.reflection.v1.ServerReflection/ServerReflectionInfo
	/ws/${word} /socket.io/?EIO=4 /sockjs/info /cable /livereload /__vite_ping /@vite/client /_next/static/a.js
	/v1/things?wsdl /v1/things?xsd=1 /v1/things?WSDL /v1/things?singleWsdl /v1/things?schema /v1/things?%24metadata
	/v1/things?X-Amz-Signature=a /v1/things?X-Goog-Signature=a /v1/things?Signature=a&Expires=9999999999
	/v1/things?sig=a&se=2099-01-01 /v1/things?hub.challenge=a&hub.mode=subscribe /v1/things?hub.verify_token=a
	/v1/things?challenge=a /v1/things?validationToken=a /v1/things?crc_token=a /v1/things?state=a&code=b
	/v1/things?oauth_token=a /v1/things?SAMLResponse=a /v1/things?ticket=a /v1/things?preview=true /v1/things?draft=1
	/v1/things?test=true /v1/things?dev=1 /v1/things?env=dev /v1/things?mock=1 /v1/things?no_auth=1 /v1/things?auth=0
	/v1/things?auth=false /v1/things?skip_auth=true /v1/things?admin=1 /v1/things?role=admin /v1/things?user=admin
	/v1/things?embed=1 /v1/things?share=a /v1/things?download=1 /v1/things?raw=1 /v1/things?_health=1
	/v1/things?query={__schema{types{name}}} /v1/things?transport=websocket /v1/things?EIO=4&transport=polling`)

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

// overrides are names by which a request says another method than it has.
var overrides = strings.Fields(`_method method _METHOD __method X-HTTP-Method-Override X-HTTP-Method
	X-Method-Override X-Method X-Verb X-Forwarded-Method X-Original-Method HTTP-Method-Override Method-Override
	%24method :method httpMethod http_method http-method httpmethod methodOverride method_override override
	verb _verb action _action
	requestMethod request_method`)
