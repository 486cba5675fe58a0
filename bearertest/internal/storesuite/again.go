package storesuite

import (
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// pauses are the times after which all keys are asked for again, when all checks
// are over: at once, and in a bubble of [testing/synctest] when a cache reloads,
// and when a server has dropped what was to be kept for a day.
func pauses() []time.Duration {
	if !report.InBubble() {
		return []time.Duration{0}
	}
	return []time.Duration{0, 45 * time.Second, 25 * time.Hour}
}

// askAgain looks up the records of fields, and what a guard refuses. Meanwhile
// other keys of the same owner were issued, and some hundred in all.
func (s *suite) askAgain(pause time.Duration) {
	when := "after all others were issued"
	if pause > 0 {
		when = pause.String() + " later"
	}
	for i := range s.good {
		name, key := s.good[i].name+", "+when, &s.good[i].key
		if isOver(key) {
			continue
		}
		got, err := s.ask(key.Hash)
		if err != nil || got == nil {
			s.Stopf(ruleFor(err, ruleStays), "%s: got %s, want the key: it was found before", name, answer(got, err))
		}
		if differ := s.differences(got, key); differ != nil {
			s.Stopf(ruleStays, "%s: %s: so it was found before", name, differ[0].text)
		}
	}
	s.askRefused(when)
}

// isOver reports whether a key is no longer good, or soon will not be.
func isOver(k *bearer.Key) bool {
	soon := time.Now().Add(time.Minute)
	return !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(soon) || !k.EndsAt.IsZero() && k.EndsAt.Before(soon)
}
