package issuer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"testing"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/gin-gonic/gin"
	"github.com/go-oauth2/oauth2/v4/generates"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/store"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// userCount is how many users take turns.
const userCount = 1000

var errNotTheUser = errors.New("another password")

// passwordHash stands for the hashes of passwords: all users have one, and it is
// a fast one, so that what is measured is not the slow hash.
var (
	password     = newSecret()
	passwordHash = sha256.Sum256([]byte(password))
)

func verifyPassword(_, text string) error {
	if !equalText(passwordHash[:], text) {
		return errNotTheUser
	}
	return nil
}

// users are the issuer's: their IDs are their emails.
type users struct{}

func (users) VerifyPassword(_ context.Context, email, text string) (issuer.User, error) {
	if err := verifyPassword(email, text); err != nil {
		return issuer.User{}, fmt.Errorf("%w: %w", issuer.ErrInvalidCredentials, err)
	}
	return issuer.User{ID: email, Owner: "acme", Scopes: scope}, nil
}

func (users) FindUser(_ context.Context, id string) (issuer.User, error) {
	return issuer.User{ID: id, Owner: "acme", Scopes: scope}, nil
}

func email(i int) string { return "user" + strconv.Itoa(i%userCount) + "@acme.example" }

// A loginPeer logs users in, and refreshes what they got.
type loginPeer struct {
	handler   http.Handler
	loginPath string
	media     string
	field     string                              // Authorization of logins; empty: none
	login     func(email, password string) string // the body
	refresh   func(s *sender) func() int          // what refreshes the login that s has just made, again and again
	check     func(token string) error
}

var loginPeers = []struct {
	name string
	open func(testing.TB) loginPeer
}{
	{"bearer", bearerLogin},
	{"gin-jwt", ginLogin},
	{"go-oauth2", goOAuth2Login},
}

// BenchmarkLogin is a login by email and password, of a thousand users in turn.
func BenchmarkLogin(b *testing.B) {
	for _, peer := range loginPeers {
		measure(b, "", peer.name, func(tb testing.TB) func() turn {
			tb.Helper()
			return peer.open(tb).logins
		})
	}
}

// BenchmarkRefresh refreshes one login again and again.
func BenchmarkRefresh(b *testing.B) {
	for _, peer := range loginPeers {
		measure(b, "", peer.name, func(tb testing.TB) func() turn {
			tb.Helper()
			return peer.open(tb).refreshes
		})
	}
}

func (p loginPeer) logins() turn {
	bodies := make([]string, userCount)
	for i := range bodies {
		bodies[i] = p.login(email(i), password)
	}
	s := newSender(p.handler, p.loginPath, p.media)
	return func(i int) int { return s.send(p.field, bodies[i%userCount]) }
}

func (p loginPeer) refreshes() turn {
	s := newSender(p.handler, p.loginPath, p.media)
	if status := s.send(p.field, p.login(email(0), password)); status != http.StatusOK {
		return func(int) int { return status }
	}
	again := p.refresh(s)
	return func(int) int { return again() }
}

func jsonLogin(email, password string) string {
	return `{"email":"` + email + `","password":"` + password + `"}`
}

func bearerLogin(tb testing.TB) loginPeer {
	tb.Helper()
	key := newSigningKey()
	made := newIssuer(tb, key, 0, generous{new(bearer.Buckets)})
	mux := http.NewServeMux()
	for _, path := range []string{"POST /auth/login", "POST /auth/refresh"} {
		mux.Handle(path, made.Route(path))
	}
	return loginPeer{
		handler: mux, loginPath: "/auth/login", media: jsonMedia, login: jsonLogin, check: checkJWT(key),
		refresh: func(s *sender) func() int {
			token := textAfter(s, `"refresh_token":"`)
			s.request.URL.Path = "/auth/refresh"
			return func() int {
				status := s.send("", `{"refresh_token":"`+token+`"}`)
				token = textAfter(s, `"refresh_token":"`)
				return status
			}
		},
	}
}

// textAfter returns the text of the last answer between a text and a quote.
func textAfter(s *sender, before string) string {
	_, rest, _ := bytes.Cut(s.answer.body, []byte(before))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(text)
}

