package bearergin_test

import (
	"log"

	"github.com/blockauth/bearer"
	bearergin "github.com/blockauth/bearer/adapters/gin"
	"github.com/gin-gonic/gin"
)

// The README and docs/routers.md show this application. It is compiled, not
// run: it never ends.
var _ = func(addr string, guard *bearer.Guard, show, wallets gin.HandlerFunc) {
	r := gin.Default()
	v1 := r.Group("/v1", bearergin.Handler(guard))
	v1.GET("/tokens/:id", bearergin.Require(guard, "tokens:read"), show)
	v1.Any("/wallets", bearergin.Resource(guard, "wallets"), wallets)
	log.Fatal(r.Run(addr))
}

// The README's table shows this line.
var _ = func(r gin.IRouter, guard *bearer.Guard, list gin.HandlerFunc) {
	r.GET("/v1/tokens", bearergin.Require(guard, "tokens:read"), list)
}
