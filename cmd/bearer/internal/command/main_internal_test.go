package command

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A reader of a terminal, where no one types, ends when it is interrupted.
func TestInterruptible(t *testing.T) {
	terminal, typist := io.Pipe()
	defer func() { assert.NoError(t, typist.Close()) }()
	ctx, cancel := context.WithCancel(context.Background())
	r := &interruptible{r: terminal, done: ctx.Done()}
	go func() { _, _ = io.WriteString(typist, "typed") }()
	buffer := make([]byte, 10)
	n, err := r.Read(buffer)
	require.NoError(t, err)
	assert.Equal(t, "typed", string(buffer[:n]))
	cancel()
	_, err = r.Read(buffer)
	assert.ErrorIs(t, err, context.Canceled)

	all, err := io.ReadAll(&interruptible{r: strings.NewReader(strings.Repeat("x", 200_000))})
	require.NoError(t, err)
	assert.Len(t, all, 200_000)
}
