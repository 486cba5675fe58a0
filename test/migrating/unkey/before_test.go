// Package unkey has the guide from Unkey.
package unkey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// unkey calls Unkey's HTTP API.
type unkey struct {
	client  *http.Client
	url     string // "https://api.unkey.com"
	rootKey string
}

// post calls a method, such as "keys.verifyKey", and decodes what data holds.
func (u unkey) post(ctx context.Context, method string, body, data any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url+"/v2/"+method, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+u.rootKey)
	r.Header.Set("Content-Type", "application/json")
	answer, err := u.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answer.StatusCode, fmt.Errorf("%s: %s", method, answer.Status)
	}
	return answer.StatusCode, json.NewDecoder(answer.Body).Decode(&struct {
		Data any `json:"data"`
	}{data})
}

type verification struct {
	Valid    bool   `json:"valid"`
	Code     string `json:"code"`
	Identity struct {
		ExternalID string `json:"externalId"`
	} `json:"identity"`
}

type identityKey struct{}

// require lets a request through if its key has the permission.
func (u unkey) require(permission string, next http.HandlerFunc) http.Handler {
	statuses := map[string]int{
		"FORBIDDEN": 403, "INSUFFICIENT_PERMISSIONS": 403, "DISABLED": 403, "EXPIRED": 403,
		"RATE_LIMITED": 429, "USAGE_EXCEEDED": 429,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		var v verification
		body := map[string]any{"key": key, "permissions": permission}
		if _, err := u.post(r.Context(), "keys.verifyKey", body, &v); err != nil {
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
		if !v.Valid {
			status := statuses[v.Code]
			if status == 0 {
				status = http.StatusUnauthorized
			}
			http.Error(w, v.Code, status)
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, v.Identity.ExternalID)))
	})
}

func before(u unkey) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/wallets", u.require("wallets.read", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "wallets of ", r.Context().Value(identityKey{}))
	}))
	return mux
}
