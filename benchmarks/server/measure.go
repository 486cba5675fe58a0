//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// measured has the samples of the stacks, one for each round.
type measured struct {
	settings settings
	stacks   []stack
	samples  map[string][]sample
}

// A sample is what a stack used for a request, on average over a round.
type sample struct {
	cpu     float64 // microseconds
	mallocs float64
	bytes   float64
	cycles  float64 // of the collector
}

func measure(ctx context.Context, stacks []stack, s settings) (*measured, error) {
	m := &measured{s, stacks, make(map[string][]sample)}
	for i := range s.starts {
		if err := m.add(ctx, s.rounds*(i+1)/s.starts-s.rounds*i/s.starts); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// add starts a server for each stack and measures some rounds. The first
// requests, which find no bucket and little heap, do not count.
func (m *measured) add(ctx context.Context, rounds int) error {
	var children []*child
	defer func() {
		for _, c := range children {
			_ = c.stop()
		}
	}()
	for _, st := range m.stacks {
		c, err := start(ctx, st.name, m.settings)
		if err != nil {
			return err
		}
		children = append(children, c)
		if err := c.send(2 * max(m.settings.keys, m.settings.turn)); err != nil {
			return fmt.Errorf("%s: %w", st.name, err)
		}
	}
	for range rounds {
		if err := m.round(children); err != nil {
			return err
		}
	}
	return nil
}

func (m *measured) round(children []*child) (err error) {
	first := make([]reading, len(children))
	for i, c := range children {
		if first[i], err = c.read("all"); err != nil {
			return err
		}
	}
	used := make([]sample, len(children))
	for range turns {
		for _, i := range rand.Perm(len(children)) { //nolint:gosec // any order will do
			cpu, err := children[i].turn(m.settings.turn)
			if err != nil {
				return fmt.Errorf("%s: %w", m.stacks[i].name, err)
			}
			used[i].cpu += cpu
		}
	}
	n := float64(turns * m.settings.turn)
	for i, c := range children {
		last, err := c.read("all")
		if err != nil {
			return err
		}
		used[i].cpu /= n
		used[i].mallocs = float64(last.Mallocs-first[i].Mallocs) / n
		used[i].bytes = float64(last.Bytes-first[i].Bytes) / n
		used[i].cycles = float64(last.Cycles-first[i].Cycles) / n
		name := m.stacks[i].name
		m.samples[name] = append(m.samples[name], used[i])
	}
	return nil
}

// turn sends n requests and returns the microseconds of CPU time that they took
// the server.
func (c *child) turn(n int) (float64, error) {
	before, err := c.read("cpu")
	if err != nil {
		return 0, err
	}
	if err := c.send(n); err != nil {
		return 0, err
	}
	after, err := c.read("cpu")
	return float64((after.CPU - before.CPU).Nanoseconds()) / 1e3, err
}
