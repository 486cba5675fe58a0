package services_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/services"
)

// echo starts a server that sends back each line.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return listener.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// say sends a line and returns what comes back.
func say(c net.Conn, line string, wait time.Duration) (string, error) {
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	_ = c.SetReadDeadline(time.Now().Add(wait))
	answer, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(answer), err
}

// assertReset checks that a new connection is reset, at once or a moment later.
func assertReset(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil {
		_, err = say(c, "x", long)
		c.Close()
	}
	assert.ErrorContains(t, err, "reset")
}

const (
	long  = 20 * time.Second
	short = 50 * time.Millisecond
)

func TestProxyPasses(t *testing.T) {
	services.Goroutines(t)
	p := services.NewProxy(t, echo(t))
	c := dial(t, p.Addr())
	for i := range 3 {
		answer, err := say(c, fmt.Sprint("line ", i), long)
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint("line ", i), answer)
	}
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	rest, err := io.ReadAll(c)
	assert.NoError(t, err)
	assert.Empty(t, rest)
}

func TestProxyFaults(t *testing.T) {
	services.Goroutines(t)
	p := services.NewProxy(t, echo(t))
	c := dial(t, p.Addr())

	p.Delay(200 * time.Millisecond)
	start := time.Now()
	answer, err := say(c, "slow", long)
	require.NoError(t, err)
	assert.Equal(t, "slow", answer)
	assert.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)
	p.Delay(0)

	p.BlackHole(true)
	_, err = say(c, "held", short)
	assert.ErrorContains(t, err, "timeout")
	dial(t, p.Addr()) // is accepted
	p.BlackHole(false)
	_ = c.SetReadDeadline(time.Now().Add(long))
	answer, err = bufio.NewReader(c).ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, "held\n", answer)

	p.Reset()
	_, err = say(c, "gone", long)
	assert.ErrorContains(t, err, "reset")

	p.Refuse(true)
	assertReset(t, p.Addr())
	p.Refuse(false)
	c = dial(t, p.Addr())
	answer, err = say(c, "again", long)
	assert.NoError(t, err)
	assert.Equal(t, "again", answer)

	p.Forget()
	_, err = say(c, "forgotten", short)
	assert.ErrorContains(t, err, "timeout")
	answer, err = say(dial(t, p.Addr()), "new", long)
	assert.NoError(t, err)
	assert.Equal(t, "new", answer)
}

func TestProxyErrors(t *testing.T) {
	p := services.NewProxy(t, echo(t))
	p.Errors(10)
	failed := ""
	for i := range 40 {
		if _, err := say(dial(t, p.Addr()), "x", long); err != nil {
			failed += fmt.Sprint(i, " ")
		}
	}
	assert.Equal(t, "9 19 29 39 ", failed)
	p.Errors(0)
	_, err := say(dial(t, p.Addr()), "x", long)
	assert.NoError(t, err)
}

func TestProxyWithoutTarget(t *testing.T) {
	services.Goroutines(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener.Close()
	p := services.NewProxy(t, listener.Addr().String())
	assertReset(t, p.Addr())
	assert.Equal(t, "tcp("+p.Addr()+")/x", p.Through("tcp("+listener.Addr().String()+")/x"))
}

func TestStartRedis(t *testing.T) {
	services.Goroutines(t)
	s := services.StartRedis(t, "--maxmemory", "3mb")
	assert.Equal(t, "redis://"+s.Addr()+"/0", s.URL())
	assert.Equal(t, "maxmemory\n3145728", s.Do("CONFIG", "GET", "maxmemory"))
	assert.Equal(t, "OK", s.Do("SET", "k", "v"))
	assert.Equal(t, "v", s.Do("GET", "k"))
	s.Pause()
	_, err := say(dial(t, s.Addr()), "PING", short)
	assert.ErrorContains(t, err, "timeout")
	s.Continue()
	addr := s.Addr()
	s.Restart()
	assert.Equal(t, addr, s.Addr())
	assert.Empty(t, s.Do("GET", "k"))
	s.Pause()
	s.Stop()
	s.Stop()
	_, err = net.Dial("tcp", s.Addr())
	assert.Error(t, err)
}

func TestStartPostgres(t *testing.T) {
	services.Goroutines(t)
	s := services.StartPostgres(t, "max_connections=20")
	addr := s.Addr()
	assert.Equal(t, "postgres://postgres@"+addr+"/postgres?sslmode=disable", s.URL())
	dial(t, addr)
	if testing.Short() {
		return
	}
	s.Pause()
	s.Continue()
	s.Restart()
	s.Kill()
	s.Start()
	assert.Equal(t, addr, s.Addr())
	dial(t, addr)
	s.Stop()
	_, err := net.Dial("tcp", addr)
	assert.Error(t, err)
}

func TestStartRedisCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("a failover takes seconds")
	}
	services.Goroutines(t)
	c := services.StartRedisCluster(t, 3, 3)
	const slot = 12182 // of foo
	from, to := c.Owner(slot), c.Masters[0]
	assert.Same(t, c.Masters[2], from)
	assert.Equal(t, "OK", from.Do("SET", "foo", "1"))

	c.BeginMove(slot, to)
	assert.Equal(t, "1", from.Do("GET", "foo"))
	answer, err := say(dial(t, from.Addr()), "GET {foo}2", long)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprint("-ASK ", slot, " ", to.Addr()), answer)
	c.EndMove(slot, to)
	assert.Same(t, to, c.Owner(slot))
	assert.Equal(t, "1", to.Do("GET", "foo"))
	answer, err = say(dial(t, from.Addr()), "GET foo", long)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprint("-MOVED ", slot, " ", to.Addr()), answer)
	c.MoveSlot(slot, from)
	assert.Same(t, from, c.Owner(slot))

	replica := c.Replicas[1]
	c.FailOver(1)
	assert.Same(t, replica, c.Masters[1])
	c.Replicas[1].Start()
	assert.Equal(t, "PONG", c.Replicas[1].Do("PING"))
}

func TestStartMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("its data takes seconds")
	}
	services.Goroutines(t)
	s := services.StartMariaDB(t, "--max-connections=20")
	assert.Equal(t, "root@tcp("+s.Addr()+")/test", s.URL())
	s.Restart()
	s.Kill()
	s.Start()
	greeting := make([]byte, 100)
	_, err := dial(t, s.Addr()).Read(greeting)
	assert.NoError(t, err)
	assert.Contains(t, string(greeting), "MariaDB")
}
