package command

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/jwks"
)

// A verification is how a token is to be verified.
type verification struct {
	jwks, secretFile string
	issuer, audience string
	leeway, timeout  time.Duration
}

func (v *verification) define(flags *flag.FlagSet) {
	flags.StringVar(&v.jwks, "jwks", "",
		"verify the token with the JWK Set in a `file` or at an https URL; http only for this machine")
	flags.StringVar(&v.secretFile, "secret-file", "",
		"verify it with the secret of HMAC in a `file`; a line end behind it does not count")
	flags.StringVar(&v.issuer, "issuer", "", "the `iss` that it must have")
	flags.StringVar(&v.audience, "audience", "", "an `aud` that it must have")
	flags.DurationVar(&v.leeway, "leeway", 0, "how far clocks may differ: 30s, say")
	flags.DurationVar(&v.timeout, "timeout", 5*time.Second, "how long to wait for the JWK Set")
}

func (v *verification) asked() bool { return v.jwks != "" || v.secretFile != "" }

func (v *verification) validate() error {
	switch {
	case v.jwks != "" && v.secretFile != "":
		return cli.Usagef("token inspect: -jwks or -secret-file, not both: a token is of one family of algorithms")
	case !v.asked() && (v.issuer != "" || v.audience != "" || v.leeway != 0):
		return cli.Usagef("token inspect: -issuer, -audience and -leeway go with -jwks or -secret-file")
	case v.leeway < 0 || v.timeout < 10*time.Millisecond:
		return cli.Usagef("token inspect: -leeway must not be negative, and -timeout not be less than 10ms")
	}
	return nil
}

// verify lets a guard decide on the token, and notes its verdict.
func (v *verification) verify(ctx context.Context, compact string, t *token, i *inspection) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what fetches the set
	config := bearer.JWT{Issuer: v.issuer, Leeway: v.leeway}
	i.Checked = []string{"signature", "exp", "nbf", "typ", "sub"}
	if v.issuer != "" {
		i.Checked = append(i.Checked, "iss")
	} else {
		config.Issuer, _ = t.claims["iss"].(string)
		i.Warnings = append(i.Warnings, "iss was not checked: it is the token's own, without -issuer")
	}
	if v.audience != "" {
		config.Audiences = []string{v.audience}
		i.Checked = append(i.Checked, "aud")
	} else {
		config.Audiences = t.audiences()
		i.Warnings = append(i.Warnings, "aud was not checked: it is the token's own, without -audience")
	}
	if config.Issuer == "" || len(config.Audiences) == 0 {
		i.Verdict, i.Reason, i.Detail = refused, "invalid_token", "there is no iss or no aud"
		return nil
	}
	if err := v.keys(ctx, t, &config); err != nil {
		return err
	}
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{config}})
	if err != nil {
		return err
	}
	decide(ctx, guard, compact, i)
	return nil
}

// audiences returns the aud of a token, which is not verified.
func (t *token) audiences() []string {
	var list []string
	switch aud := t.claims["aud"].(type) {
	case string:
		list = append(list, aud)
	case []any:
		for _, one := range aud {
			if text, is := one.(string); is {
				list = append(list, text)
			}
		}
	}
	return list
}

// decide notes what a guard says of a token.
func decide(ctx context.Context, guard *bearer.Guard, compact string, i *inspection) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://guard.invalid/", nil)
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+compact)
		_, err = guard.Check(r)
	}
	var refusal *bearer.Error
	switch {
	case err == nil:
		i.Verdict = good
	case errors.As(err, &refusal) && refusal.Code != bearer.CodeServiceUnavailable:
		i.Verdict, i.Reason, i.Detail = refused, refusal.Reason, refusal.Message()
		if cause := refusal.Unwrap(); cause != nil {
			i.Detail = cause.Error()
		}
	default:
		i.Verdict, i.Detail = unavailable, err.Error()
	}
}

// families are algorithms whose keys are of one kind.
var families = [][]string{
	{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
	{"ES256", "ES384", "ES512"},
	{"EdDSA"},
}

// keys sets what the token may be signed with. The algorithms are those of the
// keys, never of the other kind: a public key is no secret of HMAC.
func (v *verification) keys(ctx context.Context, t *token, config *bearer.JWT) error {
	if v.secretFile != "" {
		return v.secret(config)
	}
	config.Algorithms = families[0]
	for _, family := range families {
		for _, name := range family {
			if name == t.algorithm() || name == "EdDSA" && t.algorithm() == "Ed25519" {
				config.Algorithms = family
			}
		}
	}
	source := jwks.Config{URL: v.jwks, Algorithms: config.Algorithms, Timeout: v.timeout}
	if !strings.HasPrefix(v.jwks, "https://") && !strings.HasPrefix(v.jwks, "http://") {
		set, err := os.ReadFile(v.jwks)
		if err != nil {
			return err
		}
		source.URL, source.Client = "https://file.invalid/", &http.Client{Transport: fileTransport(set)}
	}
	keys, err := jwks.New(ctx, source)
	if err != nil {
		return cli.Usagef("-jwks: %v", err)
	}
	config.Keyfunc = keys.Keyfunc
	return nil
}

// secret sets a secret of HMAC, and the algorithms that it is long enough for.
func (v *verification) secret(config *bearer.JWT) error {
	secret, err := readSecret(v.secretFile)
	if err != nil {
		return err
	}
	for _, a := range []struct {
		name  string
		bytes int
	}{{"HS256", 32}, {"HS384", 48}, {"HS512", 64}} {
		if len(secret) >= a.bytes {
			config.Algorithms = append(config.Algorithms, a.name)
		}
	}
	if config.Algorithms == nil {
		return cli.Usagef("-secret-file: %d bytes are too few: HS256 needs 32, HS384 48 and HS512 64", len(secret))
	}
	config.Keyfunc = func(*jwt.Token) (any, error) { return secret, nil }
	return nil
}

// A fileTransport answers every request with a JWK Set that was read from a file,
// so that one reader judges all sets.
type fileTransport []byte

// RoundTrip implements http.RoundTripper.
func (f fileTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/jwk-set+json"}},
		Body:          io.NopCloser(bytes.NewReader(f)),
		ContentLength: int64(len(f)), Request: r,
	}, nil
}
