package bearertest

import (
	"maps"
	"reflect"

	"github.com/blockauth/bearer"
)

// A sight is a principal, and how it was when it was seen.
type sight struct {
	is  *bearer.Principal
	was bearer.Principal
}

func see(p *bearer.Principal) sight {
	s := sight{is: p}
	if p == nil {
		return s
	}
	s.was = *p
	s.was.Claims = maps.Clone(p.Claims)
	if p.Key != nil {
		key := *p.Key
		s.was.Key = &key
	}
	return s
}

// String names the principal as it was.
func (s sight) String() string {
	if s.is == nil {
		return "nobody"
	}
	return s.was.String()
}

// unlike names the fields in which two principals differ.
func (s sight) unlike(other sight) (fields []string) {
	a, b := reflect.ValueOf(s.was), reflect.ValueOf(other.was)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			fields = append(fields, a.Type().Field(i).Name)
		}
	}
	return fields
}
