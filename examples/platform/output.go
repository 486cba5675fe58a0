package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/template"
)

// print writes the seeds as one line of JSON, or how to use them.
func (s *seeds) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(s)
	}
	if s.Email == "" {
		_, err := fmt.Fprintf(out, "The platform listens on http://%s\n\n"+
			"The first start with this database has printed users, keys and secrets.\n", s.Addr)
		return err
	}
	return usage.Execute(out, s)
}

var usage = template.Must(template.New("").Parse(`The platform listens on http://{{.Addr}}

An API key, which reads and writes, and one for browsers, which reads:

  curl -H 'Authorization: Bearer {{.SecretKey}}' http://{{.Addr}}/v1/tokens
  curl -H 'Authorization: Bearer {{.PublishableKey}}' http://{{.Addr}}/v1/tokens
  curl -H 'Authorization: Bearer {{.PublishableKey}}' -d '{}' http://{{.Addr}}/v1/tokens   # 403

A user logs in, and manages API keys with the access_token of the answer:

  curl -H 'Content-Type: application/json' http://{{.Addr}}/auth/login \
    -d '{"email":"{{.Email}}","password":"{{.Password}}"}'
  curl -H "Authorization: Bearer $TOKEN" http://{{.Addr}}/v1/api_keys
  curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' http://{{.Addr}}/v1/api_keys \
    -d '{"name":"Mine","type":"secret","scopes":["tokens:read"]}'

Or in a browser, with the same email and password:

  http://{{.Addr}}/settings/keys

A user who may do less (tokens:read):

  curl -H 'Content-Type: application/json' http://{{.Addr}}/auth/login \
    -d '{"email":"{{.MemberEmail}}","password":"{{.MemberPassword}}"}'

An API key is exchanged for a session's token, a credential and an OAuth client for theirs:

  curl -H 'Content-Type: application/json' http://{{.Addr}}/auth/login \
    -d '{"api_key":"{{.SecretKey}}","session_id":"one"}'
  curl -H 'Content-Type: application/json' http://{{.Addr}}/auth/token \
    -d '{"apiKey":"{{.APIKey}}","apiSecret":"{{.APISecret}}"}'
  curl -u '{{.ClientID}}:{{.ClientSecret}}' http://{{.Addr}}/oauth/token -d grant_type=client_credentials -d scope=read

Who any of them is, and what an inspector sees:

  curl -H "Authorization: Bearer $TOKEN" http://{{.Addr}}/api/v1/users/me
  curl -u '{{.IntrospectClientID}}:{{.IntrospectClientSecret}}' http://{{.Addr}}/oauth/introspect -d "token=$TOKEN"

Another API, whose tokens must have permissions (with the access_token of a user):

  curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' http://{{.Addr}}/s2/api_keys \
    -d '{"name":"Posts","type":"secret","scopes":["social-read-posts"]}'
  curl -H "Authorization: Bearer $KEY" http://{{.Addr}}/s2/posts

A key that leaked is reported by anyone who has it, and is revoked:

  curl -H 'Content-Type: application/json' http://{{.Addr}}/leaks \
    -d '{"key":"{{.SecretKey}}","url":"https://paste.example/a1b2"}'

Ctrl-C ends it, and all of these with it, unless there is a database.
`))
