package main_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// A composition is what is read of compose.yaml.
type composition struct {
	Services map[string]struct {
		Image     string
		Build     struct{ Context, Dockerfile string }
		Command   []string
		Volumes   []string
		DependsOn map[string]any `yaml:"depends_on"`
	}
	Volumes map[string]any
}

// compose.yaml is YAML, names files, services and volumes that are there, and
// gives the program flags that it has. No more is shown here: the tests have no
// Docker.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	var all composition
	require.NoError(t, yaml.Unmarshal(text, &all))
	binary, err := built()
	require.NoError(t, err)
	usage, _ := exec.Command(binary, "-help").CombinedOutput() // it ends with 0 or 2
	replicas := 0
	for name, service := range all.Services {
		for other := range service.DependsOn {
			assert.Contains(t, all.Services, other, name)
		}
		for _, volume := range service.Volumes {
			volume, _, _ = strings.Cut(volume, ":")
			assert.Contains(t, all.Volumes, volume, name)
		}
		if service.Image != "" {
			continue
		}
		assert.FileExists(t, service.Build.Context+"/"+service.Build.Dockerfile, name)
		for _, argument := range service.Command {
			flag, _, _ := strings.Cut(argument, "=")
			assert.Contains(t, string(usage), "\n  "+flag+" ", name)
			if flag == "-database" {
				replicas++
			}
		}
	}
	assert.Equal(t, 3, replicas)
}
