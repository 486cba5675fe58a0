package services

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy passes TCP connections on to a target, with the faults that a test sets
// while it runs. Several faults may hold at once.
type Proxy struct {
	listener net.Listener
	target   string
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	faults  faults
	changed chan struct{} // closed, and replaced, when the faults change
	share   int           // of Errors, in percent: what was not reset yet
	resets  int           // by Errors
	links   map[*link]struct{}
}

type faults struct {
	delay     time.Duration
	blackHole bool
	refuse    bool
	errors    int
}

// NewProxy starts a proxy on the loopback interface. It is closed, with all of its
// connections, at the end of the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		stop()
		tb.Fatal("proxy: ", err)
	}
	p := &Proxy{
		listener: listener, target: target, stop: stop,
		changed: make(chan struct{}), links: make(map[*link]struct{}),
	}
	p.running.Go(func() { p.accept(ctx) })
	tb.Cleanup(p.close)
	return p
}

// Addr returns the address that clients connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Through returns the URL or DSN of the target with the address of the proxy
// instead.
func (p *Proxy) Through(url string) string {
	return strings.ReplaceAll(url, p.target, p.Addr())
}

// Delay makes each round trip longer by d: one half on the way there, one half on
// the way back. It also holds for what is on its way. Zero: none.
func (p *Proxy) Delay(d time.Duration) { p.set(func(f *faults) { f.delay = d }) }

// BlackHole passes nothing on, and says nothing of it: connections are accepted,
// and stay. What came in the meantime is passed on when it ends.
func (p *Proxy) BlackHole(on bool) { p.set(func(f *faults) { f.blackHole = on }) }

// Forget passes nothing on of the connections that are open now, for good, and
// says nothing of it, as a router does that was restarted. New ones work.
func (p *Proxy) Forget() {
	p.mu.Lock()
	for l := range p.links {
		l.isForgotten.Store(true)
	}
	p.mu.Unlock()
	p.set(func(*faults) {}) // what waits is to look
}

// Refuse resets each new connection.
func (p *Proxy) Refuse(on bool) { p.set(func(f *faults) { f.refuse = on }) }

// Errors resets a connection at so many percent of the requests, evenly: at 10, at
// each tenth. A request is what comes from a client in one piece. By turns, the
// target does not see it, or does and its answer is lost. Zero: none.
func (p *Proxy) Errors(percent int) { p.set(func(f *faults) { f.errors = percent }) }

// Reset resets all connections that are open.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

func (p *Proxy) set(change func(*faults)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.faults)
	close(p.changed)
	p.changed = make(chan struct{})
}

// now returns the faults, and a channel that is closed when they change.
func (p *Proxy) now() (faults, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.changed
}

func (p *Proxy) close() {
	p.stop()
	_ = p.listener.Close()
	p.Reset()
	p.running.Wait()
}

func (p *Proxy) accept(ctx context.Context) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the listener is closed
		}
		if f, _ := p.now(); f.refuse {
			reset(client)
			continue
		}
		p.running.Go(func() { p.serve(ctx, client) })
	}
}

// serve passes on what comes from a client and from the target, until both have
// ended.
func (p *Proxy) serve(ctx context.Context, client net.Conn) {
	var dialer net.Dialer
	target, err := dialer.DialContext(ctx, "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	l := &link{client: client, target: target, done: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = struct{}{}
	p.mu.Unlock()
	if ctx.Err() != nil {
		l.reset() // it is too late for close to see the link
	}
	var back sync.WaitGroup
	back.Go(func() { p.pump(l, target, client) })
	p.pump(l, client, target)
	back.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
	_ = client.Close()
	_ = target.Close()
}

// pump passes on what comes from one side of a link, also its end.
func (p *Proxy) pump(l *link, from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !p.wait(l, time.Now()) {
			return
		}
		if n > 0 && p.hits(l, from) {
			l.reset()
			return
		}
		if _, failed := to.Write(buffer[:n]); failed != nil {
			l.reset()
			return
		}
		if err != nil {
			if half, ok := to.(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
			return
		}
	}
}

// wait returns when what came at a time may be passed on; false: never, the link
// is gone.
func (p *Proxy) wait(l *link, came time.Time) bool {
	for {
		f, changed := p.now()
		left, isStuck := time.Until(came.Add(f.delay/2)), f.blackHole || l.isForgotten.Load()
		if left <= 0 && !isStuck {
			return true
		}
		if isStuck {
			left = time.Hour
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
		case <-l.done:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// hits reports whether a link is to be reset in place of what comes from one side.
func (p *Proxy) hits(l *link, from net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from == l.target {
		return l.isLost
	}
	p.share += p.faults.errors
	if p.share < 100 {
		return false
	}
	p.share -= 100
	p.resets++
	l.isLost = p.resets%2 == 0
	return !l.isLost
}

// A link is a connection of a client with that to the target.
type link struct {
	client, target net.Conn
	isLost         bool // the next answer is; of Proxy.mu
	isForgotten    atomic.Bool
	once           sync.Once
	done           chan struct{}
}

func (l *link) reset() {
	l.once.Do(func() {
		close(l.done)
		reset(l.client)
		reset(l.target)
	})
}

// reset closes a connection with RST.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
