package benchmarks_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	jwtmiddleware "github.com/auth0/go-jwt-middleware/v2"
	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/blockauth/bearer"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/jwtauth/v5"
	jwtv4 "github.com/golang-jwt/jwt/v4"
	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	jwx "github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/stretchr/testify/require"
)

// hasScope reports whether a scope claim holds the route's scope.
func hasScope(claim any) bool {
	scopes, _ := claim.(string)
	return slices.Contains(strings.Fields(scopes), scope)
}

func bearerJWT(cache int) func(testing.TB, tokenIssuer) http.Handler {
	return func(tb testing.TB, from tokenIssuer) http.Handler {
		tb.Helper()
		guard, err := bearer.New(bearer.Config{Limit: generous.Limit(), JWT: []bearer.JWT{{
			Issuer: issuer, Audiences: []string{audience}, Algorithms: []string{from.alg}, Keyfunc: from.key, Cache: cache,
		}}})
		require.NoError(tb, err)
		return guard.Require(scope)(endpoint(hasPrincipal))
	}
}

// strictParser is golang-jwt with the checks that the guard makes.
func strictParser(alg string) *jwt.Parser {
	return jwt.NewParser(jwt.WithValidMethods([]string{alg}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
}

// parseOnly is golang-jwt's Parse and no more: no middleware, scope or context.
func parseOnly(_ testing.TB, from tokenIssuer) http.Handler {
	parser := strictParser(from.alg)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := parser.Parse(r.Header["Authorization"][0][len("Bearer "):], from.key); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

// scopeClaim makes auth0's validator read the scope.
type scopeClaim struct {
	Scope string `json:"scope"`
}

func (c *scopeClaim) Validate(context.Context) error {
	if !hasScope(c.Scope) {
		return errors.New("the scope is missing")
	}
	return nil
}

func auth0JWT(tb testing.TB, from tokenIssuer) http.Handler {
	tb.Helper()
	key := func(context.Context) (any, error) { return from.verify, nil }
	v, err := validator.New(key, validator.SignatureAlgorithm(from.alg), issuer, []string{audience},
		validator.WithCustomClaims(func() validator.CustomClaims { return new(scopeClaim) }))
	require.NoError(tb, err)
	return jwtmiddleware.New(v.ValidateToken).CheckJWT(endpoint(func(r *http.Request) bool {
		return r.Context().Value(jwtmiddleware.ContextKey{}) != nil
	}))
}

func chiJWT(_ testing.TB, from tokenIssuer) http.Handler {
	auth := jwtauth.New(from.alg, from.sign, from.verify,
		jwx.WithIssuer(issuer), jwx.WithAudience(audience), jwx.WithRequiredClaim("exp"))
	last := endpoint(func(r *http.Request) bool { return r.Context().Value(jwtauth.TokenCtxKey) != nil })
	checkScope := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := r.Context().Value(jwtauth.TokenCtxKey).(jwx.Token)
		if claim, _ := token.Get("scope"); !hasScope(claim) {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		last.ServeHTTP(w, r)
	})
	return jwtauth.Verify(auth, jwtauth.TokenFromHeader)(jwtauth.Authenticator(auth)(checkScope))
}

func echoJWT(_ testing.TB, from tokenIssuer) http.Handler {
	parser := strictParser(from.alg)
	claimsIn := func(c echo.Context) jwt.MapClaims {
		token, _ := c.Get("user").(*jwt.Token)
		claims, _ := token.Claims.(jwt.MapClaims)
		return claims
	}
	checkToken := echojwt.WithConfig(echojwt.Config{ParseTokenFunc: func(_ echo.Context, text string) (any, error) {
		return parser.Parse(text, from.key)
	}})
	checkScope := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !hasScope(claimsIn(c)["scope"]) {
				return echo.ErrForbidden
			}
			return next(c)
		}
	}
	app := echo.New()
	app.GET(route, func(c echo.Context) error {
		if claimsIn(c) == nil {
			return errNobody
		}
		return nil
	}, checkToken, checkScope)
	return app
}

// ginJWT checks issuer, audience and scope in gin-jwt's Authorizator: the
// golang-jwt v4 under it has no options for them.
func ginJWT(tb testing.TB, from tokenIssuer) http.Handler {
	tb.Helper()
	gin.SetMode(gin.ReleaseMode)
	middleware, err := ginjwt.New(&ginjwt.GinJWTMiddleware{
		KeyFunc:      func(*jwtv4.Token) (any, error) { return from.verify, nil },
		ParseOptions: []jwtv4.ParserOption{jwtv4.WithValidMethods([]string{from.alg})},
		IdentityKey:  "sub",
		Authorizator: func(_ any, c *gin.Context) bool {
			claims := jwtv4.MapClaims(ginjwt.ExtractClaims(c))
			return claims.VerifyIssuer(issuer, true) && claims.VerifyAudience(audience, true) && hasScope(claims["scope"])
		},
	})
	require.NoError(tb, err)
	app := gin.New()
	app.GET(route, middleware.MiddlewareFunc(), func(c *gin.Context) {
		if _, known := c.Get("sub"); !known {
			panic("nobody")
		}
	})
	return app
}
