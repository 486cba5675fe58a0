package services

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clusterSlots is how many slots a cluster of Redis has.
const clusterSlots = 16384

// A Cluster is a cluster of Redis that a test has started.
type Cluster struct {
	Masters  []*Server
	Replicas []*Server // the first is that of the first master, and so on

	tb testing.TB
}

// StartRedisCluster starts a cluster on the loopback interface, in which the
// masters have equal parts of the slots, and ends it with the test. The first
// replicas are those of the masters, in their order. The arguments are those of
// each redis-server.
func StartRedisCluster(tb testing.TB, masters, replicas int, args ...string) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb}
	for range masters {
		c.Masters = append(c.Masters, startNode(tb, args))
	}
	for range replicas {
		c.Replicas = append(c.Replicas, startNode(tb, args))
	}
	first := c.Masters[0]
	for i, s := range c.nodes() {
		s.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		first.Do("CLUSTER", "MEET", "127.0.0.1", s.port, s.busPort)
	}
	for i, s := range c.Masters {
		command := []string{"CLUSTER", "ADDSLOTS"}
		for slot := i * clusterSlots / masters; slot < (i+1)*clusterSlots/masters; slot++ {
			command = append(command, strconv.Itoa(slot))
		}
		s.Do(command...)
	}
	c.wait("meet", func(s *Server) bool { return c.knows(s, "cluster_known_nodes", masters+replicas) })
	for i, s := range c.Replicas {
		s.Do("CLUSTER", "REPLICATE", c.Masters[i%masters].id())
	}
	c.wait("agree", c.agrees)
	return c
}

func startNode(tb testing.TB, args []string) *Server {
	tb.Helper()
	bus := freePort(tb)
	s := newRedis(tb, append([]string{
		"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1500",
		"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0",
	}, args...))
	s.busPort = bus
	s.Start()
	return s
}

// Owner returns the master that has a slot.
func (c *Cluster) Owner(slot int) *Server {
	c.tb.Helper()
	for _, s := range c.Masters {
		if s.process != nil && s.owns(slot) {
			return s
		}
	}
	c.tb.Fatalf("no master has slot %d", slot)
	return nil
}

// MoveSlot moves a slot with its keys to a master. Clients that do not know of it
// are told MOVED.
func (c *Cluster) MoveSlot(slot int, to *Server) {
	c.tb.Helper()
	c.BeginMove(slot, to)
	c.EndMove(slot, to)
}

// BeginMove begins to move a slot to a master. Until EndMove, clients that ask the
// old one for a key that is not there are told ASK.
func (c *Cluster) BeginMove(slot int, to *Server) {
	c.tb.Helper()
	from := c.Owner(slot)
	to.Do("CLUSTER", "SETSLOT", strconv.Itoa(slot), "IMPORTING", from.id())
	from.Do("CLUSTER", "SETSLOT", strconv.Itoa(slot), "MIGRATING", to.id())
}

// EndMove moves the keys of a slot, and then the slot.
func (c *Cluster) EndMove(slot int, to *Server) {
	c.tb.Helper()
	from, number := c.Owner(slot), strconv.Itoa(slot)
	keys := strings.Fields(from.Do("CLUSTER", "GETKEYSINSLOT", number, "100000"))
	if len(keys) > 0 {
		from.Do(append([]string{"MIGRATE", "127.0.0.1", to.port, "", "0", "20000", "KEYS"}, keys...)...)
	}
	for _, s := range []*Server{to, from} {
		s.Do("CLUSTER", "SETSLOT", number, "NODE", to.id())
	}
	c.wait("agree on a slot", func(s *Server) bool { return s.sees(to, slot) })
}

// FailOver kills a master, if that is not done yet, and waits until its replica
// has taken over. They change places in the Cluster; Start brings the old master
// back, as a replica.
func (c *Cluster) FailOver(i int) {
	c.tb.Helper()
	c.Masters[i].Kill()
	c.Masters[i], c.Replicas[i] = c.Replicas[i], c.Masters[i]
	c.wait("fail over", c.agrees)
}

func (c *Cluster) nodes() []*Server {
	return slices.Concat(c.Masters, c.Replicas)
}

// wait waits until something holds for all nodes that run.
func (c *Cluster) wait(what string, holds func(*Server) bool) {
	c.tb.Helper()
	deadline := time.Now().Add(startTime)
	for _, s := range c.nodes() {
		for s.process != nil && !holds(s) {
			if time.Now().After(deadline) {
				c.tb.Fatalf("the cluster does not %s:\n%s", what, s.Do("CLUSTER", "NODES"))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// knows reports whether a number of CLUSTER INFO is n.
func (c *Cluster) knows(s *Server, name string, n int) bool {
	return strings.Contains(s.Do("CLUSTER", "INFO"), name+":"+strconv.Itoa(n)+"\r")
}

// agrees reports whether a node finds that the cluster works, knows the masters,
// and has its data, if it is a replica.
func (c *Cluster) agrees(s *Server) bool {
	if !strings.Contains(s.Do("CLUSTER", "INFO"), "cluster_state:ok") {
		return false
	}
	for _, master := range c.Masters {
		if !strings.Contains(s.nodeLine(master.id()), "master - ") {
			return false
		}
	}
	replication := s.Do("INFO", "replication")
	return strings.Contains(replication, "role:master") || strings.Contains(replication, "master_link_status:up")
}

// id returns the name of a node in its cluster.
func (s *Server) id() string {
	if s.node == "" {
		s.node = s.Do("CLUSTER", "MYID")
	}
	return s.node
}

// owns reports whether a node says that it has a slot.
func (s *Server) owns(slot int) bool { return s.sees(s, slot) }

// sees reports whether a node says that another has a slot.
func (s *Server) sees(other *Server, slot int) bool {
	fields := strings.Fields(s.nodeLine(other.id()))
	for _, part := range fields[min(len(fields), 8):] {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, failed := strconv.Atoi(low)
		to, alsoFailed := strconv.Atoi(high)
		if failed == nil && alsoFailed == nil && from <= slot && slot <= to {
			return true
		}
	}
	return false
}

// nodeLine returns the line of CLUSTER NODES that a node has of another.
func (s *Server) nodeLine(id string) string {
	for line := range strings.Lines(s.Do("CLUSTER", "NODES")) {
		if strings.HasPrefix(line, id) {
			return line
		}
	}
	return ""
}
