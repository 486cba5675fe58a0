package command

import (
	"context"
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
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
		InTerminal: isTerminal(os.Stdin), OutTerminal: isTerminal(os.Stdout), ErrTerminal: isTerminal(os.Stderr),
	}, args)
}

// isTerminal reports whether a file is a device of characters: a terminal, or the
// null device, for which it makes no difference.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
