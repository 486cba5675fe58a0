package storesuite

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer/issuer"
)

// The records with everything leave no field zero but those that have checks of
// their own: a field that is added is tested, or this test fails.
func TestFill(t *testing.T) {
	at := now()
	key := issuer.APIKey{ID: "ak_1", Owner: "owner", Version: 1, Secrets: []issuer.Secret{newSecret(at)}}
	fillKey(&key)
	session := issuer.Session{ID: "se_1", Subject: "user:1", Name: "name", Owner: "owner", CreatedAt: at, Version: 1}
	fillSession(&session)
	client := issuer.Client{ID: "client", Owner: "owner", Version: 1, Secrets: []issuer.Secret{newSecret(at)}}
	fillClient(&client)
	user := issuer.PasswordUser{ID: "1", Owner: "owner", Email: "a@example.com", CreatedAt: at, Version: 1}
	fillUser(&user)

	assert.ElementsMatch(t, []string{"RevokedAt", "LastUsedAt", "Secrets.LastUsedAt"}, zeroFields(key))
	assert.ElementsMatch(t, []string{"EndedAt"}, zeroFields(session))
	assert.ElementsMatch(t, []string{"DeletedAt", "Secrets.LastUsedAt"}, zeroFields(client))
	assert.Empty(t, zeroFields(user))
}

// zeroFields returns the names of the fields that are zero, also of the first
// element of a slice.
func zeroFields(record any) (names []string) {
	v := reflect.ValueOf(record)
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		inner := field
		if field.Kind() == reflect.Slice && field.Len() > 0 {
			inner = field.Index(0)
		}
		_, isTime := reflect.TypeAssert[time.Time](inner)
		switch {
		case field.IsZero():
			names = append(names, name)
		case inner.Kind() == reflect.Struct && !isTime && inner.Type().PkgPath() == v.Type().PkgPath():
			for _, zero := range zeroFields(inner.Interface()) {
				names = append(names, name+"."+zero)
			}
		}
	}
	return names
}
