package issuer_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// ids returns the IDs of a page.
func (a keyAnswer) ids() (ids []string) {
	data, _ := a.JSON["data"].([]any)
	for _, element := range data {
		ids = append(ids, element.(map[string]any)["id"].(string))
	}
	return ids
}

// TestListKeys proves S4.13: the newest first, page by page, each key once.
func TestListKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		var want []string
		for n := range 45 {
			_, key := w.create("acme")
			w.create("other")
			want = append([]string{key.ID}, want...)
			if n%3 == 0 { // some have one time
				time.Sleep(time.Microsecond)
			}
		}
		for _, limit := range []int{1, 2, 7, 20, 44, 45, 46, 100} {
			var got []string
			cursor := ""
			for pages := 0; ; pages++ {
				require.Less(t, pages, 50)
				a := w.call("GET", fmt.Sprintf("/v1/api_keys?limit=%d%s", limit, cursor), "")
				require.Equal(t, http.StatusOK, a.Status, a.Text)
				assert.LessOrEqual(t, len(a.ids()), limit)
				got = append(got, a.ids()...)
				if a.JSON["next_cursor"] == nil {
					break
				}
				cursor = "&cursor=" + url.QueryEscape(a.text("next_cursor"))
			}
			assert.ElementsMatch(t, want, got)
			assert.Len(t, got, 45)
		}
		assert.Len(t, w.call("GET", "/v1/api_keys", "").ids(), 20)
	})
}

// TestListKeysEmpty proves the form of a list without keys.
func TestListKeysEmpty(t *testing.T) {
	w := newKeyWorld(t)
	assert.JSONEq(t, `{"data":[],"next_cursor":null}`, w.call("GET", "/v1/api_keys", "").Text)
}

// TestListKeysFilters proves what the filters find.
func TestListKeysFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		named := map[string]string{}
		create := func(name string, life time.Duration) issuer.APIKey {
			_, key := w.create("acme", func(k *issuer.APIKey) {
				k.Name = name
				if life > 0 {
					k.ExpiresAt = time.Now().Add(life)
				}
			})
			named[key.ID] = name
			return key
		}
		create("short", time.Hour)
		create("long", 48*time.Hour)
		revoked := create("revoked", time.Hour)
		used := create("used", 0)
		_, err := w.RevokeKey(t.Context(), w.by, revoked.ID, "")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.NoError(t, w.store.TouchKeys(t.Context(), map[bearer.KeyHash]time.Time{used.Secrets[0].Hash: time.Now()}))
		create("late", 0)

		for _, test := range []struct {
			query string
			want  []string
		}{
			{"", []string{"short", "long", "used", "late"}},
			{"?include_revoked=false", []string{"short", "long", "used", "late"}},
			{"?include_revoked=true", []string{"short", "long", "revoked", "used", "late"}},
			{"?expires_before=2000-01-02T00:00:00Z", []string{"short"}},
			{"?expires_before=2000-01-01T01:00:00Z", nil},
			{"?expires_before=2000-01-02T00:00:00Z&include_revoked=true", []string{"short", "revoked"}},
			{"?unused_since=2000-01-01T00:01:00Z", []string{"short", "long"}},
			{"?unused_since=2000-01-01T01:01:00%2B01:00", []string{"short", "long"}},
			{"?unused_since=2000-01-01T00:00:00Z", nil},
			{"?unused_since=2000-01-02T00:00:00Z", []string{"short", "long", "used", "late"}},
		} {
			a := w.call("GET", "/v1/api_keys"+test.query, "")
			require.Equal(t, http.StatusOK, a.Status, a.Text)
			var got []string
			for _, id := range a.ids() {
				got = append(got, named[id])
			}
			assert.ElementsMatch(t, test.want, got, test.query)
		}
		// What was used is told of the key and of the secret.
		key := w.call("GET", "/v1/api_keys/"+used.ID, "")
		assert.Equal(t, "2000-01-01T00:01:00Z", key.text("last_used_at"))
		assert.Equal(t, "2000-01-01T00:01:00Z", key.JSON["secrets"].([]any)[0].(map[string]any)["last_used_at"])
	})
}

// TestListKeysQuery proves that each wrong parameter is refused by its name.
func TestListKeysQuery(t *testing.T) {
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	tests := []struct {
		query string
		param string // "-": good
	}{
		{"limit=1", "-"},
		{"limit=100", "-"},
		{"limit=0", "limit"},
		{"limit=101", "limit"},
		{"limit=-1", "limit"},
		{"limit=", "limit"},
		{"limit=ten", "limit"},
		{"limit=1.0", "limit"},
		{"limit=99999999999999999999", "limit"},
		{"limit=1&limit=2", "limit"},
		{"include_revoked=1", "include_revoked"},
		{"include_revoked=", "include_revoked"},
		{"include_revoked=True", "include_revoked"},
		{"expires_before=tomorrow", "expires_before"},
		{"expires_before=", "expires_before"},
		{"expires_before=2000-01-01", "expires_before"},
		{"expires_before=2000-01-01T00:00:00+01:00", "expires_before"}, // a plus is a space
		{"unused_since=946684800", "unused_since"},
		{"unused_since=0001-01-01T00:00:00Z", "unused_since"},
		{"cursor=", "cursor"},
		{"cursor=x", "cursor"},
		{"cursor=ak_1", "cursor"},
		{"cursor=" + encode("123456789012"), "cursor"},
		{"cursor=" + encode("\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00ak_1"), "-"}, // a second before 1970
		{"cursor=" + encode("\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00ak_1"), "cursor"},
		{"cursor=" + encode("\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xffak_1"), "cursor"},
		{"cursor=" + encode("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00a\x00b"), "cursor"},
		{"cursor=" + encode("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff"), "cursor"},
		{"cursor=" + encode("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00ak") + "=", "cursor"},
		{"cursor=%00", "cursor"},
		{"owner=other", "owner"},
		{"created_by=u_1", "created_by"},
		{"Limit=1", "Limit"},
		{"limit=1;cursor=x", ""},
		{"%zz=1", ""},
	}
	for _, test := range tests {
		t.Run(test.query, func(t *testing.T) {
			w := newKeyWorld(t)
			w.create("acme")
			a := w.call("GET", "/v1/api_keys?"+test.query, "")
			if test.param == "-" {
				assert.Equal(t, http.StatusOK, a.Status, a.Text)
				return
			}
			assert.Equal(t, http.StatusBadRequest, a.Status)
			assert.Equal(t, "invalid_request", a.code())
			assert.Equal(t, test.param, a.param())
		})
	}
}

// TestCursorOfAnotherOwner proves that a cursor says where, and never whose.
func TestCursorOfAnotherOwner(t *testing.T) {
	w := newKeyWorld(t)
	for range 3 {
		w.create("other")
	}
	_, own := w.create("acme")
	for range 2 {
		w.create("other")
	}
	w.by = issuer.Operator("other")
	cursor := w.call("GET", "/v1/api_keys?limit=1", "").text("next_cursor")
	require.NotEmpty(t, cursor)
	w.by = issuer.Operator("acme")
	assert.Equal(t, []string{own.ID}, w.call("GET", "/v1/api_keys?cursor="+cursor, "").ids())
}
