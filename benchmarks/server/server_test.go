//go:build unix

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer/benchmarks/internal/stacks"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test be the program that start starts.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-serve") {
		main()
		return
	}
	os.Exit(m.Run())
}

// All stacks give the same answer, and those that are not bare do the work.
func TestStacksDoTheWork(t *testing.T) {
	for _, st := range wholeStacks {
		t.Run(st.name, func(t *testing.T) {
			site, err := stacks.NewSite(2, stacks.Quota{N: 2, Per: time.Hour})
			require.NoError(t, err)
			unscoped, err := site.AddKey("unscoped", "org_0", "wallets:read")
			require.NoError(t, err)
			h, err := st.open(site, 3)
			require.NoError(t, err)
			for _, row := range []struct {
				name, field string
				want        int
			}{
				{"a good key", site.Fields[0], http.StatusOK},
				{"once more", site.Fields[0], http.StatusOK},
				{"beyond the limit", site.Fields[0], http.StatusTooManyRequests},
				{"another key", site.Fields[1], http.StatusOK},
				{"a key without the scope", unscoped, http.StatusForbidden},
				{"an unknown key", site.Fields[0] + "x", http.StatusUnauthorized},
			} {
				r := httptest.NewRequest(http.MethodGet, stacks.Route, nil)
				r.Header.Set("Authorization", row.field)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if st.bare == "" {
					row.want = http.StatusOK
				}
				assert.Equal(t, row.want, w.Code, row.name)
				if w.Code == http.StatusOK {
					var got answer
					require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got), row.name)
					assert.Equal(t, answers(3)("org_0"), got, row.name)
				}
			}
		})
	}
}

// A few requests to each stack, in processes of their own.
func TestMeasure(t *testing.T) {
	for _, all := range [][]stack{wholeStacks, partStacks} {
		m, err := measure(context.Background(), all, settings{rounds: 2, starts: 1, turn: 4, conns: 2, keys: 3, items: 1})
		require.NoError(t, err)
		for _, st := range all {
			require.Len(t, m.samples[st.name], 2, st.name)
			assert.Greater(t, m.samples[st.name][0].mallocs, 10.0, st.name)
		}
		assert.Equal(t, len(all)+5, strings.Count(m.markdown(), "\n"))
	}
}

func TestUnknownStack(t *testing.T) {
	_, err := start(context.Background(), "nothing", settings{keys: 1, items: 1, conns: 1})
	assert.ErrorContains(t, err, "nothing")
}
