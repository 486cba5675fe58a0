package bearersql_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// One machine: keys are in a file of SQLite, and still there after a restart.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "bearer")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "bearer.db")

	db, iss, err := openSQLite(ctx, file)
	if err != nil {
		log.Panic(err)
	}
	text, key, err := iss.CreateKey(ctx, issuer.Operator("acme"), issuer.APIKey{
		Name: "production", Kind: bearer.SecretKey, Environment: bearer.Live,
	})
	if err != nil {
		log.Panic(err)
	}
	_ = db.Close()

	db, iss, err = openSQLite(ctx, file)
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = db.Close() }()
	guard, err := bearer.New(iss.KeyConfig())
	if err != nil {
		log.Panic(err)
	}
	handler := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "hello ", bearer.FromContext(r.Context()).Owner)
	}))
	request := func() {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			fmt.Println(w.Code, w.Body)
		} else {
			fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
	request()
	if _, err := iss.RevokeKey(ctx, issuer.Operator("acme"), key.ID, "leaked"); err != nil {
		log.Panic(err)
	}
	request()
	// Output:
	// 200 hello acme
	// 401 Bearer realm="api", error="invalid_token"
}

func openSQLite(ctx context.Context, file string) (*sql.DB, *issuer.Issuer, error) {
	db, err := sql.Open("sqlite", "file:"+file) // import _ "modernc.org/sqlite"
	if err != nil {
		return nil, nil, err
	}
	if err := bearersql.Migrate(ctx, db, bearersql.Config{}); err != nil {
		return nil, nil, err
	}
	store, err := bearersql.New(ctx, db, bearersql.Config{})
	if err != nil {
		return nil, nil, err
	}
	iss, err := issuer.New(issuer.Config{Store: store})
	return db, iss, err
}
