package leak

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A GitHubConfig says how messages of GitHub's secret scanning are taken. The zero
// value revokes what has leaked.
type GitHubConfig struct {
	// Decide says what to do about a live key: see [issuer.Leak]. Nil: it is
	// revoked.
	Decide func(context.Context, issuer.APIKey) (issuer.LeakAction, error)

	// RawTokens makes answers name tokens by their texts, and not by their SHA-256.
	// Both are GitHub's format. Zero: by their SHA-256, which may stand in a log.
	RawTokens bool

	// Token is a token of GitHub's API, without any permission, for a higher rate
	// limit than that of an address. It is sent with requests for KeysURL, and
	// nowhere else. Zero: none.
	Token string

	// KeysURL is where GitHub's public keys are. It has https, or http at a loopback
	// address. Zero: https://api.github.com/meta/public_keys/secret_scanning.
	KeysURL string

	// Client fetches KeysURL, within five seconds. It follows no redirects. Nil: one
	// with a transport of its own.
	Client *http.Client
}

// String returns "leak.GitHubConfig": a config holds a secret.
func (GitHubConfig) String() string { return "leak.GitHubConfig" }

// Format implements [fmt.Formatter], so that no verb shows the token.
func (c GitHubConfig) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// GitHub returns a handler for the messages of GitHub's secret scanning partner
// program: a POST with an array of matches, which GitHub has signed. It fetches
// GitHub's public keys when they are needed, and remembers them.
//
// The answer says of each match whether it was a secret of the issuer's. If the
// store is out of order, it is 503, once all has been done that can be; if the
// message is sent again, what was done is not done again. A message without a good
// signature is refused (403) before it is parsed.
//
// GitHub returns an error if iss is nil, or if KeysURL has neither https nor a
// loopback address.
func GitHub(iss *issuer.Issuer, config GitHubConfig) (http.Handler, error) {
	if iss == nil {
		return nil, errNilIssuer
	}
	f, err := newFetcher(config)
	if err != nil {
		return nil, err
	}
	g := &gitHub{iss: iss, config: config, keys: keySet{fetch: f.fetch}, bodies: newBodies()}
	return endpoint(iss, g.serve), nil
}

type gitHub struct {
	iss    *issuer.Issuer
	config GitHubConfig
	keys   keySet
	bodies *bodies
}

// A match is a text that GitHub found.
type match struct {
	Token  string `json:"token"`
	Type   string `json:"type"`
	URL    string `json:"url"`
	Source string `json:"source"`
}

// A verdict is what GitHub is told of a match.
type verdict struct {
	Raw   string `json:"token_raw,omitempty"`
	Hash  string `json:"token_hash,omitempty"` // SHA-256, as 64 hexadecimal digits
	Type  string `json:"token_type"`
	Label string `json:"label"`
}

func (g *gitHub) serve(w http.ResponseWriter, r *http.Request) error {
	if err := mustNotBeOther(r.Header); err != nil {
		return err
	}
	signed, err := signatureOf(r.Header)
	if err != nil {
		return err
	}
	key, err := g.keys.find(r.Context(), signed.identifier)
	if err != nil {
		return err
	}
	body, done, err := g.bodies.read(w, r)
	defer done()
	if err != nil {
		return err
	}
	if !signed.isOf(body, key) {
		return wrongSignature("the signature is not of the body")
	}
	matches, err := parseMatches(body)
	if err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime)) // beyond that of the server
	statuses, err := g.report(r.Context(), matches)
	if err != nil {
		return err
	}
	return answer(w, g.verdicts(matches, statuses))
}

// maxMatches is how many matches a message may have.
const maxMatches = 20_000

// parseMatches reads a body that GitHub signed (400, 413). It must be an array. In
// that, what is not known, or is no text where a text is expected, is passed over:
// a format that has grown must not keep keys from being revoked.
func parseMatches(body []byte) ([]match, error) {
	var matches []match
	err := json.Unmarshal(body, &matches)
	var otherType *json.UnmarshalTypeError // of one member; all others are read
	if err != nil && !errors.As(err, &otherType) || matches == nil {
		return nil, invalid("", "The body must be a JSON array of matches.")
	}
	if len(matches) > maxMatches {
		return nil, refuse(bearer.CodePayloadTooLarge)
	}
	return matches, nil
}

// source returns where GitHub found a match, as a leak names it: github:commit.
func (m match) source() string {
	source := strings.ToLower(m.Source)
	if source == "" || len(source) > 32 || strings.Trim(source, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return "github"
	}
	return "github:" + source
}

// verdicts returns the answer: one verdict for each match with a token.
func (g *gitHub) verdicts(matches []match, statuses map[string]issuer.LeakStatus) []verdict {
	list := make([]verdict, 0, len(matches))
	for _, m := range matches {
		if m.Token == "" {
			continue
		}
		v := verdict{Type: m.Type, Label: "false_positive"}
		if statuses[m.Token].IsReal() {
			v.Label = "true_positive"
		}
		if g.config.RawTokens {
			v.Raw = m.Token
		} else {
			sum := sha256.Sum256([]byte(m.Token))
			v.Hash = hex.EncodeToString(sum[:])
		}
		list = append(list, v)
	}
	return list
}
