//go:build unix

// Server measures what a guard costs where its users feel it: the CPU time that
// a request takes of a real server over loopback, system calls, collector and
// all, as getrusage counts it. From the root of the repository:
//
//	GOWORK=off go -C benchmarks run ./server
//
// It prints a table. Each stack is served by a process of its own, which is this
// program once more; the requests come from the first process, whose time does
// not count. The stacks take turns of a few hundred requests, in another order
// each time, so that what disturbs the machine disturbs all of them; a round is
// ten turns of each, and what a guard adds is compared with the bare handler of
// the same round. Nothing leaves the machine, and it takes about two minutes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// settings say how much is measured.
type settings struct {
	rounds, starts, turn, conns, keys, items int
	parts                                    bool
	serve                                    string
}

// turns are those of each stack in a round.
const turns = 10

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, parseFlags())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func parseFlags() (s settings) {
	flag.IntVar(&s.rounds, "rounds", 40, "rounds; fewer than 6 give no intervals")
	flag.IntVar(&s.starts, "starts", 4, "how often the servers are started in these rounds")
	flag.IntVar(&s.turn, "turn", 300, "requests of a turn, of ten in a round")
	flag.IntVar(&s.conns, "conns", 16, "connections to each server")
	flag.IntVar(&s.keys, "keys", 1000, "keys, sent in turn")
	flag.IntVar(&s.items, "items", 10, "objects in the JSON of an answer")
	flag.BoolVar(&s.parts, "parts", false, "measure the parts of what the guard adds instead")
	flag.StringVar(&s.serve, "serve", "", "serve the stack with this name, as the program itself does")
	flag.Parse()
	return s
}

func run(ctx context.Context, s settings) error {
	if min(s.rounds, s.starts, s.conns, s.keys, s.items) < 1 || s.turn < s.conns {
		return errors.New("a number is too small")
	}
	if s.serve != "" {
		return serve(ctx, s, os.Stdin, os.Stdout)
	}
	stacks := wholeStacks
	if s.parts {
		stacks = partStacks
	}
	m, err := measure(ctx, stacks, s)
	if err != nil {
		return err
	}
	fmt.Print(m.markdown())
	return nil
}
