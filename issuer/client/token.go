package client

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// A token is one access token, and when it is replaced.
type token struct {
	text    string
	renewAt time.Time // a new one is asked for from then on
	endsAt  time.Time // it is not used from then on
	forced  time.Time // when it replaced one that was refused; zero: it did not
}

// An answer is that of a token endpoint, whichever it is: the names of the
// members of all three.
type answer struct {
	Token       string      `json:"token"`
	ExpiresAt   int64       `json:"expiresAt"`
	TokenType2  string      `json:"tokenType"`
	AccessToken string      `json:"access_token"`
	ExpiresIn   json.Number `json:"expires_in"` // some servers quote it, or write a fraction
	TokenType   string      `json:"token_type"`
}

// parseToken returns the token in an answer. Its errors do not repeat the answer.
//
// A lifetime that is told as an instant is measured from the Date of the answer,
// so that it does not depend on the clock of this machine: a token that expires
// at 13:00:00, in an answer of 12:00:00, is good for an hour from now on.
func parseToken(text []byte, date string) (*token, error) {
	var a answer
	if json.Unmarshal(text, &a) != nil {
		return nil, errors.New("client: the token endpoint did not answer with JSON as expected")
	}
	now := time.Now().Round(0) // wall time: a machine may sleep
	lifetime := a.lifetime()
	if a.AccessToken == "" {
		a.AccessToken, a.TokenType = a.Token, a.TokenType2
		from, err := http.ParseTime(date)
		if err != nil {
			from = now
		}
		lifetime = time.Unix(a.ExpiresAt, 0).Sub(from)
	}
	switch {
	case a.AccessToken == "" || strings.ContainsFunc(a.AccessToken, notInToken):
		return nil, errors.New("client: the token endpoint answered without a token")
	case !strings.EqualFold(a.TokenType, "Bearer"):
		return nil, errors.New("client: the token endpoint answered with a token of another type")
	case lifetime <= 0:
		return nil, errors.New("client: the token endpoint answered with a token that has no time left")
	}
	return &token{
		text:    a.AccessToken,
		renewAt: now.Add(lifetime - min(time.Minute, lifetime/10)),
		endsAt:  now.Add(lifetime),
	}, nil
}

// lifetime returns what expires_in says. It may be absent (RFC 6749 section 5.1):
// then the token is renewed every few minutes.
func (a *answer) lifetime() time.Duration {
	if a.ExpiresIn == "" {
		return unknownLifetime
	}
	seconds, err := a.ExpiresIn.Float64()
	if err != nil || !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, maxSeconds)) * time.Second
}

// unknownLifetime is that of a token whose lifetime is not told.
const unknownLifetime = 5 * time.Minute

// maxSeconds is more than any token lives, and few enough for a time.Duration.
const maxSeconds = 100 * 365 * 24 * 3600

// notInToken reports whether no token has the character: RFC 6750 section 2.1
// has fewer, and header fields no others.
func notInToken(c rune) bool { return c <= ' ' || c > '~' }
