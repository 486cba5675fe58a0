package bearertest_test

import (
	"errors"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/bearertest"
)

// The code in docs/testing.md is that of example_test.go and of the test of the
// adapter for gin, and what it shows of an error is what the suite says.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/testing.md")
	require.NoError(t, err)
	var sources []byte
	for _, name := range []string{"example_test.go", "../adapters/gin/contract_test.go"} {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		sources = append(sources, source...)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(page, -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		assert.Contains(t, string(sources), string(block[1]))
	}

	store := instead(nil, errors.New("sql: no rows in result set"))
	err = bearertest.TestKeyStore(store, store.issue)
	require.Error(t, err)
	quoted := regexp.MustCompile("(?s)```text\n(bearertest: .*?)```").FindSubmatch(page)
	require.Len(t, quoted, 2)
	assert.Equal(t, string(quoted[1]), err.Error()+"\n")
}
