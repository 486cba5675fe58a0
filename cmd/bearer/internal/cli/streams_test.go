package cli_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
)

func TestPlain(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a text", "a b ü 日本", "a b ü 日本"},
		{"nothing", "", ""},
		{"an escape sequence", "\x1b[31mred", `"\x1b[31mred"`},
		{"another direction", "a\u202eb", `"a\u202eb"`},
		{"a zero width", "a\u200bb", `"a\u200bb"`},
		{"a C1 control", "a\u009bb", `"a\u009bb"`},
		{"broken UTF-8", "a\xff", `"a\xff"`},
		{"a line end", "a\nb", `"a\nb"`},
		{"quotes", `"a"`, `"a"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, cli.Plain(tt.text))
		})
	}
	assert.Equal(t, "a\n    b\n\"\\x1b\"", cli.PlainLines("a\n\tb\n\x1b"))
}

// Progress is silent for a second, then tells five times a second, and leaves
// nothing behind.
func TestProgress(t *testing.T) {
	show := func(s *cli.Streams) string {
		var out bytes.Buffer
		s.Err = &out
		p := s.Progress()
		for range 200 {
			p.Show(func() string { return "x" })
			time.Sleep(10 * time.Millisecond)
		}
		p.Clear()
		p.Clear()
		return out.String()
	}
	synctest.Test(t, func(t *testing.T) {
		assert.Equal(t, strings.Repeat("\r\x1b[Kx", 5)+"\r\x1b[K", show(&cli.Streams{ErrTerminal: true}))
		assert.Empty(t, show(&cli.Streams{}))
		assert.Empty(t, show(&cli.Streams{ErrTerminal: true, JSON: true}))
	})
}

// A full disk, or whatever else fails behind standard output, is no success.
func TestBrokenOutput(t *testing.T) {
	p := &cli.Program{Name: "p", Commands: []cli.Command{{
		Name: "say", Define: func(*flag.FlagSet) cli.Run {
			return func(_ context.Context, s *cli.Streams, _ []string) error { return s.Put(nil, "said") }
		},
	}}}
	var complaints bytes.Buffer
	code := p.Main(context.Background(), &cli.Streams{Out: brokenWriter{}, Err: &complaints}, []string{"say"})
	assert.Equal(t, cli.Failed, code)
	assert.Equal(t, "p: standard output: disk full\n", complaints.String())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, cli.OK},
		{"no", cli.ErrNo, cli.No},
		{"a refusal", &cli.RefusalError{Reason: "refused"}, cli.No},
		{"wrong usage", cli.Usagef("wrong"), cli.BadUsage},
		{"a failure", errors.New("failed"), cli.Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &cli.Program{Name: "p", Commands: []cli.Command{{
				Name: "fail", Define: func(*flag.FlagSet) cli.Run {
					return func(context.Context, *cli.Streams, []string) error { return tt.err }
				},
			}}}
			var out, complaints bytes.Buffer
			assert.Equal(t, tt.want, p.Main(context.Background(), &cli.Streams{Out: &out, Err: &complaints}, []string{"fail"}))
			told := tt.err != nil && !errors.Is(tt.err, cli.ErrNo)
			assert.Equal(t, told, complaints.Len() > 0)
			if tt.err == nil {
				return
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			code := p.Main(ctx, &cli.Streams{Out: &out, Err: &complaints}, []string{"fail"})
			require.Contains(t, []int{tt.want, cli.Interrupted}, code)
		})
	}
}
