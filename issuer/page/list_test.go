package page_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Several thousand keys are paged, each is shown once, and a filter looks through
// all of them.
func TestManyKeys(t *testing.T) {
	const many = 3000
	s := newSite(t, issuer.Config{Rules: issuer.KeyRules{MaxKeys: 1}}, page.Config{PageSize: 100})
	for n := range many {
		_, err := s.iss.ImportKey(t.Context(), admin, issuer.APIKey{
			ID: fmt.Sprintf("ak_%d", n), Name: fmt.Sprintf("Key %d", n), Kind: bearer.SecretKey,
		}, bearer.KeyHash{byte(n), byte(n >> 8), 1})
		require.NoError(t, err)
	}
	seen := walk(t, s, "")
	assert.Equal(t, many, len(seen)) //nolint:testifylint // Len would print all of them
	assert.Equal(t, map[string]int{"ak_17": 1}, walk(t, s, "?q=Key+17&type=secret&state=all", "ak_17"))
	assert.Equal(t, 111, len(walk(t, s, "?q=key+29"))) //nolint:testifylint // as above: 29, 290 to 299, 2900 to 2999
	assert.Empty(t, walk(t, s, "?environment=live"))
}

// walk follows a list to its end, and returns how often it shows each key; with
// only, it counts these alone.
func walk(t *testing.T, s *site, query string, only ...string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for range 100 {
		a := s.get(query)
		require.Equal(t, http.StatusOK, a.StatusCode)
		assert.Less(t, len(a.body), 60<<10)
		for _, id := range regexp.MustCompile(`\?key=([^"]+)"`).FindAllStringSubmatch(a.body, -1) {
			if len(only) == 0 || id[1] == only[0] {
				seen[id[1]]++
			}
		}
		next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(a.body)
		if next == nil {
			return seen
		}
		query = html.UnescapeString(next[1])
	}
	t.Fatal("the list has no end")
	return nil
}

func TestFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := defaultSite(t)
		create := func(key issuer.APIKey) (string, string) {
			time.Sleep(time.Second)
			key.Scopes = "tokens:read"
			text, made, err := s.iss.CreateKey(t.Context(), admin, key)
			require.NoError(t, err)
			return text, made.ID
		}
		text, used := create(issuer.APIKey{Name: "Used", Kind: bearer.SecretKey})
		create(issuer.APIKey{Name: "Public", Kind: bearer.PublishableKey, Environment: bearer.Live})
		create(issuer.APIKey{Name: "Gone", Kind: bearer.SecretKey, ExpiresAt: time.Now().Add(time.Hour)})
		_, revoked := create(issuer.APIKey{Name: "Revoked", Kind: bearer.SecretKey})
		_, err := s.iss.RevokeKey(t.Context(), admin, revoked, "")
		require.NoError(t, err)
		time.Sleep(100 * 24 * time.Hour)
		create(issuer.APIKey{Name: "Ending", Kind: bearer.SecretKey, ExpiresAt: time.Now().Add(49 * time.Hour)})
		create(issuer.APIKey{Name: "Off", Kind: bearer.SecretKey, Disabled: true})
		require.NoError(t, s.store.TouchKeys(t.Context(), map[bearer.KeyHash]time.Time{
			bearer.KeyFormat{}.Hash(text): time.Now(),
		}))

		for _, row := range []struct{ query, want string }{
			{"", "Off Ending Gone Public Used"},
			{"?state=all", "Off Ending Revoked Gone Public Used"},
			{"?state=revoked", "Revoked"},
			{"?state=expired", "Gone"},
			{"?state=expiring", "Ending"},
			{"?state=unused", "Public"},
			{"?state=disabled", "Off"},
			{"?environment=live", "Public"},
			{"?type=publishable", "Public"},
			{"?q=uSeD", "Used"},
			{"?q=" + used, "Used"},
			{"?q=" + bearer.KeyFormat{}.Hint(text), "Used"},
			{"?q=nothing", ""},
		} {
			body := s.get(row.query).body
			var names []string
			for _, match := range regexp.MustCompile(`<bdi>([^<]+)</bdi>`).FindAllStringSubmatch(body, -1) {
				names = append(names, match[1])
			}
			assert.Equal(t, row.want, strings.Join(names, " "), row.query)
		}
		whole := s.get("?state=all&q=" + text)
		assert.Equal(t, http.StatusSeeOther, whole.StatusCode)
		assert.Equal(t, "?q="+bearer.KeyFormat{}.Hint(text)+"&state=all", whole.Header.Get("Location"))
		assert.Contains(t, s.get("").body, "Expires in 2 days")
		assert.Contains(t, s.get("?q=nothing").body, "No key matches.")
	})
}

// A key that was made for 30 days has them a moment later, and not 29.
func TestExpiresIn(t *testing.T) {
	for _, row := range []struct {
		life, after time.Duration
		want        string
	}{
		{30 * 24 * time.Hour, time.Minute, "in 30 days"},
		{30 * 24 * time.Hour, time.Hour, "in 29 days"},
		{24 * time.Hour, time.Minute, "in 1 day"},
		{24 * time.Hour, time.Hour, "in 23 hours"},
		{time.Hour, time.Second, "in 1 hour"},
		{time.Hour, time.Minute, "in 59 minutes"},
		{time.Minute, 50 * time.Second, "in less than a minute"},
	} {
		t.Run(row.want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := defaultSite(t)
				_, _, err := s.iss.CreateKey(t.Context(), admin, issuer.APIKey{
					Name: "Ending", Kind: bearer.SecretKey, ExpiresAt: time.Now().Add(row.life),
				})
				require.NoError(t, err)
				time.Sleep(row.after)
				assert.Contains(t, s.get("").body, ">"+row.want+"</time>")
			})
		})
	}
}
