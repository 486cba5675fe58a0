package main_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A platform that nothing is shared with is never blind.
func TestHealthInMemory(t *testing.T) {
	p := sharedPlatform(t)
	a := p.get(t, "/healthz", "").is(t, http.StatusOK)
	assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	assert.Equal(t, "ok", a.str(t, "status"))
	assert.Positive(t, a.num(t, "goroutines"))
	assert.NotContains(t, a.object(t), "feed")
	assert.NotContains(t, a.object(t), "limiter")
	p.post(t, "/healthz", "", object{}).refuses(t, http.StatusMethodNotAllowed, "method_not_allowed")
}
