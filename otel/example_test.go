package bearerotel_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/blockauth/bearer"
	bearerotel "github.com/blockauth/bearer/otel"
)

// The meter is that of the application's MeterProvider. Another function that is to
// see the decisions, for logs here, calls the one returned.
func ExampleObserve() {
	logger := slog.New(slog.DiscardHandler)
	record, err := bearerotel.Observe(otel.Meter("example.com/app"))
	if err != nil {
		panic(err)
	}
	guard, err := bearer.New(bearer.Config{
		Keys: new(bearer.MemoryStore),
		Observe: func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
			record(r, p, e)
			logger.Info("decided", "principal", p, "took", bearer.TimingOf(r).Total)
		},
	})
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	guard.Handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/tokens", nil))
	fmt.Println(w.Code)
	// Output: 401
}

// A lamp stands for a limiter of bearerredis, whose State it is, or for the
// feed of a bearersql.Store, whose State().Mode it is.
type lamp int

const (
	green lamp = iota
	red
)

func (l lamp) String() string { return [...]string{"green", "red"}[l] }

// The gauge is collected until Unregister.
func ExampleObserveState() {
	state := func() (lamp, time.Time) { return green, time.Time{} }
	registration, err := bearerotel.ObserveState(otel.Meter("example.com/app"), "lamp", state, green, red)
	if err != nil {
		panic(err)
	}
	fmt.Println(registration.Unregister())
	// Output: <nil>
}

// An issuer.Issuer has a method like this.
func ExampleObserveHealth() {
	healthy := func() error { return nil }
	registration, err := bearerotel.ObserveHealth(otel.Meter("example.com/app"), "issuer", healthy)
	if err != nil {
		panic(err)
	}
	defer func() { _ = registration.Unregister() }()
	fmt.Println(healthy() == nil)
	// Output: true
}