// ginLogin is gin-jwt: it stores nothing, and its refresh makes a new token of an
// old one.
func ginLogin(tb testing.TB) loginPeer {
	tb.Helper()
	key := newSigningKey()
	made, err := ginjwt.New(&ginjwt.GinJWTMiddleware{
		Realm: "api", Key: key, SigningAlgorithm: "HS256", Timeout: ttl, MaxRefresh: 24 * ttl, TokenLookup: "header: Authorization",
		PayloadFunc: func(data any) ginjwt.MapClaims {
			return ginjwt.MapClaims{"iss": iss, "aud": aud, "sub": data, "scope": scope}
		},
		Authenticator: func(c *gin.Context) (any, error) {
			var login struct {
				Email    string `binding:"required" json:"email"`
				Password string `binding:"required" json:"password"`
			}
			if err := c.ShouldBindJSON(&login); err != nil {
				return nil, ginjwt.ErrMissingLoginValues
			}
			return login.Email, verifyPassword(login.Email, login.Password)
		},
	})
	require.NoError(tb, err)
	gin.SetMode(gin.ReleaseMode)
	app := gin.New()
	app.POST("/auth/login", made.LoginHandler)
	app.POST("/auth/refresh", made.RefreshHandler)
	return loginPeer{
		handler: app, loginPath: "/auth/login", media: jsonMedia, login: jsonLogin, check: checkJWT(key),
		refresh: func(s *sender) func() int {
			token := textAfter(s, `"token":"`)
			s.request.URL.Path = "/auth/refresh"
			return func() int {
				status := s.send("Bearer "+token, "")
				token = textAfter(s, `"token":"`)
				return status
			}
		},
	}
}

// goOAuth2Login is the password grant of go-oauth2, which stores what it gives,
// and its refresh, which removes the spent token.
func goOAuth2Login(tb testing.TB) loginPeer {
	tb.Helper()
	key, secret := newSigningKey(), newSecret()
	sum := sha256.Sum256([]byte(secret))
	clients := store.NewClientStore()
	require.NoError(tb, clients.Set("app", &hashedClient{models.Client{ID: "app"}, sum[:]}))
	manager := manage.NewDefaultManager()
	manager.MapAccessGenerate(generates.NewJWTAccessGenerate("1", key, jwt.SigningMethodHS256))
	manager.MapClientStorage(clients)
	manager.MustTokenStorage(store.NewMemoryTokenStore())
	made := newGoOAuth2(manager)
	made.SetPasswordAuthorizationHandler(func(_ context.Context, _, email, text string) (string, error) {
		return email, verifyPassword(email, text)
	})
	field := basicField("app", secret)
	return loginPeer{
		handler: goOAuth2Handler(made), loginPath: tokenPath, media: formMedia, field: field, check: checkJWT(key),
		login: func(email, password string) string {
			return "grant_type=password&scope=" + scope + "&username=" + email + "&password=" + password
		},
		refresh: func(s *sender) func() int {
			token := textAfter(s, `"refresh_token":"`)
			return func() int {
				status := s.send(field, "grant_type=refresh_token&refresh_token="+token)
				token = textAfter(s, `"refresh_token":"`)
				return status
			}
		},
	}
}

// BenchmarkOneSession is the login by one API key under one session_id by 64
// goroutines: all get the same token. With -cpu 1,2 it shows how that scales.
func BenchmarkOneSession(b *testing.B) {
	h, body := oneSession(b)
	b.SetParallelism(max(64/runtime.GOMAXPROCS(0), 1))
	b.ReportAllocs()
	reportCPU(b, func() {
		b.RunParallel(func(pb *testing.PB) {
			s := newSender(h, "/auth/login", jsonMedia)
			all(b, pb.Next, func(int) int { return s.send("", body) }, 0)
		})
	})
}

// oneSession returns the login, and the body of a key that has logged in.
func oneSession(tb testing.TB) (http.Handler, string) {
	tb.Helper()
	made := newIssuer(tb, newSigningKey(), 0, nil)
	text, _ := createKey(tb, made, "acme")
	return made.Route("POST /auth/login"), `{"api_key":"` + text + `","session_id":"worker-7"}`
}
