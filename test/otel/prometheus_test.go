package otel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
)

// A platform is an application whose parts fail now and then, with its metrics on a
// server.
type platform struct {
	feed    atomic.Int64 // a mode
	metrics *httptest.Server
	traces  *trace.TracerProvider

	handlers    []http.Handler
	credentials []string // all sorts, and none
}

func newPlatform(t *testing.T, newMetrics func(feed func() mode) (*prometheus.Registry, observeFunc)) *platform {
	t.Helper()
	p := &platform{traces: trace.NewTracerProvider()}
	p.feed.Store(int64(live))
	registry, observe := newMetrics(func() mode { return mode(p.feed.Load()) })
	p.prepare(t, observe)
	p.metrics = httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	t.Cleanup(p.metrics.Close)
	return p
}

// prepare makes keys of all sorts, and guards with a cache, a limiter, a store that
// is down and a limiter that is.
func (p *platform) prepare(t *testing.T, observe observeFunc) {
	t.Helper()
	memory := new(bearer.MemoryStore)
	for _, change := range []func(*bearer.Key){
		func(*bearer.Key) {},
		func(k *bearer.Key) { k.Limit = bearer.PerMinute(1) },
		func(k *bearer.Key) { k.ExpiresAt = time.Unix(1, 0) },
		func(k *bearer.Key) { k.RevokedAt = time.Unix(1, 0) },
	} {
		text, key := newKey(bearer.SecretKey, change)
		require.NoError(t, memory.Add(key))
		p.credentials = append(p.credentials, text)
	}
	unknown, _ := newKey(bearer.PublishableKey)
	p.credentials = append(p.credentials, unknown, "")
	store := storeFunc(memory.FindKey)
	for _, config := range []bearer.Config{
		{Keys: bearer.CachedStore(store, bearer.CacheConfig{TTL: 50 * time.Millisecond}), Limiter: limiterFunc(new(bearer.Buckets).Take)},
		{Keys: memory},
		{Keys: storeFunc(brokenStore)},
		{Keys: memory, Limiter: limiterFunc(brokenLimiter)},
	} {
		config.Observe = observe
		p.handlers = append(p.handlers, app(newGuard(t, config)))
	}
}

// serve sends each guard each credential, again and again.
func (p *platform) serve(ctx context.Context, until time.Time) {
	for i := 0; time.Now().Before(until); i++ {
		inSpan, span := p.traces.Tracer("test").Start(ctx, "request")
		for _, credential := range p.credentials {
			sendIn(inSpan, p.handlers[i%len(p.handlers)], http.MethodGet, "/v1/tokens/7", credential)
		}
		span.End()
		p.feed.Store(int64(i / 20 % 3))
		time.Sleep(2 * time.Millisecond)
	}
}

// A database is a Prometheus that scrapes both platforms.
type database struct {
	t      *testing.T
	server *services.Server
}

// readFile returns the text of a file of the module otel.
func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "otel", filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

func newDatabase(t *testing.T, platforms map[string]*platform) *database {
	t.Helper()
	config := "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}\n" +
		"rule_files: [rules.yaml]\nscrape_configs:\n"
	for name, p := range platforms {
		config += fmt.Sprintf("  - {job_name: %s, static_configs: [{targets: [%q]}]}\n", name, p.metrics.Listener.Addr())
	}
	atOnce := regexp.MustCompile(`(?m)^( +for:) .*$`).ReplaceAllString(readFile(t, "prometheus/alerts.yaml"), "$1 0s")
	return &database{t, services.StartPrometheus(t, config, atOnce)}
}

