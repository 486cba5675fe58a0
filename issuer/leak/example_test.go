package leak_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/leak"
)

// docs/leaks.md shows the functions of this file.

func handleLeaks(mux *http.ServeMux, iss *issuer.Issuer, token string) error {
	scanning, err := leak.GitHub(iss, leak.GitHubConfig{Token: token})
	if err != nil {
		return err
	}
	reports, err := leak.Reports(iss, leak.ReportsConfig{})
	if err != nil {
		return err
	}
	mux.Handle("POST /leaks/github", scanning)
	mux.Handle("POST /leaks", reports)
	return nil
}

func decide(_ context.Context, key issuer.APIKey) (issuer.LeakAction, error) {
	if key.Environment == bearer.Test {
		return issuer.FlagLeaked, nil // it opens nothing: its owner is told
	}
	return issuer.RevokeLeaked, nil
}

func tellOwners(mail func(owner, text string)) func(context.Context, issuer.Event) {
	return func(_ context.Context, e issuer.Event) {
		if e.Type == "key.leaked" {
			mail(e.Owner, fmt.Sprintf("Your key %s was found at %s (%s): %s.",
				e.Target, e.Detail["url"], e.Detail["source"], e.Detail["action"]))
		}
	}
}

// These are compiled, not run.
var (
	_ = func(mux *http.ServeMux, iss *issuer.Issuer, guard *bearer.Guard) error {
		reports, err := leak.Reports(iss, leak.ReportsConfig{Limit: bearer.Unlimited})
		if err != nil {
			return err
		}
		mux.Handle("POST /leaks", guard.Require("leaks:write")(reports))
		return nil
	}

	_ = func(ctx context.Context, iss *issuer.Issuer, found string) error {
		report, err := iss.ReportLeak(ctx, found, issuer.Leak{Source: "log-scanner", Decide: decide})
		if err != nil {
			return err
		}
		fmt.Println(report.Status, report.Key.ID)
		return nil
	}
)

// Who finds a key reports it, and it is dead at once. Its owner is told.
func ExampleReports() {
	iss, err := issuer.New(issuer.Config{Events: tellOwners(func(owner, text string) {
		fmt.Println("mail to", owner+":", text)
	})})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _, err := iss.CreateKey(context.Background(), issuer.Operator("acme"), issuer.APIKey{
		ID: "ak_payments", Name: "Payments", Kind: bearer.SecretKey, Environment: bearer.Live,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	if err := handleLeaks(mux, iss, ""); err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(mux)
	defer server.Close()

	for range 2 {
		body := fmt.Sprintf(`{"key":%q,"url":"https://paste.example/a1b2","source":"support"}`, text)
		answer, err := http.Post(server.URL+"/leaks", "application/json", strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		var said bytes.Buffer
		_, _ = said.ReadFrom(answer.Body)
		answer.Body.Close()
		fmt.Print(answer.StatusCode, " ", &said)
	}
	// Output:
	// mail to acme: Your key ak_payments was found at https://paste.example/a1b2 (report:support): revoked.
	// 200 {"status":"revoked"}
	// 200 {"status":"ended"}
}
