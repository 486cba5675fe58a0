package issuertest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

func TestUsers(t *testing.T) {
	ctx := context.Background()
	var users issuertest.Users
	ann := issuer.User{ID: "u1", Email: "Ann@example.com"}
	users.Add(ann, "correct horse")

	got, err := users.VerifyPassword(ctx, " ann@EXAMPLE.com", "correct horse")
	require.NoError(t, err)
	assert.Equal(t, ann, got)
	for _, wrong := range [][2]string{{"ann@example.com", "wrong"}, {"bob@example.com", "correct horse"}, {"", ""}} {
		_, err = users.VerifyPassword(ctx, wrong[0], wrong[1])
		require.ErrorIs(t, err, issuer.ErrInvalidCredentials)
	}

	got, err = users.FindUser(ctx, "u1")
	require.NoError(t, err)
	assert.Equal(t, ann, got)
	users.Fail(errDown)
	_, err = users.FindUser(ctx, "u1")
	require.ErrorIs(t, err, errDown)
	_, err = users.VerifyPassword(ctx, "ann@example.com", "correct horse")
	require.ErrorIs(t, err, errDown)
	users.Fail(nil)
	users.Remove("u1")
	_, err = users.FindUser(ctx, "u1")
	require.ErrorIs(t, err, issuer.ErrNotFound)
}

func TestUsersHidePasswords(t *testing.T) {
	var users issuertest.Users
	users.Add(issuer.User{ID: "u1"}, "correct horse")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		assert.Equal(t, "issuertest.Users", fmt.Sprintf(verb, &users), verb)
	}
	assert.Equal(t, "issuertest.Users", users.LogValue().String())
}
