package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// print writes the credentials as JSON, or the requests that use them.
func (c *credentials) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(c)
	}
	_, err := fmt.Fprintf(out, "Listening on http://%s until Ctrl-C. In another terminal:\n", c.Addr)
	for _, t := range c.tries() {
		if err == nil {
			_, err = fmt.Fprintf(out, "\n# %s\n%s\n", t.shows, t.curl(c.Addr))
		}
	}
	return err
}

// A try is a request to make.
type try struct {
	shows      string // begins with the status
	method     string
	path       string
	credential string
	times      int // zero: once
}

func (c *credentials) tries() []try {
	return []try{
		{"200: a secret key reads", "GET", "/v1/tokens", c.SecretKey, 0},
		{"201: and writes", "POST", "/v1/tokens", c.SecretKey, 0},
		{"200: a publishable key reads", "GET", "/v1/wallets", c.PublishableKey, 0},
		{"200: a JWT opens the dashboard", "GET", "/auth/me", c.Token, 0},
		{"401 missing_credentials: nothing sent", "GET", "/v1/tokens", "", 0},
		{"401 invalid_api_key: a typing error", "GET", "/v1/tokens", mistype(c.SecretKey), 0},
		{"401 wrong_credential_type: this guard takes keys", "GET", "/v1/tokens", c.Token, 0},
		{"401 wrong_credential_type: this one takes JWTs", "GET", "/auth/me", c.SecretKey, 0},
		{"403 secret_key_required: publishable keys only read", "POST", "/v1/wallets", c.PublishableKey, 0},
		{"403 scope_insufficient: the key lacks events:read", "GET", "/v1/events", c.PublishableKey, 0},
		{"403 key_expired: an hour ago", "GET", "/v1/tokens", c.ExpiredKey, 0},
		{"403 ip_not_allowed: the key is for 192.0.2.0/24", "GET", "/v1/tokens", c.IPBoundKey, 0},
		{"429 rate_limit_exceeded: the fourth in a minute", "GET", "/v1/tokens", c.LimitedKey, 4},
	}
}

// curl returns the command that makes the request.
func (t *try) curl(addr string) string {
	command := "curl -i"
	if t.method != "GET" {
		command += " -X " + t.method
	}
	if t.credential != "" {
		command += " -H 'Authorization: Bearer " + t.credential + "'"
	}
	command += " http://" + addr + t.path
	if t.times > 0 {
		command = fmt.Sprintf("for i in $(seq %d); do %s; done", t.times, command)
	}
	return command
}

// mistype returns key with another last character.
func mistype(key string) string {
	last := "0"
	if key[len(key)-1] == '0' {
		last = "1"
	}
	return key[:len(key)-1] + last
}
