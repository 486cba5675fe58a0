package command

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
)

// A token is a JWT that was not verified.
type token struct {
	header, claims map[string]any // numbers are json.Number
}

// parseToken returns what a token says. Its errors do not repeat it.
func parseToken(compact string) (*token, error) {
	parts := strings.Split(compact, ".")
	switch len(parts) {
	case 3:
	case 5:
		return nil, errors.New("the token is encrypted (JWE), and only its audience can read it")
	default:
		return nil, errors.New("this is no JWT: it does not have three parts with dots between them")
	}
	var t token
	for i, part := range []struct {
		name string
		to   *map[string]any
	}{{"header", &t.header}, {"claims", &t.claims}} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, fmt.Errorf("this is no JWT: the %s are not in base64url", part.name)
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(part.to); err != nil || *part.to == nil {
			return nil, fmt.Errorf("this is no JWT: the %s are no object of JSON", part.name)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("this is no JWT: something stands behind the object of the %s", part.name)
		}
	}
	return &t, nil
}

// algorithm returns the alg of the header, or "".
func (t *token) algorithm() string {
	name, _ := t.header["alg"].(string)
	return name
}

// at returns the time that a claim says.
func (t *token) at(claim string) (time.Time, bool) { return timeOf(t.claims[claim]) }

// timeOf returns the time of a NumericDate (RFC 7519 section 2).
func timeOf(value any) (time.Time, bool) {
	number, isNumber := value.(json.Number)
	if !isNumber {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || math.Abs(seconds) >= 1<<37 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}

// warnings returns what is dangerous or missing in a token.
func (t *token) warnings(now time.Time) []string {
	found := []string{}
	warn := func(is bool, format string, args ...any) {
		if is {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	name := t.algorithm()
	warn(name == "" || strings.EqualFold(name, "none"), "alg is none: it is not signed, and anyone can make such a token")
	warn(strings.HasPrefix(name, "HS"),
		"%s: who can verify it can make one; its secret needs %s random bytes", name, secretLen(name))
	for _, claim := range []string{"exp", "iss", "aud", "sub"} {
		_, has := t.claims[claim]
		warn(!has, "there is no %s: a guard refuses it", claim)
	}
	for _, member := range []string{"jku", "x5u", "jwk", "x5c"} {
		_, has := t.header[member]
		warn(has, "the header has %s, which brings its own key: a verifier must not follow it", member)
	}
	_, critical := t.header["crit"]
	warn(critical, "the header has crit: who does not know what it names must refuse the token")
	kind, hasType := t.header["typ"].(string)
	warn(hasType && !usualType(kind), "typ is %q: a guard takes JWT and at+jwt, unless JWT.Types says more", kind)
	return append(found, t.timeWarnings(now)...)
}

// secretLen returns how many bytes the secret of an algorithm has (RFC 7518
// section 3.2).
func secretLen(algorithm string) string {
	switch algorithm {
	case "HS384":
		return "48"
	case "HS512":
		return "64"
	}
	return "32"
}

func usualType(kind string) bool {
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	return kind == "jwt" || kind == "at+jwt"
}

// longLife is a lifetime of a token above which a refresh token should be used.
const longLife = 31 * 24 * time.Hour

func (t *token) timeWarnings(now time.Time) []string {
	var found []string
	for _, claim := range []string{"exp", "nbf", "iat"} {
		if value, has := t.claims[claim]; has {
			if _, is := timeOf(value); !is {
				found = append(found, claim+" is no number of seconds")
			}
		}
	}
	exp, expires := t.at("exp")
	if expires && !now.Before(exp) {
		found = append(found, "it has expired")
	}
	if nbf, has := t.at("nbf"); has && now.Before(nbf) {
		found = append(found, "it is not good yet")
	}
	iat, issued := t.at("iat")
	if issued && now.Before(iat) {
		found = append(found, "iat is in the future: the clocks differ")
	}
	if issued && expires && exp.Sub(iat) > longLife {
		found = append(found, "it lives for "+duration(exp.Sub(iat))+", and cannot be taken back by its form alone")
	}
	return found
}

// shown returns a value for people: times in words.
func shown(name string, value any, now time.Time) string {
	text, isText := value.(string)
	if !isText {
		data, err := json.Marshal(value)
		if err != nil {
			return "?"
		}
		text = string(data)
	}
	text = cli.Plain(text)
	at, isTime := timeOf(value)
	if !isTime {
		return text
	}
	switch name {
	case "exp":
		return fmt.Sprintf("%s  %s (%s)", text, at.Format(time.RFC3339), relative("expires", "expired", at.Sub(now)))
	case "nbf":
		return fmt.Sprintf("%s  %s (%s)", text, at.Format(time.RFC3339), relative("good", "good since", at.Sub(now)))
	case "iat", "auth_time", "updated_at":
		return fmt.Sprintf("%s  %s (%s)", text, at.Format(time.RFC3339), relative("", "", at.Sub(now)))
	}
	return text
}

// relative returns when something is, seen from now.
func relative(future, past string, d time.Duration) string {
	if d > 0 {
		return strings.TrimSpace(future + " in " + duration(d))
	}
	return strings.TrimSpace(past + " " + duration(-d) + " ago")
}

// duration returns a duration in its largest unit.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}
