package page

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// newID returns the ID of a key that is to be made. The form has it, so that a
// form that is sent twice makes one key.
func newID() string { return "ak_" + strings.ToLower(rand.Text()) }

// ids are those that newID returns.
var ids = regexp.MustCompile(`^ak_[a-z2-7]{26}$`)

// showNew shows the form for a new key.
func (p *page) showNew(v *view) error {
	v.Place, v.Title = "keys", v.T("Create a key")
	if v.ReadOnly {
		return &bearer.Error{Code: bearer.CodeForbidden}
	}
	v.Form, v.Body = p.newForm(v, time.Now()), "new"
	return nil
}

// createKey makes a key and shows its text.
func (p *page) createKey(ctx context.Context, v *view, typed url.Values) error {
	v.Place, v.Title = "keys", v.T("Create a key")
	f := readKeyForm(typed)
	if !ids.MatchString(f.ID) {
		return &bearer.Error{Code: bearer.CodeInvalidRequest}
	}
	text, key, err := p.createKeyOf(ctx, v.by, f)
	switch {
	case err == nil:
		v.status = http.StatusCreated
		p.fillKey(v, &key)
		v.Key.Text = text
		return nil
	case bearer.CodeOf(err) == bearer.CodeConflict: // it exists, or is one too many since it does
		if _, unseen := p.iss.GetKey(ctx, v.by, f.ID); unseen == nil {
			v.goTo("key=" + f.ID + "&done=exists")
			return nil
		}
	case v.ReadOnly:
		return err
	}
	p.offer(v, f, "", time.Now())
	v.Form, v.Body = f, "new"
	return v.failForm(f, err)
}

func (p *page) createKeyOf(ctx context.Context, by issuer.Caller, f *form) (string, issuer.APIKey, error) {
	var key issuer.APIKey
	if err := p.fill(by, f, &key); err != nil {
		return "", key, err
	}
	key.ID, key.Kind, key.Environment = f.ID, kindOf(f.Kind), environmentOf(f.Environment)
	if key.Environment == 0 {
		return "", key, invalid("environment", "environment must be test or live.")
	}
	if key.ExpiresAt.IsZero() && !p.mayLiveForever(true) { // the issuer would choose
		return "", key, invalid("expires_at", "Choose when the key expires.")
	}
	return p.iss.CreateKey(ctx, by, key)
}

// fill sets the policy of a key by a form.
func (p *page) fill(by issuer.Caller, f *form, key *issuer.APIKey) (err error) {
	key.Name = f.Name
	if key.Scopes, err = p.scopesOf(by, f, key); err != nil {
		return err
	}
	if key.ExpiresAt, err = p.expiryOf(f, key.ExpiresAt, time.Now()); err != nil {
		return err
	}
	if key.AllowedIPs, err = addressesOf(f.Addresses); err != nil {
		return err
	}
	key.AllowedOrigins = trimmedLines(f.Origins)
	key.Metadata, err = metadataOf(f.Metadata)
	return err
}

// updateKey changes the policy of a key, unless another page has changed it
// since the form was shown.
func (p *page) updateKey(ctx context.Context, v *view, id string, typed url.Values) error {
	f := readKeyForm(typed)
	version, _ := strconv.ParseInt(typed.Get("version"), 10, 64)
	_, err := p.iss.UpdateKey(ctx, v.by, id, func(key *issuer.APIKey) error {
		if key.Version != version {
			return conflict("The key was changed meanwhile. Look at it as it is now.")
		}
		return p.fill(v.by, f, key)
	})
	if err == nil {
		v.goTo("key=" + url.QueryEscape(id) + "&done=updated")
		return nil
	}
	key, unseen := p.iss.GetKey(ctx, v.by, id)
	if unseen != nil || v.ReadOnly {
		return err
	}
	f.ID, f.IsOpen, f.HasOrigins = "", true, key.Kind == bearer.PublishableKey
	p.offer(v, f, key.Scopes, time.Now())
	v.Form = f
	p.fillKey(v, &key)
	return v.failForm(f, err)
}

// rotateKey gives a key a new text and shows it. A form that is sent twice, or
// stands in two tabs, rotates once: it names the secret that it saw.
func (p *page) rotateKey(ctx context.Context, v *view, id string, form url.Values) error {
	seconds, err := strconv.ParseUint(form.Get("grace"), 10, 31)
	if err != nil {
		return p.failKey(ctx, v, id, invalid("grace_period_seconds", "Choose how long the old value works."))
	}
	text, key, err := p.iss.RotateSecret(ctx, v.by, id, form.Get("secret"), time.Duration(seconds)*time.Second)
	if err != nil {
		return p.failKey(ctx, v, id, err)
	}
	p.fillKey(v, &key)
	v.Key.Text = text
	return nil
}

// endSecret ends the old text of a key.
func (p *page) endSecret(ctx context.Context, v *view, id string, form url.Values) error {
	_, err := p.iss.EndSecret(ctx, v.by, id, form.Get("secret"))
	return p.finish(ctx, v, id, "secret-ended", err)
}

// disableKey disables a key, or enables it again.
func (p *page) disableKey(ctx context.Context, v *view, id string, isDisabled bool) error {
	done := "enabled"
	if isDisabled {
		done = "disabled"
	}
	_, err := p.iss.UpdateKey(ctx, v.by, id, func(key *issuer.APIKey) error {
		key.Disabled = isDisabled
		return nil
	})
	return p.finish(ctx, v, id, done, err)
}

// revokeKey revokes a key.
func (p *page) revokeKey(ctx context.Context, v *view, id string, form url.Values) error {
	_, err := p.iss.RevokeKey(ctx, v.by, id, form.Get("reason"))
	return p.finish(ctx, v, id, "revoked", err)
}

// finish answers with the page of a key, and says there what was done.
func (p *page) finish(ctx context.Context, v *view, id, done string, err error) error {
	if err != nil {
		return p.failKey(ctx, v, id, err)
	}
	v.goTo("key=" + url.QueryEscape(id) + "&done=" + done)
	return nil
}

// failKey shows an error above the key that it is about, if that can be shown.
func (p *page) failKey(ctx context.Context, v *view, id string, err error) error {
	if bearer.CodeOf(err) != bearer.CodeServiceUnavailable {
		if key, unseen := p.iss.GetKey(ctx, v.by, id); unseen == nil {
			p.fillKey(v, &key)
		}
	}
	return err
}

// failForm shows an error at the field that it is about.
func (v *view) failForm(f *form, err error) error {
	var e *bearer.Error
	if errors.As(err, &e) && e.Param != "" {
		f.Problems = map[string]string{e.Param: v.T(e.Message())}
		f.HasMore = f.HasMore || e.Param == "allowed_ips" || e.Param == "allowed_origins" || e.Param == "metadata"
	}
	return err
}

// conflict refuses what does not go with how a key is now.
func conflict(detail string) *bearer.Error {
	e := refuse(bearer.CodeConflict)
	e.Detail = detail
	return e
}
