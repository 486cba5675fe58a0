package adaptersuite

import "strings"

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
X-Forwarded-Server: gateway
X-Forwarded-By: gateway
X-Forwarded-Method: GET
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
X-Auth-Bypass: 1
X-Auth-Skip: 1
X-Disable-Auth: 1
X-Bypass: 1
X-Trusted: true
X-From-Gateway: 1
X-Gateway: 1
X-Gateway-Secret: a
X-Proxy: 1
X-Dev: 1
X-Env: test
X-Environment: development
X-Mock: 1
X-Load-Test: 1
X-Synthetic: 1
X-Monitoring: 1
X-Health-Check: 1
X-Healthcheck: 1
X-Probe: 1
K-Network-Probe: probe
K-Kubelet-Probe: probe
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
X-Roles: admin
X-Scope: *
X-Scopes: *
X-Hasura-Role: admin
X-Hasura-Admin-Secret: a
X-Grafana-User: admin
X-Token-Subject: admin
X-Authenticated-Userid: admin
X-Account-Id: 1
X-Org-Id: 1
Tailscale-User-Login: admin
Cf-Access-Authenticated-User-Email: admin@app.test
Cf-Ray: a
Cf-Worker: app.test
Cf-Visitor: {"scheme":"https"}
X-Amz-Cf-Id: a
X-Azure-Fdid: a
X-Vercel-Id: a
X-Vercel-Protection-Bypass: a
X-Varnish: 1
X-Real-Host: localhost
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
User-Agent: Mozilla/5.0 (compatible; bingbot/2.0)
User-Agent: UptimeRobot/2.0
User-Agent: Pingdom.com_bot_version_1.4
User-Agent: Datadog/Synthetics
User-Agent: Datadog Agent/7.50
User-Agent: StatusCake
User-Agent: Site24x7
User-Agent: NewRelicPinger/1.0
User-Agent: Better Uptime Bot
User-Agent: BlackboxExporter/0.25
User-Agent: check_http/v2.3
User-Agent: Zabbix
User-Agent: Consul Health Check
User-Agent: Envoy/HC
User-Agent: HAProxy
User-Agent: Amazon-Route53-Health-Check-Service
User-Agent: Cloudflare-Healthchecks/1.0
User-Agent: AlwaysOn
User-Agent: Docker-HealthCheck
User-Agent: Slackbot-LinkExpanding 1.0
User-Agent: Twitterbot/1.0
User-Agent: facebookexternalhit/1.1
User-Agent: Discordbot/2.0
User-Agent: GitHub-Hookshot/a
User-Agent: Stripe/1.0
User-Agent: PostmanRuntime/7.40.0
User-Agent: insomnia/9.0
User-Agent: k6/0.50
User-Agent: Wget/1.21
User-Agent: python-requests/2.32
User-Agent: okhttp/4.12
User-Agent: node
User-Agent: grpc-go/1.65
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
Accept: text/plain
Accept: video/mp4
Accept: audio/*
Accept: font/woff2
Accept: application/xml
Accept: application/manifest+json
Accept: application/health+json
Accept: application/json
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
Sec-Gpc: 1
Sec-Ch-Ua: a
Upgrade-Insecure-Requests: 1
Service-Worker: script
Ping-From: https://app.test
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
