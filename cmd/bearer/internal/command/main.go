package command

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
)

// Main runs the program with arguments, over the streams of the process, and
// returns its exit code. An interrupt ends what it does, and a second one ends the
// process.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return New().Main(ctx, &cli.Streams{
		In: &interruptible{r: os.Stdin, done: ctx.Done()}, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
		InTerminal: isTerminal(os.Stdin), OutTerminal: isTerminal(os.Stdout), ErrTerminal: isTerminal(os.Stderr),
	}, args)
}

// An interruptible is a reader whose Read ends when done is closed, though that of
// r goes on: a terminal is read until someone types.
type interruptible struct {
	r    io.Reader
	done <-chan struct{}
}

// Read implements io.Reader. After it has ended so, it must not be called again.
func (i *interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	read := make(chan result, 1)
	buffer := make([]byte, min(len(p), 64<<10)) // p is the caller's again when this ends
	go func() {
		n, err := i.r.Read(buffer)
		read <- result{n, err}
	}()
	select {
	case <-i.done:
		return 0, context.Canceled
	case r := <-read:
		return copy(p, buffer[:r.n]), r.err
	}
}

// isTerminal reports whether a file is a device of characters: a terminal, or the
// null device, for which it makes no difference.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
