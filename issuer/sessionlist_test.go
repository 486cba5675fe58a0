package issuer_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// labelsOf returns the labels of sessions, sorted.
func labelsOf(sessions []issuer.Session) []string {
	labels := []string{}
	for _, s := range sessions {
		labels = append(labels, s.Label)
	}
	slices.Sort(labels)
	return labels
}

// manySessions starts sessions of users and keys of two owners. Each label says
// whose it is.
func (w *loginWorld) manySessions() map[string]issuer.Session {
	t := w.t
	for _, user := range []issuer.User{
		{ID: "admin", Owner: "acme"}, {ID: "member", Owner: "acme"}, {ID: "admin", Owner: "evil"},
	} {
		_, err := w.StartSession(t.Context(), user, user.Owner+" "+user.ID)
		require.NoError(t, err)
	}
	for _, by := range []issuer.Caller{{ID: "admin", Owner: "acme"}, {ID: "member", Owner: "acme"}, {ID: "admin", Owner: "evil"}} {
		by.Scopes = bearer.FullAccess
		text, _, err := w.CreateKey(t.Context(), by, issuer.APIKey{Name: "k", Kind: bearer.SecretKey})
		require.NoError(t, err)
		w.token(loginOf(text, by.Owner+" key of "+by.ID))
	}
	all, err := w.store.ListSessions(t.Context(), issuer.SessionQuery{})
	require.NoError(t, err)
	byLabel := map[string]issuer.Session{}
	for _, s := range all {
		byLabel[s.Label] = s
	}
	require.Len(t, byLabel, 6)
	return byLabel
}

func TestVisibleSessions(t *testing.T) { // own sessions, or those of own keys; another's is 404
	tests := []struct {
		name string
		by   issuer.Caller
		sees []string
	}{
		{
			"an admin", issuer.Caller{ID: "admin", Owner: "acme"},
			[]string{"acme admin", "acme key of admin", "acme key of member"},
		},
		{
			"a member", issuer.Caller{ID: "member", Owner: "acme", OwnOnly: true},
			[]string{"acme key of member", "acme member"},
		},
		{"an operator", issuer.Operator("acme"), []string{"acme key of admin", "acme key of member"}},
		{"another owner", issuer.Caller{ID: "admin", Owner: "evil"}, []string{"evil admin", "evil key of admin"}},
		{"an ID with a prefix", issuer.Caller{ID: "user:admin", Owner: "acme", OwnOnly: true}, []string{}},
		{"who only reads", issuer.Caller{ID: "admin", Owner: "evil", ReadOnly: true}, []string{"evil admin", "evil key of admin"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t)
			all := w.manySessions()
			found, next, err := w.ListSessions(t.Context(), tt.by, issuer.SessionQuery{})
			require.NoError(t, err)
			assert.Empty(t, next)
			assert.Equal(t, tt.sees, labelsOf(found))
			elsewhere, _, err := w.ListSessions(t.Context(), tt.by, issuer.SessionQuery{Owner: "evil", CreatedBy: "admin"})
			require.NoError(t, err)
			for _, s := range elsewhere {
				assert.Contains(t, tt.sees, s.Label, "no query widens it")
			}
			for label, s := range all {
				want := bearer.CodeNotFound
				switch {
				case tt.by.ReadOnly:
					want = bearer.CodeForbidden
				case slices.Contains(tt.sees, label):
					want = ""
				}
				assert.Equal(t, want, bearer.CodeOf(w.EndSession(t.Context(), tt.by, s.ID)), label)
				after, err := w.store.GetSession(t.Context(), s.ID)
				require.NoError(t, err)
				assert.Equal(t, want == "", !after.EndedAt.IsZero())
			}
		})
	}
}

func TestListSessionsOverHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		text, key := w.key()
		var ids []any
		var login reply
		for range 3 {
			login = w.alice()
			ids = append([]any{sidOf(t, login.member("access_token"))}, ids...)
			time.Sleep(time.Second)
		}
		ofKey := w.token(loginOf(text, "a tab"))
		ids = append([]any{sidOf(t, ofKey)}, ids...)
		field := "Authorization: Bearer " + login.member("access_token")
		r := w.do(http.MethodGet, "/auth/sessions", "", field)
		require.Equal(t, http.StatusOK, r.code, r.text)
		assert.Nil(t, r.members["next_cursor"])
		assert.Equal(t, ids, idsIn(r))
		assert.Equal(t, "no-store", r.header.Get("Cache-Control"))
		data, _ := r.members["data"].([]any)
		assert.Equal(t, map[string]any{
			"id": ids[0], "subject": "key:" + key.ID, "name": "a tab",
			"created_at": "2000-01-01T00:00:03Z", "expires_at": "2000-01-01T02:00:03Z", "refreshed_at": nil,
		}, data[0])

		var paged []any
		query := "?limit=3"
		for range 2 {
			r := w.do(http.MethodGet, "/auth/sessions"+query, "", field)
			require.Equal(t, http.StatusOK, r.code, r.text)
			paged = append(paged, idsIn(r)...)
			query = "?limit=3&cursor=" + r.member("next_cursor")
		}
		assert.Equal(t, ids, paged)

		refreshed := w.refresh(login.member("refresh_token"))
		end := w.do(http.MethodDelete, "/auth/sessions/"+ids[3].(string), "", field)
		assert.Equal(t, http.StatusNoContent, end.code, end.text)
		time.Sleep(2 * time.Hour)
		require.Equal(t, http.StatusOK, refreshed.code)
		login = w.refresh(refreshed.member("refresh_token"))
		field = "Authorization: Bearer " + login.member("access_token")
		r = w.do(http.MethodGet, "/auth/sessions", "", field)
		assert.Equal(t, ids[1:3], idsIn(r), "only what lives")
		data, _ = r.members["data"].([]any)
		assert.Equal(t, "2000-01-01T02:00:03Z", data[0].(map[string]any)["refreshed_at"])
	})
}

