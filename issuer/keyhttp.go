package issuer

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// What follows serves /v1/api_keys. Each handler reads a request, makes one call
// of the Go API, and answers with the resource.

func (i *Issuer) serveCreateKey(w http.ResponseWriter, r *http.Request) error {
	by, err := i.callerOf(r)
	if err != nil {
		return err
	}
	o, err := readObject(w, r)
	if err != nil {
		return err
	}
	wanted, err := newKeyOf(o)
	if err != nil {
		return err
	}
	text, key, err := i.CreateKey(r.Context(), by, wanted)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, newKeyResource{key.resource(), text})
}

func (i *Issuer) serveListKeys(w http.ResponseWriter, r *http.Request) error {
	by, err := i.callerOf(r)
	if err != nil {
		return err
	}
	q, err := keyQueryOf(r)
	if err != nil {
		return err
	}
	keys, next, err := i.ListKeys(r.Context(), by, q)
	if err != nil {
		return err
	}
	page := keyPage{Data: make([]keyResource, 0, len(keys)), Next: textOrNull(next)}
	for _, key := range keys {
		page.Data = append(page.Data, key.resource())
	}
	return answer(w, http.StatusOK, page)
}

// keyQueryOf reads the query of a list of keys.
func keyQueryOf(r *http.Request) (k KeyQuery, err error) {
	q, err := readQuery(r, "limit", "cursor", "include_revoked", "expires_before", "unused_since")
	if err != nil {
		return KeyQuery{}, err
	}
	if k.Limit, err = q.number("limit"); err != nil {
		return KeyQuery{}, err
	}
	if cursor, isThere := q["cursor"]; isThere && cursor == "" {
		return KeyQuery{}, badCursor()
	}
	k.Cursor = q["cursor"]
	if k.IncludeRevoked, err = q.flag("include_revoked"); err != nil {
		return KeyQuery{}, err
	}
	if k.ExpiresBefore, err = q.time("expires_before"); err != nil {
		return KeyQuery{}, err
	}
	k.UnusedSince, err = q.time("unused_since")
	return k, err
}

func (i *Issuer) serveGetKey(w http.ResponseWriter, r *http.Request) error {
	return i.serveKey(w, r, i.GetKey)
}

func (i *Issuer) serveUpdateKey(w http.ResponseWriter, r *http.Request) error {
	return i.serveKey(w, r, func(ctx context.Context, by Caller, id string) (APIKey, error) {
		o, err := readObject(w, r)
		if err != nil {
			return APIKey{}, err
		}
		change, err := i.changeOfKey(o)
		if err != nil {
			return APIKey{}, err
		}
		return i.UpdateKey(ctx, by, id, func(key *APIKey) error {
			change(key)
			return nil
		})
	})
}

// changeOfKey reads the body of a change of a key that exists.
func (i *Issuer) changeOfKey(o object) (func(*APIKey), error) {
	if err := o.only(append([]string{"disabled"}, policyMembers...)...); err != nil {
		return nil, err
	}
	if _, isThere := o["scopes"]; isThere && !o.has("scopes") && i.config.Rules.MustScope {
		return nil, invalid("scopes", "scopes are required.")
	}
	return changeOf(o)
}

func (i *Issuer) serveRevokeKey(w http.ResponseWriter, r *http.Request) error {
	return i.serveKey(w, r, func(ctx context.Context, by Caller, id string) (APIKey, error) {
		q, err := readQuery(r, "reason")
		if err != nil {
			return APIKey{}, err
		}
		return i.RevokeKey(ctx, by, id, q["reason"])
	})
}

// serveKey answers with the key that the path names, once call has done something
// with it.
func (i *Issuer) serveKey(
	w http.ResponseWriter, r *http.Request, call func(ctx context.Context, by Caller, id string) (APIKey, error),
) error {
	by, err := i.callerOf(r)
	if err != nil {
		return err
	}
	key, err := call(r.Context(), by, pathValue(r, "/v1/api_keys/{id}", "id"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, key.resource())
}

func (i *Issuer) serveRotateKey(w http.ResponseWriter, r *http.Request) error {
	by, err := i.callerOf(r)
	if err != nil {
		return err
	}
	o, err := readOptional(w, r)
	if err != nil {
		return err
	}
	grace, err := i.graceOf(o)
	if err != nil {
		return err
	}
	text, key, err := i.RotateKey(r.Context(), by, pathValue(r, "/v1/api_keys/{id}/rotate", "id"), grace)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newKeyResource{key.resource(), text})
}

// graceOf reads the body of a rotation.
func (i *Issuer) graceOf(o object) (time.Duration, error) {
	const name = "grace_period_seconds"
	if err := o.only(name); err != nil {
		return 0, err
	}
	if !o.has(name) {
		return i.config.Rules.Grace, nil
	}
	var number json.Number
	err := json.Unmarshal(o[name], &number)
	seconds, notWhole := strconv.ParseUint(number.String(), 10, 31)
	if err != nil || notWhole != nil || o[name][0] == '"' {
		return 0, invalid(name, name+" must be a whole number from 0 on.")
	}
	return time.Duration(seconds) * time.Second, nil
}

func (i *Issuer) serveEndSecret(w http.ResponseWriter, r *http.Request) error {
	by, err := i.callerOf(r)
	if err != nil {
		return err
	}
	const pattern = "/v1/api_keys/{id}/secrets/{secret}"
	if _, err := i.EndSecret(r.Context(), by, pathValue(r, pattern, "id"), pathValue(r, pattern, "secret")); err != nil {
		return err
	}
	return noContent(w)
}
