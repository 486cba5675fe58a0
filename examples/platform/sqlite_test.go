package main_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// overSQLite is the variable of the environment that lets all platforms of the
// tests keep their records in files of SQLite.
const overSQLite = "PLATFORM_TEST_SQLITE"

func isOverSQLite() bool { return os.Getenv(overSQLite) != "" }

// What holds of the platform in memory holds of one over SQLite: all requirements
// are proved once more, by another run of these tests. TestMaxKeys is not among
// them: the issuer counts keys, and to make a thousand takes as long as all else.
func TestRequirementsOverSQLite(t *testing.T) {
	if isOverSQLite() || testing.Short() {
		t.Skip("skipped: it runs the tests of all requirements once more, which -short leaves out")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	again := exec.CommandContext(ctx, os.Args[0], "-test.run", `^Test(S\d|OtherRefusals|Limits|Leaks|OpenAPI)`)
	again.Env = append(os.Environ(), overSQLite+"=1")
	out, err := again.CombinedOutput()
	assert.NoError(t, err, "%s", out)
}