// idsIn returns the IDs of a list.
func idsIn(r reply) (ids []any) {
	data, _ := r.members["data"].([]any)
	for _, d := range data {
		resource, _ := d.(map[string]any)
		ids = append(ids, resource["id"])
	}
	return ids
}

func TestSessionCallsRefused(t *testing.T) {
	w := newLoginWorld(t)
	text, _ := w.key()
	ofKey := w.token(loginOf(text))
	user := w.alice().member("access_token")
	tests := []struct {
		name, method, path, token string
		code                      int
		reason, param             string
	}{
		{"nobody", "GET", "/auth/sessions", "", 401, "missing_credentials", ""},
		{"an API key", "GET", "/auth/sessions", text, 401, "wrong_credential_type", ""},
		{"a key's session", "GET", "/auth/sessions", ofKey, 403, "user_required", ""},
		{"a key's session ends", "DELETE", "/auth/sessions/" + sidOf(t, ofKey), ofKey, 403, "user_required", ""},
		{"limit 0", "GET", "/auth/sessions?limit=0", user, 400, "invalid_request", "limit"},
		{"limit 101", "GET", "/auth/sessions?limit=101", user, 400, "invalid_request", "limit"},
		{"a limit in words", "GET", "/auth/sessions?limit=ten", user, 400, "invalid_request", "limit"},
		{"a malformed cursor", "GET", "/auth/sessions?cursor=%21", user, 400, "invalid_request", "cursor"},
		{"an empty cursor", "GET", "/auth/sessions?cursor=", user, 400, "invalid_request", "cursor"},
		{"an unknown parameter", "GET", "/auth/sessions?owner=evil", user, 400, "invalid_request", "owner"},
		{"no such session", "DELETE", "/auth/sessions/se_x", user, 404, "not_found", ""},
		{"no ID", "DELETE", "/auth/sessions/%00", user, 404, "not_found", ""},
		{"another method", "POST", "/auth/sessions", user, 405, "method_not_allowed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fields := []string{}
			if tt.token != "" {
				fields = append(fields, "Authorization: Bearer "+tt.token)
			}
			r := w.do(tt.method, tt.path, "", fields...)
			assert.Equal(t, tt.code, r.code, r.text)
			assert.Equal(t, tt.reason, r.member("reason"))
			assert.Equal(t, tt.param, r.member("param"))
		})
	}
}

func TestSessionCallsOfBrokenStore(t *testing.T) {
	broken := errors.New("connection refused")
	tests := []struct {
		name, fails, method, path string
	}{
		{"list", "ListSessions", "GET", "/auth/sessions"},
		{"end, read", "GetSession", "DELETE", "/auth/sessions/"},
		{"end, write", "ReplaceSession", "DELETE", "/auth/sessions/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t)
			token := w.alice().member("access_token")
			path := tt.path
			if tt.method == http.MethodDelete {
				path += sidOf(t, token)
			}
			w.store.Fail(tt.fails, broken)
			r := w.do(tt.method, path, "", "Authorization: Bearer "+token)
			assert.Equal(t, http.StatusServiceUnavailable, r.code, r.text)
			w.store.Fail(tt.fails, nil)
			assert.Equal(t, "ok", w.verdict(token))
		})
	}
}

func TestListOfNoSessions(t *testing.T) { // an empty array, not null
	w := newLoginWorld(t, func(c *issuer.Config) {
		c.Caller = func(*http.Request) (issuer.Caller, error) { return issuer.Operator("nobody"), nil }
	})
	r := w.do(http.MethodGet, "/auth/sessions", "")
	assert.JSONEq(t, `{"data":[],"next_cursor":null}`, r.text)
}

func TestSessionsOfOneSecond(t *testing.T) { // the newest first, to the millisecond
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		var want []string
		for range 40 {
			g, err := w.StartSession(t.Context(), issuer.User{ID: "bob"}, "")
			require.NoError(t, err)
			want = append([]string{g.SessionID}, want...)
			time.Sleep(time.Millisecond)
		}
		found, _, err := w.ListSessions(t.Context(), issuer.Caller{ID: "bob", Owner: "bob"}, issuer.SessionQuery{Limit: 100})
		require.NoError(t, err)
		var got []string
		for _, s := range found {
			got = append(got, s.ID)
		}
		assert.Equal(t, want, got)
	})
}
