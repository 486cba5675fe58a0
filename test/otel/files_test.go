package otel_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/blockauth/bearer/internal/services"
)

// A rule is one alert.
type rule struct {
	Alert               string
	Expr                string
	For                 string
	Labels, Annotations map[string]string
}

func readRules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "prometheus/alerts.yaml")), &file))
	require.Len(t, file.Groups, 1)
	return file.Groups[0].Rules
}

// A dashboard is what the tests read of it.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		ID                       int
		Title, Type, Description string
		GridPos                  struct{ X, Y, W, H int }
		Datasource               struct{ Type, UID string }
		Targets                  []target
	}
	Templating struct {
		List []struct {
			Name, Type, Definition string
			Datasource             struct{ UID string }
		}
	}
}

type target struct {
	title    string
	Expr     string
	Exemplar bool
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(readFile(t, "grafana/dashboard.json")), &d))
	return d
}

// targets returns the queries of all panels.
func (d dashboard) targets() (all []target) {
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			q.title = p.Title
			all = append(all, q)
		}
	}
	return all
}

// Grafana shows each panel, at a place of its own, from the data source that is
// chosen.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	assert.Equal(t, "bearer", d.Title)
	require.Len(t, d.Templating.List, 2)
	assert.Equal(t, "datasource", d.Templating.List[0].Type)
	assert.Equal(t, "${datasource}", d.Templating.List[1].Datasource.UID)
	ids, places := make(map[int]bool), make(map[[2]int]string)
	for _, p := range d.Panels {
		assert.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				place := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				assert.Empty(t, places[place], "%s is where %s is", p.Title, places[place])
				assert.Less(t, place[0], 24, p.Title)
				places[place] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		assert.NotEmpty(t, p.Description, p.Title)
		assert.Equal(t, "${datasource}", p.Datasource.UID, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, q := range p.Targets {
			assert.Contains(t, q.Expr, `job=~"$job"`, p.Title)
		}
	}
}

func readDocument(t *testing.T) string {
	t.Helper()
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	require.NoError(t, err)
	return string(document)
}

// What the dashboard and the alerts ask for is what the document lists.
func TestDocumentListsMetrics(t *testing.T) {
	document, d := readDocument(t), readDashboard(t)
	var all strings.Builder
	for _, q := range d.targets() {
		all.WriteString(q.Expr + "\n")
	}
	for _, r := range readRules(t) {
		all.WriteString(r.Expr + "\n")
		assert.Regexp(t, "(?m)^\\| `"+r.Alert+"` \\| .* \\| "+r.Labels["severity"]+" \\|$", document)
	}
	for _, name := range regexp.MustCompile(`\bbearer_\w+`).FindAllString(all.String(), -1) {
		name = strings.TrimSuffix(name, "_bucket")
		assert.Contains(t, document, "`"+name+"`")
	}
}

// Each alert says what it means, and what to do.
func TestAlertsHaveRunbooks(t *testing.T) {
	for _, r := range readRules(t) {
		assert.NotEmpty(t, r.For, r.Alert)
		assert.Contains(t, []string{"critical", "warning", "info"}, r.Labels["severity"], r.Alert)
		assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
		assert.Greater(t, len(r.Annotations["runbook"]), 100, r.Alert)
	}
}

// promtool runs promtool in a directory.
func promtool(t *testing.T, dir string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), services.Promtool(t), arguments...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestRules(t *testing.T) {
	dir := filepath.Join("..", "..", "otel", "prometheus")
	out, err := promtool(t, dir, "check", "rules", "alerts.yaml")
	assert.NoError(t, err, out)
	assert.NotContains(t, out, "FAILED")
	out, err = promtool(t, dir, "test", "rules", "alerts_test.yaml")
	assert.NoError(t, err, out)
}

// The tests of the rules find out if an alert never fires, or always.
func TestRulesAreTested(t *testing.T) {
	rules, tests := readFile(t, "prometheus/alerts.yaml"), readFile(t, "prometheus/alerts_test.yaml")
	for _, r := range readRules(t) {
		require.Contains(t, tests, `alertname="`+r.Alert+`"`)
		if testing.Short() {
			continue // each run of promtool takes a second
		}
		for _, expr := range []string{"vector(1) > 2", "vector(1)"} {
			head := "- alert: " + r.Alert + "\n"
			start := strings.Index(rules, head) + len(head)
			end := start + strings.Index(rules[start:], "        for:")
			dir := t.TempDir()
			changed := rules[:start] + "        expr: " + expr + "\n" + rules[end:]
			require.NoError(t, os.WriteFile(filepath.Join(dir, "alerts.yaml"), []byte(changed), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "alerts_test.yaml"), []byte(tests), 0o600))
			out, err := promtool(t, dir, "test", "rules", "alerts_test.yaml")
			assert.Error(t, err, "%s with %s", r.Alert, expr)
			assert.Contains(t, out, "FAILED:", "the file is well-formed")
		}
	}
}
