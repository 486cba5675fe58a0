package jwks_test

import (
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer/jwks"
)

func TestDiscovery(t *testing.T) {
	const (
		oidc  = "/.well-known/openid-configuration"
		oauth = "/.well-known/oauth-authorization-server"
	)
	metadata := func(issuer, uri string) string { return `{"issuer":"` + issuer + `","jwks_uri":"` + uri + `"}` }
	for _, row := range []struct {
		name   string
		issuer string
		bodies map[string]string
		want   answer
	}{
		{"of OpenID", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://a.test", setURL)}, good},
		{"with a slash", "https://a.test/", map[string]string{"https://a.test" + oidc: metadata("https://a.test/", setURL)}, good},
		{"with a path", "https://a.test/b/c", map[string]string{"https://a.test/b/c" + oidc: metadata("https://a.test/b/c", setURL)}, good},
		{"with a path and a slash", "https://a.test/b/", map[string]string{"https://a.test/b" + oidc: metadata("https://a.test/b/", setURL)}, good},
		{"of OAuth", "https://a.test", map[string]string{"https://a.test" + oauth: metadata("https://a.test", setURL)}, good},
		{"of OAuth, with a path", "https://a.test/b/c", map[string]string{"https://a.test" + oauth + "/b/c": metadata("https://a.test/b/c", setURL)}, good},
		{"of OAuth, with a path and a slash", "https://a.test/b/", map[string]string{"https://a.test" + oauth + "/b": metadata("https://a.test/b/", setURL)}, good},
		{"with an escaped path", "https://a.test/b%2Fc", map[string]string{"https://a.test/b%2Fc" + oidc: metadata("https://a.test/b%2Fc", setURL)}, good},
		{"with a port", "https://a.test:8443", map[string]string{"https://a.test:8443" + oidc: metadata("https://a.test:8443", setURL)}, good},
		{"none", "https://a.test", nil, outage},
		{"another issuer", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://b.test", setURL)}, outage},
		{"a slash more", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://a.test/", setURL)}, outage},
		{"a slash less", "https://a.test/", map[string]string{"https://a.test" + oidc: metadata("https://a.test", setURL)}, outage},
		{"another case", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://A.test", setURL)}, outage},
		{"the port that is meant", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://a.test:443", setURL)}, outage},
		{"another issuer of OpenID, and the right one of OAuth", "https://a.test", map[string]string{
			"https://a.test" + oidc: metadata("https://b.test", setURL), "https://a.test" + oauth: metadata("https://a.test", setURL),
		}, outage},
		{"no issuer", "https://a.test", map[string]string{"https://a.test" + oidc: `{"jwks_uri":"` + setURL + `"}`}, outage},
		{"Issuer", "https://a.test", map[string]string{"https://a.test" + oidc: `{"Issuer":"https://a.test","jwks_uri":"` + setURL + `"}`}, outage},
		{"an issuer that is an array", "https://a.test", map[string]string{"https://a.test" + oidc: `{"issuer":["https://a.test"],"jwks_uri":"` + setURL + `"}`}, outage},
		{"no jwks_uri", "https://a.test", map[string]string{"https://a.test" + oidc: `{"issuer":"https://a.test"}`}, outage},
		{"a jwks_uri with http", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://a.test", "http://issuer.test/keys")}, outage},
		{"a jwks_uri with http at a loopback address", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://a.test", "http://127.0.0.1/keys")}, outage},
		{"a jwks_uri that is a path", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://a.test", "/keys")}, outage},
		{"a jwks_uri that is a file", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://a.test", "file:///keys")}, outage},
		{"a jwks_uri with a user", "https://a.test", map[string]string{"https://a.test" + oidc: metadata("https://a.test", "https://a:b@issuer.test/keys")}, outage},
		{"no metadata but a page", "https://a.test", map[string]string{"https://a.test" + oidc: "<html>"}, outage},
		{"a page of OpenID, and metadata of OAuth", "https://a.test", map[string]string{
			"https://a.test" + oidc: "<html>", "https://a.test" + oauth: metadata("https://a.test", setURL),
		}, good},
		{"null of OpenID, and metadata of OAuth", "https://a.test", map[string]string{
			"https://a.test" + oidc: "null", "https://a.test" + oauth: metadata("https://a.test", setURL),
		}, good},
		{"no jwks_uri of OpenID, and one of OAuth", "https://a.test", map[string]string{
			"https://a.test" + oidc: `{"issuer":"https://a.test"}`, "https://a.test" + oauth: metadata("https://a.test", setURL),
		}, outage},
		{"a set for metadata", "https://a.test", map[string]string{"https://a.test" + oidc: setOf(rsaJWK("a"))}, outage},
		{"at a loopback address", "http://127.0.0.1:80", map[string]string{
			"http://127.0.0.1:80" + oidc: metadata("http://127.0.0.1:80", "http://localhost/keys"), "http://localhost/keys": setOf(rsaJWK("a")),
		}, good},
		{"at a loopback address, with a jwks_uri elsewhere", "http://127.0.0.1:80", map[string]string{
			"http://127.0.0.1:80" + oidc: metadata("http://127.0.0.1:80", "http://issuer.test/keys"), "http://issuer.test/keys": setOf(rsaJWK("a")),
		}, outage},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer()
				i.bodies = map[string]string{setURL: setOf(rsaJWK("a")), "http://127.0.0.1/keys": setOf(rsaJWK("a"))}
				maps.Copy(i.bodies, row.bodies)
				keys, _ := newSource(t, i, jwks.Config{Issuer: row.issuer})
				assert.Equal(t, row.want, askFor(keys, "a"))
			})
		})
	}
}

// The metadata are asked once, and again when a fetch has failed or a day has
// passed.
func TestRediscovery(t *testing.T) {
	const movedURL = "https://issuer.test/moved"
	move := func(i *issuer) {
		i.bodies[issuerURL+"/.well-known/openid-configuration"] = `{"issuer":"` + issuerURL + `","jwks_uri":"` + movedURL + `"}`
		i.bodies[movedURL] = setOf(rsaJWK("moved"))
	}
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		keys, _ := newSource(t, i, jwks.Config{Issuer: issuerURL})
		assert.Equal(t, good, askFor(keys, "a"))
		time.Sleep(23 * time.Hour)
		assert.Len(t, i.asked, 1+i.count(), "the metadata once")
		i.update(move)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, good, askFor(keys, "moved"), "after a day")
	})
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		keys, _ := newSource(t, i, jwks.Config{Issuer: issuerURL})
		assert.Equal(t, good, askFor(keys, "a"))
		i.update(func(i *issuer) {
			move(i)
			delete(i.bodies, setURL)
		})
		assert.Equal(t, unknown, askFor(keys, "moved"), "one fetch fails")
		assert.Equal(t, good, askFor(keys, "moved"), "the next finds it")
	})
}

