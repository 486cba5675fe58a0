package leak

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/internal/address"
)

// A ReportsConfig says how leaks are reported to the application itself. The zero
// value revokes what has leaked.
type ReportsConfig struct {
	// Decide says what to do about a live key: see [issuer.Leak]. Nil: it is
	// revoked.
	Decide func(context.Context, issuer.APIKey) (issuer.LeakAction, error)

	// Limit is how many reports an address may make; an IPv6 address stands for its
	// /64. Zero: 60 a minute. [bearer.Unlimited]: any, for a handler that stands
	// behind a guard.
	Limit bearer.Limit

	// Limiter holds the buckets of Limit. Nil: a [bearer.Buckets], of this process
	// alone.
	Limiter bearer.Limiter
}

// Reports returns a handler for reports of people and programs: a POST of
//
//	{"key":"sk_live_…","url":"https://…","source":"slack"}
//
// in which only key is required. Who has the text of a key may have it revoked:
// that is what a leak is, and it gives them nothing. To take reports from some
// clients alone, put a guard in front.
//
// The answer is {"status":"revoked"}, or another of unknown, public, ended and
// flagged, as of [issuer.LeakStatus]. It tells no more of a key than a guard does:
// if a key has another secret, that is "revoked", too.
//
// Reports returns an error if iss is nil, or if Limit would let nothing through.
func Reports(iss *issuer.Issuer, config ReportsConfig) (http.Handler, error) {
	if iss == nil {
		return nil, errNilIssuer
	}
	config.Limit = cmp.Or(config.Limit, bearer.PerMinute(60))
	if !(config.Limit.Rate > 0) || config.Limit.Burst < 1 && config.Limit.Rate < bearer.Unlimited.Rate {
		return nil, errors.New("leak: ReportsConfig.Limit: nothing would get through")
	}
	if config.Limiter == nil {
		config.Limiter = new(bearer.Buckets)
	}
	s := &reports{iss, config}
	return endpoint(iss, s.serve), nil
}

type reports struct {
	iss    *issuer.Issuer
	config ReportsConfig
}

func (s *reports) serve(w http.ResponseWriter, r *http.Request) error {
	if err := s.charge(r.Context()); err != nil {
		return err
	}
	members, err := readMembers(w, r)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(members["key"])
	if text == "" {
		return invalid("key", "key is required.")
	}
	source := "report"
	if members["source"] != "" {
		source += ":" + members["source"]
	}
	if len(source) > maxSource {
		return invalid("source", "source must be 1 to 57 of a-z, 0-9, _, : and -.")
	}
	report, err := s.iss.ReportLeak(r.Context(), text, issuer.Leak{
		Source: source, URL: members["url"], Decide: s.config.Decide,
	})
	if err != nil {
		return err
	}
	if report.Status == issuer.LeakSecretEnded {
		report.Status = issuer.LeakRevoked
	}
	return answer(w, struct {
		Status issuer.LeakStatus `json:"status"`
	}{report.Status})
}

// limitName is the name of the limit in refusals, and of its buckets.
const limitName = "leak-report"

// charge takes a report from the bucket of the client's address (429, 503).
func (s *reports) charge(ctx context.Context) error {
	if s.config.Limit.Rate >= bearer.Unlimited.Rate {
		return nil
	}
	ip, _ := address.Of(ctx)
	bucket := bearer.Bucket{Policy: limitName, Class: "issuer", ID: address.Network(ip)} // a class without callers
	usage, err := s.take(ctx, bucket)
	if err != nil {
		e := &bearer.Error{Code: bearer.CodeServiceUnavailable, Reason: "limiter_unavailable", RetryAfter: time.Second}
		return e.WithCause(err)
	}
	if usage.Allowed {
		return nil
	}
	e := refuse(bearer.CodeRateLimitExceeded)
	usage.Limit = cmp.Or(usage.Limit, s.config.Limit)
	e.RetryAfter, e.Policy, e.Usage = max(usage.Wait, time.Second), limitName, usage
	return e
}

// take asks the limiter. One that panics is out of order.
func (s *reports) take(ctx context.Context, b bearer.Bucket) (usage bearer.Usage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("leak: a panic in the limiter")
		}
	}()
	return s.config.Limiter.Take(ctx, b, 1, s.config.Limit)
}

const (
	maxReport = 16 << 10 // bytes of the body of a report
	maxSource = 64       // bytes of a source, as issuer.Leak has them
)

// readMembers reads the body of a report (400, 413, 415): an object of texts, each
// once, and no others than it may have.
func readMembers(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	if err := mustBeJSON(r.Header); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return parseMembers(nil)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refuse(bearer.CodePayloadTooLarge)
	case err != nil:
		return nil, invalid("", "The body could not be read.").WithCause(err)
	}
	return parseMembers(body)
}

// parseMembers parses strictly: a member that is misspelled, or stands there
// twice, must not be passed over where a reader in front may have taken it.
func parseMembers(body []byte) (map[string]string, error) {
	noObject := invalid("", "The body must be one JSON object of strings, in UTF-8.")
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, noObject
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if start, _ := d.Token(); start != json.Delim('{') {
		return nil, noObject
	}
	members := map[string]string{}
	for d.More() {
		name, _ := d.Token() // a text: the body is valid
		value, _ := d.Token()
		member, _ := name.(string)
		text, isText := value.(string)
		_, isTwice := members[member]
		switch {
		case member != "key" && member != "url" && member != "source":
			return nil, invalid("", "There are no other members than key, url and source.")
		case isTwice:
			return nil, invalid(member, "The member stands twice in the body.")
		case !isText || strings.Contains(text, "\x00"):
			return nil, invalid(member, member+" must be a string without NUL.")
		}
		members[member] = text
	}
	return members, nil
}
