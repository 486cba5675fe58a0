package storesuite

import (
	"slices"
	"strings"

	"github.com/blockauth/bearer"
)

// A record is a key that differs from a plain one in one field or two.
type record struct {
	name   string
	rare   bool // a schema may refuse it
	change func(*bearer.Key)
}

// records returns all of them. The last is as plain as the first: a store that
// reads into a record that it has used before forgets to clear it.
func records() []record {
	isPlain := func(*bearer.Key) {}
	return slices.Concat(
		[]record{{"a plain key", false, isPlain}},
		kindRecords(), ownerRecords(), idRecords(), scopeRecords(),
		addressRecords(), originRecords(), limitRecords(), timeRecords(),
		[]record{{"a key with everything", true, fill}, {"a plain key after all others", false, isPlain}},
	)
}

// fields stores the records, and looks each up twice: a cache may answer the
// second time. What is not found at all is another mistake than what cannot be
// read, or lacks a field. A field is told once, and all in one finding, so that
// each is listed.
func (s *suite) fields() {
	told := make(map[string]bool) // by the fields' names
	var texts []string
	for _, r := range records() {
		key := s.newKey()
		r.change(&key)
		if r.rare && !s.offer(key) || !r.rare && !s.put(r.name, key) {
			continue
		}
		for _, name := range []string{r.name, r.name + ", again"} {
			got, err := s.ask(key.Hash)
			if err != nil || got == nil {
				s.Brokenf(ruleFor(err, ruleFound), "%s: got %s, want the key", name, answer(got, err))
				break
			}
			for _, d := range s.differences(got, &key) {
				if !told[d.name] {
					told[d.name] = true
					texts = append(texts, name+": "+d.text)
				}
			}
		}
	}
	if texts != nil {
		s.Brokenf(ruleFields, "%s", strings.Join(texts, "\n\t"))
	}
}
