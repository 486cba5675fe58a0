//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"

	"github.com/blockauth/bearer/benchmarks/internal/stacks"
)

// A child is the process that serves a stack, with connections to it.
type child struct {
	wait     func() error
	ask      io.WriteCloser
	answers  *gob.Decoder
	conns    []net.Conn
	requests [][]byte // one for each key
	sent     int
}

func start(ctx context.Context, name string, s settings) (c *child, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self, "-serve", name, //nolint:gosec // this program
		"-keys", strconv.Itoa(s.keys), "-items", strconv.Itoa(s.items))
	command.Stderr = os.Stderr
	c = &child{wait: command.Wait}
	if c.ask, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.answers = gob.NewDecoder(out)
	if err := command.Start(); err != nil {
		return nil, err
	}
	if err := c.connect(ctx, s.conns); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), c.stop())
	}
	return c, nil
}

func (c *child) connect(ctx context.Context, conns int) error {
	var o opening
	if err := c.answers.Decode(&o); err != nil {
		return err
	}
	for _, field := range o.Fields {
		c.requests = append(c.requests, []byte("GET "+stacks.Route+" HTTP/1.1\r\nHost: "+o.Address+
			"\r\nUser-Agent: benchmark\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\nAuthorization: "+
			field+"\r\n\r\n"))
	}
	for range conns {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", o.Address)
		if err != nil {
			return err
		}
		c.conns = append(c.conns, conn)
	}
	return nil
}

// stop ends the server: its input ends.
func (c *child) stop() error {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	_ = c.ask.Close()
	return c.wait()
}

func (c *child) read(what string) (r reading, err error) {
	if _, err := io.WriteString(c.ask, what+"\n"); err != nil {
		return r, err
	}
	err = c.answers.Decode(&r)
	return r, err
}

// send sends n requests over all connections at a time, with the keys in turn.
func (c *child) send(n int) error {
	errs := make([]error, len(c.conns))
	var group sync.WaitGroup
	for i, conn := range c.conns {
		group.Go(func() {
			answers := bufio.NewReader(conn)
			for j := i; j < n && errs[i] == nil; j += len(c.conns) {
				if _, errs[i] = conn.Write(c.requests[(c.sent+j)%len(c.requests)]); errs[i] == nil {
					errs[i] = skipAnswer(answers)
				}
			}
		})
	}
	group.Wait()
	c.sent += n
	return errors.Join(errs...)
}

// skipAnswer reads an answer that has a Content-Length. All requests have to
// pass: a refusal would be other work.
func skipAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.TrimSuffix(string(line), "\r\n")
		if first && !strings.HasPrefix(text, "HTTP/1.1 200 ") {
			return fmt.Errorf("the answer is %s", text)
		}
		if text == "" {
			_, err = r.Discard(max(length, 0))
			return err
		}
		if value, ok := strings.CutPrefix(text, "Content-Length: "); ok {
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
	}
}
