package bearer_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKindString(t *testing.T) {
	for kind, want := range map[bearer.Kind]string{
		0: "Kind(0)", bearer.SecretKey: "secret", bearer.PublishableKey: "publishable", bearer.Token: "token", 4: "Kind(4)", -1: "Kind(-1)",
	} {
		assert.Equal(t, want, kind.String())
	}
}

func TestEnvironmentString(t *testing.T) {
	for env, want := range map[bearer.Environment]string{
		0: "", bearer.Test: "test", bearer.Live: "live", 3: "Environment(3)", -1: "Environment(-1)",
	} {
		assert.Equal(t, want, env.String())
	}
}

func TestKeyHashHides(t *testing.T) {
	_, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b"} {
		assert.Equal(t, "[redacted]", fmt.Sprintf(verb, hash), verb)
		assert.Equal(t, "[redacted]", fmt.Sprintf(verb, &hash), verb)
	}
	assert.Equal(t, "[redacted]", hash.String())
	assert.Equal(t, "[redacted]", hash.LogValue().String())
	text, err := json.Marshal(map[bearer.KeyHash]bearer.KeyHash{hash: hash})
	require.NoError(t, err)
	assert.JSONEq(t, `{"[redacted]":"[redacted]"}`, string(text))
}

func TestKeyString(t *testing.T) {
	key := bearer.Key{ID: "key_\n1", Hash: bearer.KeyFormat{}.Hash("x"), Kind: bearer.PublishableKey, Environment: bearer.Live}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, `key "key_\n1" (publishable, live)`, fmt.Sprintf(verb, key), verb)
		assert.Equal(t, `key "key_\n1" (publishable, live)`, fmt.Sprintf(verb, &key), verb)
	}
}
