package bearerredis_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

func TestNames(t *testing.T) {
	const empty = "#e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, tt := range []struct {
		name, want, tag string
		b               bearer.Bucket
	}{
		{"a key", "p:default:key:{key_7Fh2}", "key_7Fh2", bearer.Bucket{Policy: "default", Class: "key", ID: "key_7Fh2"}},
		{"an address", "p:default:ip:{2001:db8::/64}", "2001:db8::/64", bearer.Bucket{Policy: "default", Class: "ip", ID: "2001:db8::/64"}},
		{"nothing", "p:" + empty + ":" + empty + ":{" + empty + "}", empty, bearer.Bucket{}},
		{"a colon in a policy", "", "1", bearer.Bucket{Policy: "a:b", Class: "key", ID: "1"}},
		{"braces", "", "", bearer.Bucket{Policy: "default", Class: "key", ID: "{a}b"}},
		{"a kilobyte", "", "", bearer.Bucket{Policy: "default", Class: "key", ID: strings.Repeat("x", 1024)}},
	} {
		name, tag := bearerredis.NameOf("p:", &tt.b)
		if tt.want != "" {
			assert.Equal(t, tt.want, name, tt.name)
		}
		if tt.tag != "" {
			assert.Equal(t, tt.tag, tag, tt.name)
		}
		assert.Less(t, len(name), 300, tt.name)
		assert.Equal(t, 1, strings.Count(name, "{"), tt.name)
		assert.True(t, strings.HasSuffix(name, ":{"+tag+"}"), tt.name)
	}
}

// Slots are those that the specification of Redis Cluster and its servers tell.
func TestSlots(t *testing.T) {
	for tag, want := range map[string]int{"123456789": 12739, "foo": 12182, "": 0, "user1000": 3443} {
		assert.Equal(t, want, bearerredis.SlotOf(tag), tag)
	}
}

// No two buckets have one name.
func FuzzNames(f *testing.F) {
	f.Add("default", "key", "a", "default", "key", "b")
	f.Add("a:b", "c", "d", "a", "b:c", "d")
	f.Add("a", "b", "", "a", "b", "#e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	f.Add("a", "b", "c}:{d", "a", "b", "c:d")
	f.Fuzz(func(t *testing.T, p1, c1, id1, p2, c2, id2 string) {
		a := bearer.Bucket{Policy: p1, Class: c1, ID: id1}
		b := bearer.Bucket{Policy: p2, Class: c2, ID: id2}
		nameA, tagA := bearerredis.NameOf("p:", &a)
		nameB, tagB := bearerredis.NameOf("p:", &b)
		assert.Equal(t, a == b, nameA == nameB, "%q and %q", nameA, nameB)
		assert.Equal(t, id1 == id2, tagA == tagB, "%q and %q", tagA, tagB)
	})
}
