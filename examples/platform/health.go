package main

import (
	"cmp"
	"net/http"
	"runtime"
	"runtime/metrics"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A health is how a replica is: what an alert looks at.
type health struct {
	Status     string `json:"status"`            // ok, or blind: changes by others go unnoticed, and nothing is remembered
	Feed       string `json:"feed,omitempty"`    // how changes by others are found: live, polling or blind
	Limiter    string `json:"limiter,omitempty"` // up, or down: without Redis, each replica limits alone
	Goroutines int    `json:"goroutines"`
	HeapBytes  uint64 `json:"heap_bytes"` // what was in use at the last garbage collection
}

// serveHealth answers with the state of the replica: 503 if it is blind. It asks
// neither the database nor Redis, so that no flood of it reaches them, and shows
// no error, since those name addresses.
func (p *platform) serveHealth(w http.ResponseWriter, _ *http.Request) {
	h, status := p.health(), http.StatusOK
	if h.Status == "blind" {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, status, h)
}

func (p *platform) health() health {
	h := health{Status: "ok", Goroutines: runtime.NumGoroutine(), HeapBytes: liveHeap()}
	if limiter := p.backing.redis; limiter != nil {
		h.Limiter = limiter.State().String()
	}
	worst := bearersql.Live
	for _, feed := range p.backing.feeds {
		worst = min(worst, feed.State().Mode)
		h.Feed = worst.String()
	}
	if worst == bearersql.Blind || cmp.Or(p.main.Healthy(), p.social.Healthy()) != nil {
		h.Status = "blind"
	}
	return h
}

func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
