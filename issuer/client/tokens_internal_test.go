package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A failure is forgotten with the next token: a clock that is set back later finds
// no pause from before.
func TestTokensForgetFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := errors.New("connection refused")
		ts := &tokens{fetch: func(context.Context) (*token, error) {
			if err != nil {
				return nil, err
			}
			return &token{text: "t", endsAt: time.Now().Add(time.Hour), renewAt: time.Now().Add(time.Hour)}, nil
		}}
		_, got := ts.get(t.Context(), nil)
		assert.Equal(t, err, got)
		assert.False(t, ts.restful.IsZero())
		time.Sleep(2 * shortPause)
		err = nil
		_, got = ts.get(t.Context(), nil)
		assert.NoError(t, got)
		assert.True(t, ts.restful.IsZero())
	})
}
