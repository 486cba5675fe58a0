package storesuite

import (
	"slices"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// A record is a key that differs from a plain one in one field or two.
type record struct {
	name   string
	rare   bool // a schema may refuse it
	change func(*bearer.Key)
}

func isPlain(*bearer.Key) {}

// records returns all of them. The last is as plain as the first: a store that
// reads into a record that it has used before forgets to clear it.
func records() []record {
	return slices.Concat(
		[]record{{"a plain key", false, isPlain}},
		kindRecords(), ownerRecords(), idRecords(), scopeRecords(),
		addressRecords(), originRecords(), limitRecords(), timeRecords(),
		[]record{{"a key with everything", true, fill}, {"a plain key after all others", false, isPlain}},
	)
}

// fields stores the records, and looks each up twice: a cache may answer the
// second time. A field is told once, and all in one finding, so that each is
// listed.
func (s *suite) fields() {
	told := make(map[string]bool) // by the fields' names
	var texts []string
	for _, r := range records() {
		key := s.newKey()
		r.change(&key)
		if s.isRewritten(key.Owner) || r.rare && !s.offer(key) || !r.rare && !s.put(r.name, key) {
			continue
		}
		s.good = append(s.good, stored{r.name, key})
		for _, d := range s.lookUpTwice(r, &key) {
			if !told[d.name] {
				told[d.name] = true
				texts = append(texts, d.text)
			}
		}
	}
	if texts != nil {
		s.Brokenf(ruleFields, "%s", strings.Join(texts, "\n\t"))
	}
}

// lookUpTwice returns the fields in which a record is found otherwise than it was
// stored. What is not found at all is another mistake.
func (s *suite) lookUpTwice(r record, key *bearer.Key) (differ []field) {
	for _, name := range []string{r.name, r.name + ", again"} {
		got, err := s.ask(key.Hash)
		if err != nil || got == nil {
			s.Brokenf(s.ruleOfMiss(r, err), "%s: got %s, want the key", name, answer(got, err))
			return differ
		}
		for _, d := range s.differences(got, key) {
			d.text = name + ": " + d.text
			differ = append(differ, d)
		}
	}
	return differ
}

// isRewritten reports whether a column of numbers or of UUIDs, which a store has
// whose plain owner is one, takes the owner but writes it in another way.
func (s *suite) isRewritten(owner string) bool {
	switch s.plain.Owner {
	case aNumber:
		return owner == zerosAndNumber || owner == anExponent
	case aUUID:
		return owner == strings.ToUpper(aUUID)
	default:
		return false
	}
}

// ruleOfMiss returns the rule that is broken if a record is not found. What cannot
// be read is another mistake than what is not there: by its hash, if other keys
// like it are found, or else by what it holds.
func (s *suite) ruleOfMiss(r record, err error) report.Rule {
	for range 2 {
		key := s.newKey()
		r.change(&key)
		if !s.offer(key) {
			continue
		}
		if found, missing := s.ask(key.Hash); missing == nil && found != nil {
			return ruleFor(err, ruleFound)
		}
	}
	return ruleFor(err, ruleGood)
}
