package issuer_test

import (
	"context"
	"fmt"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A scanner of the application's own found the text of a key. That of a live one is
// flagged here, so that nothing stops; the owner sees the flag until the secret has
// been rotated away.
func ExampleIssuer_ReportLeak() {
	ctx, acme := context.Background(), issuer.Operator("acme")
	iss, err := issuer.New(issuer.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, key, err := iss.CreateKey(ctx, acme, issuer.APIKey{Name: "CI", Kind: bearer.SecretKey})
	if err != nil {
		fmt.Println(err)
		return
	}

	report, err := iss.ReportLeak(ctx, found, issuer.Leak{
		Source: "log-scanner",
		Decide: func(context.Context, issuer.APIKey) (issuer.LeakAction, error) { return issuer.FlagLeaked, nil },
	})
	fmt.Println(report.Status, report.Key.ID == key.ID, err)

	_, key, err = iss.RotateKey(ctx, acme, key.ID, 0)
	fmt.Printf("%q %v\n", key.Reason, err)

	report, err = iss.ReportLeak(ctx, found, issuer.Leak{Source: "log-scanner"})
	fmt.Println(report.Status, err)

	// Output:
	// flagged true <nil>
	// "" <nil>
	// ended <nil>
}
