package issuer_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// An application that has no users of its own keeps them in Passwords. Whoever
// registers may read; the application makes one of them an administrator.
func ExamplePasswords() {
	ctx := context.Background()
	users := issuer.NewPasswords(issuer.NewMemoryStore())
	users.Scopes = "tokens:read"
	iss, err := issuer.New(issuer.Config{
		Tokens: &issuer.Tokens{
			Issuer:      "https://api.example",
			Audience:    "https://api.example",
			SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
		},
		Users:     users, // POST /auth/login
		Registrar: users, // POST /auth/register
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	ada, err := users.Register(ctx, "Ada@Example.com", "correct horse battery staple")
	fmt.Println(ada.Email, ada.Scopes, err)

	ada, err = users.Update(ctx, ada.ID, func(u *issuer.User) error {
		u.Scopes = bearer.FullAccess
		return nil
	})
	fmt.Println(ada.Email, ada.Scopes, err)

	// A forgotten password: the user who opened the link that was mailed sets
	// another, and is logged out everywhere.
	fmt.Println(users.SetPassword(ctx, ada.ID, "another horse battery staple"))
	fmt.Println(iss.EndSessions(ctx, ada.ID))

	_, err = users.VerifyPassword(ctx, "ada@example.com", "correct horse battery staple")
	fmt.Println(errors.Is(err, issuer.ErrInvalidCredentials))

	// Output:
	// ada@example.com tokens:read <nil>
	// ada@example.com * <nil>
	// <nil>
	// <nil>
	// true
}