// get asks the API, and decodes the data of the answer.
func (d *database) get(path string, data any) error {
	answer, err := http.Get(d.server.URL() + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct {
		Error string
		Data  json.RawMessage
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return err
	}
	if body.Error != "" {
		return fmt.Errorf("prometheus: %s", body.Error)
	}
	return json.Unmarshal(body.Data, data)
}

// A result is one series of an answer.
type result struct {
	Metric map[string]string
	Value  [2]any
}

// query returns the series of an expression that have a value now which is a number.
func (d *database) query(expr string) []result {
	d.t.Helper()
	var data struct{ Result []result }
	require.NoError(d.t, d.get("query?query="+url.QueryEscape(expr), &data), expr)
	var numbers []result
	for _, r := range data.Result {
		if r.Value[1] != "NaN" {
			numbers = append(numbers, r)
		}
	}
	return numbers
}

// An application is scraped for a few seconds. Then all that the dashboard and the
// alerts ask is answered, both ways, and alerts fire.
func TestPrometheus(t *testing.T) {
	platforms := map[string]*platform{
		"otel":   newPlatform(t, func(feed func() mode) (*prometheus.Registry, observeFunc) { return exported(t, feed) }),
		"client": newPlatform(t, counted),
	}
	d := newDatabase(t, platforms)
	require.Eventually(t, func() bool { return len(d.query("up == 1")) == 2 }, time.Minute, 100*time.Millisecond)
	until := time.Now().Add(2 * time.Second)
	var serving sync.WaitGroup
	for _, p := range platforms {
		serving.Go(func() { p.serve(t.Context(), until) })
	}
	serving.Wait()

	for _, job := range []string{"otel", "client"} {
		for _, p := range readDashboard(t).targets() {
			expr := strings.NewReplacer("$__rate_interval", "1m", "$job", job).Replace(p.Expr)
			assert.NotEmpty(t, d.query(expr), "%s: %s: %s", job, p.title, expr)
		}
		for _, rule := range readRules(t) {
			d.query(rule.Expr)
			condition := regexp.MustCompile(`(==|>|<) [0-9.]+`).ReplaceAllString(rule.Expr, "")
			isThere := 0
			for _, r := range d.query(condition) {
				if r.Metric["job"] == job {
					isThere++
				}
			}
			if rule.Alert != "BearerSeriesOverflow" && rule.Alert != "BearerFeedPolling" { // the first has no data, the second is of a day
				assert.Positive(t, isThere, "%s: %s", job, condition)
			}
		}
	}
	for _, expr := range documentQueries(t) {
		assert.NotEmpty(t, d.query(expr), expr)
	}
	assert.Equal(t, []string{"client", "otel"}, d.jobs())
	d.checkAlerts()
	d.checkExemplars()
}

// documentQueries returns the queries of docs/observability.md.
func documentQueries(t *testing.T) (queries []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(readDocument(t), -1) {
		queries = append(queries, m[1])
	}
	require.NotEmpty(t, queries)
	return queries
}

// jobs returns what the variable of the dashboard offers.
func (d *database) jobs() (jobs []string) {
	d.t.Helper()
	require.NoError(d.t, d.get("label/job/values?match[]=bearer_requests_total", &jobs))
	return jobs
}

// checkAlerts checks that alerts fire, with texts that could be made.
func (d *database) checkAlerts() {
	d.t.Helper()
	var data struct {
		Alerts []struct{ Labels, Annotations map[string]string }
	}
	require.NoError(d.t, d.get("alerts", &data))
	fired := make(map[string]bool)
	for _, alert := range data.Alerts {
		fired[alert.Labels["alertname"]+" "+alert.Labels["job"]] = true
		for name, text := range alert.Annotations {
			assert.NotRegexp(d.t, `^$|no value|error expanding|\{\{`, text, "%s: %s", alert.Labels["alertname"], name)
		}
	}
	for _, job := range []string{"otel", "client"} {
		for _, name := range []string{
			"BearerUnavailable", "BearerCacheHitsFew", "BearerExpiredKeysInUse", "BearerRevokedCredentialsInUse",
		} {
			assert.True(d.t, fired[name+" "+job], "%s of %s: %v", name, job, fired)
		}
	}
}

// checkExemplars checks that the histograms name traces.
func (d *database) checkExemplars() {
	d.t.Helper()
	for _, name := range []string{"guard", "lookup", "limiter"} {
		var data []struct {
			Exemplars []struct{ Labels map[string]string }
		}
		query := url.QueryEscape(`bearer_` + name + `_duration_seconds_bucket{job="otel"}`)
		now := time.Now().Unix()
		require.NoError(d.t, d.get(fmt.Sprintf("query_exemplars?query=%s&start=%d&end=%d", query, now-60, now+60), &data))
		require.NotEmpty(d.t, data, name)
		require.NotEmpty(d.t, data[0].Exemplars, name)
		assert.Regexp(d.t, `^[0-9a-f]{32}$`, data[0].Exemplars[0].Labels["trace_id"], name)
	}
}