// Without its metadata, an issuer still publishes its set: the source fetches
// it from where they said last, and reports why they cannot be read.
func TestMetadataAreLost(t *testing.T) {
	const place = issuerURL + "/.well-known/openid-configuration"
	for _, row := range []struct {
		name   string
		change func(*issuer)
		want   string // in Fetch.Discovery
	}{
		{"404", func(i *issuer) { delete(i.bodies, place) }, "status 404"},
		{"a page", func(i *issuer) { i.bodies[place] = "<html>" }, "no JSON object"},
		{"another issuer", func(i *issuer) { i.bodies[place] = `{"issuer":"` + issuerURL + `/"}` }, "a slash at its end counts"},
		{"a set at an http URL", func(i *issuer) {
			i.bodies[place] = `{"issuer":"` + issuerURL + `","jwks_uri":"http://issuer.test/"}`
		}, "neither https"},
		{"no answer", func(i *issuer) { i.hangs = place }, "deadline exceeded"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(rsaJWK("a"))
				var last atomic.Pointer[jwks.Fetch]
				keys, _ := newSource(t, i, jwks.Config{Issuer: issuerURL, Observe: func(f jwks.Fetch) { last.Store(&f) }})
				assert.Equal(t, good, askFor(keys, "a"))
				synctest.Wait()
				assert.NoError(t, last.Load().Discovery)
				i.update(row.change)
				for range 72 {
					time.Sleep(time.Hour)
					assert.Equal(t, good, askFor(keys, "a"))
				}
				assert.NoError(t, last.Load().Err)
				assert.ErrorContains(t, last.Load().Discovery, row.want)
				i.setKeys(rsaJWK("b"))
				assert.Equal(t, good, askFor(keys, "b"))
			})
		})
	}
}

// If neither metadata nor set can be fetched, both errors are told, and once
// the set is back, so is the source.
func TestMetadataAndSetAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		var last atomic.Pointer[jwks.Fetch]
		keys, _ := newSource(t, i, jwks.Config{Issuer: issuerURL, Observe: func(f jwks.Fetch) { last.Store(&f) }})
		assert.Equal(t, good, askFor(keys, "a"))
		i.update(func(i *issuer) { i.bodies = map[string]string{} })
		time.Sleep(time.Hour)
		assert.ErrorContains(t, last.Load().Err, setURL+": status 404")
		assert.ErrorContains(t, last.Load().Discovery, "/.well-known/openid-configuration: status 404")
		i.setKeys(rsaJWK("b"))
		time.Sleep(75 * time.Second)
		assert.Equal(t, good, askFor(keys, "b"))
		assert.NoError(t, last.Load().Err)
	})
}

// An issuer that is out of order is not asked for metadata of another kind.
func TestDiscoveryOfABrokenIssuer(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*issuer)
		want   int
	}{
		"500":           {func(i *issuer) { i.status = http.StatusInternalServerError }, 1},
		"no connection": {func(i *issuer) { i.err = http.ErrServerClosed }, 1},
		"429":           {func(i *issuer) { i.status = http.StatusTooManyRequests }, 1},
		"401":           {func(i *issuer) { i.status = http.StatusUnauthorized }, 2},
		"404":           {func(i *issuer) { i.bodies = nil }, 2},
		"a page":        {func(i *issuer) { i.bodies[issuerURL+"/.well-known/openid-configuration"] = "<html>" }, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := newIssuer(rsaJWK("a"))
			row.change(i)
			keys, stop := newSource(t, i, jwks.Config{Issuer: issuerURL})
			synctest.Wait()
			stop()
			synctest.Wait()
			assert.Equal(t, outage, askFor(keys, "a"), name)
			assert.Len(t, i.asked, row.want, name)
		})
	}
}
