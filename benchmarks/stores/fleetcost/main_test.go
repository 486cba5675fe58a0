package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The table of the document is what the program prints.
func TestDocumentHasTable(t *testing.T) {
	page, err := os.ReadFile("../../../docs/deployment.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), table(fleets, measured))
}

// What is remembered saves look-ups as long as keys come again within the TTL.
func TestLookups(t *testing.T) {
	for _, row := range []struct {
		name  string
		fleet fleet
		want  float64
	}{
		{"one key", fleet{1, 1, 1, 1e6}, 1 / (defaultTTL + 1e-6)},
		{"of two replicas", fleet{2, 1, 1, 1e6}, 2 / (defaultTTL + 2e-6)},
		{"keys that come once in a TTL", fleet{1, 1000, 1000, 1000 / defaultTTL}, 500 / defaultTTL},
		{"twice as many as are remembered", fleet{1, 2 * maxKeys, 2 * maxKeys, 1e6}, 0.5e6},
	} {
		assert.InDelta(t, row.want, row.fleet.lookups(defaultTTL), 1e-6*row.want, row.name)
	}
}
