package adaptersuite

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// together returns requests that have many names at once, each of which has the
// names alone as its parts.
func together(names []string, request func(names []string) row) []row {
	var rows []row
	for group := range slices.Chunk(names, 120) {
		r := request(group)
		r.part = func(i int) row { return request(group[i : i+1]) }
		r.parts = len(group)
		rows = append(rows, r)
	}
	return rows
}

// each formats each of the names.
func each(names []string, format, separator string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf(format, name)
	}
	return strings.Join(parts, separator)
}

// drawCredentials returns requests with a good key where none is looked for.
func (f *fakes) drawCredentials() []row {
	rows := slices.Concat(drawNames(), drawSpellings(), f.drawUsers())
	for _, path := range []string{
		"/${admin}", "/v1/${admin}", "/v1/${admin}/things", "/v1/things/${admin}", "/key/${admin}", "/token/${admin}/v1",
		"/token=${admin}/v1", "/bot${admin}/things", "/bot/${admin}/things", "/key-${admin}/v1", "/@${admin}",
		"/~${admin}/v1",
		"/v1/things;token=${admin}", "/v1/things;access_token=${admin}", "/v1/things;key=${admin}/a",
		"/v1;jwt=${admin}/things",
		"/v1/things;jsessionid=${admin}", "/v1/things?${admin}", "/v1/things?Bearer%20${admin}",
		"/v1/things?%23access_token=${admin}",
		"/v1/things?headers%5BAuthorization%5D=Bearer%20${admin}",
	} {
		rows = append(rows, row{path: path})
	}
	for _, protocol := range []string{
		"${admin}", "bearer, ${admin}", "Bearer, ${admin}", "access_token, ${admin}", "token, ${admin}",
		"${admin}, graphql-ws",
		"authorization, ${admin}", "bearer.${admin}", "token.${admin}", "access_token.${admin}", "auth-${admin}",
		"realtime, api-key.${admin}", "v1, base64url.bearer.authorization.k8s.io.${base64 admin}",
	} {
		rows = append(rows, row{header: "Sec-WebSocket-Protocol: " + protocol},
			row{header: webSocket + "\nSec-WebSocket-Protocol: " + protocol})
	}
	for _, field := range []string{
		"Referer: https://app.test/?access_token=${admin}", "X-Original-URI: /v1?token=${admin}", "User-Agent: ${admin}",
		"X-Forwarded-Uri: /v1?access_token=${admin}", "Cookie: session=%7B%22token%22%3A%22${admin}%22%7D", "From: ${admin}",
		"Proxy-Authorization: Basic ${base64 admin}", "Cookie: ${admin}", "X-HTTP-Authorization: Bearer ${admin}",
		"Redirect-Authorization: Bearer ${admin}", "Forwarded: for=127.0.0.1;secret=${admin}",
	} {
		rows = append(rows, row{header: field})
	}
	for i := range rows {
		rows[i].rule = ruleAlone
	}
	return rows
}

// drawNames returns requests with a good key under a name.
func drawNames() []row {
	var rows []row
	query, field := names("", "_", "-", ""), fieldNames()
	cookie := slices.Concat(query, cookieNames)
	for _, value := range []string{"${admin}", "Bearer ${admin}", "${token}"} {
		escaped := strings.ReplaceAll(value, " ", "%%20")
		if value == "${token}" { // for adapters that look for its dots
			query, cookie, field = moreCredentialNames, slices.Concat(moreCredentialNames, cookieNames), []string{"x-auth-token"}
		}
		rows = slices.Concat(rows,
			together(query, func(names []string) row { return row{path: "/v1/things?" + each(names, "%s="+escaped, "&")} }),
			together(cookie, func(names []string) row { return row{header: "Cookie: " + each(names, "%s="+escaped, "; ")} }),
			together(field, func(names []string) row { return row{header: each(names, "%s: "+value, "\n")} }))
	}
	return rows
}

// drawSpellings returns requests whose Authorization is nearly right.
func drawSpellings() []row {
	var rows []row
	for _, scheme := range schemes {
		for _, s := range []string{scheme, strings.ToLower(scheme), strings.ToUpper(scheme)} {
			rows = append(rows, row{header: "Authorization: " + s + " ${admin}"})
		}
	}
	for _, spelling := range []string{
		"${admin}", "${token}", "JWT ${token}", "Token token=${admin}", "Token token=\"${admin}\"", "ApiKey key=${admin}",
		"OAuth oauth_token=\"${admin}\"", "Bearer: ${admin}", "Bearer=${admin}", "Bearer,${admin}", "Bearer${admin}",
		"Bearer \"${admin}\"", "Bearer '${admin}'", "Bearer <${admin}>", "Bearer {${admin}}", "Bearer ${admin},",
		"Bearer ${admin} ", "Bearer bearer ${admin}", "bEaReR ${admin}", "Bearer  ${admin}", "Bearer ${admin};a=b",
		"Bearer token=${admin}", "Bearer token ${admin}", "Bearer ${admin}, Basic YTpi", "Basic YTpi, Bearer ${admin}",
		"Bearer ${base64 admin}", "Bearer " + strings.Repeat("a", 9000),
		"Basic YTpi\nAuthorization: Bearer ${admin}", "Bearer ${admin}\nAuthorization: Basic YTpi",
		"Bearer ${admin}\nAuthorization: Bearer ${admin}",
	} {
		rows = append(rows, row{header: "Authorization: " + spelling})
	}
	return rows
}

// drawUsers returns requests with a good key as a user or a password.
func (f *fakes) drawUsers() []row {
	key := f.texts["admin"]
	var rows []row
	for user := range strings.FieldsSeq(`x api key apikey api-key token jwt bearer oauth oauth2 x-token-auth x-access-token
		oauth2accesstoken user admin git _ _token __token__ _json_key`) {
		rows = append(rows,
			row{name: "a key as the password of Basic, with " + user, change: basic(user, key)},
			row{name: "a key as the user of Basic, with " + user, change: basic(key, user)})
	}
	return append(rows,
		row{name: "a key as the user of Basic", change: basic(key, "")},
		row{name: "a key as the password of Basic", change: basic("", key)},
		row{name: "a key as user and password", change: basic(key, key)},
		row{name: "a key as the user of the URL", change: userOf(url.User(key))},
		row{name: "a key as the user of the URL, with a password", change: userOf(url.UserPassword(key, "x"))},
		row{name: "a key as the password of the URL", change: userOf(url.UserPassword("x", key))})
}

func basic(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

func userOf(u *url.Userinfo) func(*http.Request) { return func(r *http.Request) { r.URL.User = u } }

// drawOverrides returns requests that say another method than they have.
func drawOverrides() []row {
	var rows []row
	add := func(r row, methods ...string) {
		for _, method := range methods {
			escaped := strings.ReplaceAll(url.QueryEscape(method), "%", "%%")
			method = strings.ReplaceAll(method, "%", "%%")
			rows = slices.Concat(rows,
				together(overrides, func(names []string) row {
					r := r
					r.path += "?" + each(names, "%s="+escaped, "&")
					return r
				}),
				together(overrides, func(names []string) row {
					r := r
					r.header = each(names, "%s: "+method, "\n")
					return r
				}))
		}
	}
	const path = "/v1/${word}"
	add(row{method: http.MethodPost, path: path, as: "admin"}, "PUT", "PATCH", "DELETE", "GET", "HEAD", tchars(6))
	add(row{method: http.MethodGet, path: path, as: "publishable", copies: true}, "POST", "PUT", "DELETE", tchars(6))
	return rows
}
