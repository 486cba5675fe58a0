package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// An endpoint of the application's own says how many keys the caller may see.
func ExampleIssuer_Caller() {
	iss, err := issuer.New(issuer.Config{Caller: func(r *http.Request) (issuer.Caller, error) {
		cookie, err := r.Cookie("session")
		if err != nil || cookie.Value != "good" { // the application's own login
			return issuer.Caller{}, issuer.ErrNoCaller
		}
		return issuer.Caller{ID: "ann", Owner: "acme", Scopes: bearer.FullAccess}, nil
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	count := func(w http.ResponseWriter, r *http.Request) {
		ctx, by, err := iss.Caller(r)
		if err == nil {
			var keys []issuer.APIKey
			keys, _, err = iss.ListKeys(ctx, by, issuer.KeyQuery{})
			if err == nil {
				fmt.Fprint(w, len(keys), " keys of ", by.Owner)
				return
			}
		}
		var refusal *bearer.Error
		errors.As(err, &refusal)
		bearer.WriteError(w, r, refusal)
	}

	r := httptest.NewRequest(http.MethodGet, "/keys/count", nil)
	w := httptest.NewRecorder()
	count(w, r)
	fmt.Println(w.Code)

	r.AddCookie(&http.Cookie{Name: "session", Value: "good"})
	w = httptest.NewRecorder()
	count(w, r)
	fmt.Println(w.Code, w.Body)

	// Output:
	// 401
	// 200 0 keys of acme
}

// A rotation that is asked for twice, since the first answer was lost, is made once.
func ExampleIssuer_RotateSecret() {
	ctx, acme := context.Background(), issuer.Operator("acme")
	iss, err := issuer.New(issuer.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, key, err := iss.CreateKey(ctx, acme, issuer.APIKey{Name: "CI", Kind: bearer.SecretKey})
	if err != nil {
		fmt.Println(err)
		return
	}
	seen := key.Secrets[len(key.Secrets)-1].ID // what the caller saw, and sends

	_, key, err = iss.RotateSecret(ctx, acme, key.ID, seen, time.Hour)
	fmt.Println(len(key.Secrets), err)

	_, _, err = iss.RotateSecret(ctx, acme, key.ID, seen, time.Hour)
	fmt.Println(errors.Is(err, issuer.ErrConflict))

	// Output:
	// 2 <nil>
	// true
}
