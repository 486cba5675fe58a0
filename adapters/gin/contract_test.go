package bearergin_test

import (
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearergin "github.com/blockauth/bearer/adapters/gin"
	"github.com/blockauth/bearer/bearertest"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
)

func TestContract(t *testing.T) {
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		app := gin.New()
		app.Any("/*path", bearergin.Require(g, scopes...), gin.WrapH(bearertest.Handler))
		return app
	}))
}
