package storesuite

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"time"

	"github.com/blockauth/bearer"
)

// difference returns the first field in which two records differ, with both
// values, or "". Nil and empty are alike.
func difference[T any](got, want T) string {
	return differ("", reflect.ValueOf(got), reflect.ValueOf(want))
}

func differ(path string, got, want reflect.Value) string {
	switch want.Interface().(type) {
	case time.Time, netip.Prefix, bearer.KeyHash, []byte:
		return differValue(path, got, want)
	}
	switch want.Kind() {
	case reflect.Struct:
		return differStruct(path, got, want)
	case reflect.Slice:
		return differSlice(path, got, want)
	case reflect.Map:
		return differMap(path, got, want)
	default:
		return differValue(path, got, want)
	}
}

func differStruct(path string, got, want reflect.Value) string {
	for i := range want.NumField() {
		name := want.Type().Field(i).Name
		if path != "" {
			name = path + "." + name
		}
		if text := differ(name, got.Field(i), want.Field(i)); text != "" {
			return text
		}
	}
	return ""
}

func differSlice(path string, got, want reflect.Value) string {
	if got.Len() != want.Len() {
		return fmt.Sprintf("%s: got %d of them, want %d", path, got.Len(), want.Len())
	}
	for i := range want.Len() {
		if text := differ(fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i)); text != "" {
			return text
		}
	}
	return ""
}

func differMap(path string, got, want reflect.Value) string {
	for _, key := range want.MapKeys() {
		name := fmt.Sprintf("%s[%.60q]", path, key.String())
		value := got.MapIndex(key)
		if !value.IsValid() {
			return name + ": got nothing, want an entry"
		}
		if text := differ(name, value, want.MapIndex(key)); text != "" {
			return text
		}
	}
	if got.Len() != want.Len() {
		return fmt.Sprintf("%s: got %d entries, want %d", path, got.Len(), want.Len())
	}
	return ""
}

// differValue compares what has no parts.
func differValue(path string, got, want reflect.Value) string {
	a, b := got.Interface(), want.Interface()
	if same(a, b) {
		return ""
	}
	return fmt.Sprintf("%s: got %s, want %s", path, textOf(a), textOf(b))
}

func same(got, want any) bool {
	switch want := want.(type) {
	case time.Time:
		got, _ := got.(time.Time)
		return got.Equal(want)
	case []byte:
		got, _ := got.([]byte)
		return bytes.Equal(got, want)
	default:
		g, w := reflect.ValueOf(got), reflect.ValueOf(want)
		if !w.CanFloat() {
			return got == want
		}
		return g.Float() == w.Float() || math.Abs(g.Float()-w.Float()) <= 1e-9*math.Abs(w.Float())
	}
}

// textOf describes a value. It tells the length of a long text first: it may have
// been cut. It shows no hash.
func textOf(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return "the zero time"
		}
		return v.UTC().Format("2006-01-02T15:04:05.999999999Z")
	case bearer.KeyHash:
		if v == (bearer.KeyHash{}) {
			return "the zero hash"
		}
		return "another hash"
	case []byte:
		return fmt.Sprintf("%d bytes %.60x", len(v), v)
	}
	if text := reflect.ValueOf(v); text.Kind() == reflect.String {
		return quoted(text.String())
	}
	return fmt.Sprint(v)
}

func quoted(text string) string {
	if len(text) > 60 {
		return fmt.Sprintf("%d bytes %+q…", len(text), text[:60])
	}
	return strconv.QuoteToASCII(text)
}

// clone returns a copy that shares no slice and no map.
func clone[T any](v T) T {
	copied := reflect.New(reflect.TypeFor[T]()).Elem()
	copyInto(copied, reflect.ValueOf(v))
	out, _ := reflect.TypeAssert[T](copied)
	return out
}

func copyInto(to, from reflect.Value) {
	to.Set(from)
	switch from.Interface().(type) {
	case time.Time, netip.Prefix:
		return
	}
	switch from.Kind() { //nolint:exhaustive // others have no parts
	case reflect.Struct:
		for i := range from.NumField() {
			copyInto(to.Field(i), from.Field(i))
		}
	case reflect.Slice:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			copyInto(to.Index(i), from.Index(i))
		}
	case reflect.Map:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeMap(from.Type()))
		for _, key := range from.MapKeys() {
			to.SetMapIndex(key, from.MapIndex(key))
		}
	}
}

// scramble changes all that can be changed in the slices and maps of a record
// without changing the record: what a store must not see.
func scramble(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // others have no parts
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				scramble(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			v.Index(i).SetZero()
		}
	case reflect.Map:
		v.Clear()
	}
}
