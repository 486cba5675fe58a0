package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// Seeds are what the program prints: how to reach it, and one of each that may
// use it, unless an earlier start has made them.
type seeds struct {
	Addr                   string `json:"addr"`
	Email                  string `json:"email,omitempty"` // of a user who may do everything
	Password               string `json:"password,omitempty"`
	MemberEmail            string `json:"member_email,omitempty"` // of one who may do little
	MemberPassword         string `json:"member_password,omitempty"`
	APIKey                 string `json:"api_key,omitempty"` // of a credential: what POST /auth/token takes
	APISecret              string `json:"api_secret,omitempty"`
	ClientID               string `json:"client_id,omitempty"` // of an OAuth client: what POST /oauth/token takes
	ClientSecret           string `json:"client_secret,omitempty"`
	IntrospectClientID     string `json:"introspect_client_id,omitempty"` // of one that may inspect tokens
	IntrospectClientSecret string `json:"introspect_client_secret,omitempty"`
	SecretKey              string `json:"secret_key,omitempty"` // an API key that may do everything, with test data
	PublishableKey         string `json:"publishable_key,omitempty"`
}

// seed makes two users, and for the first of them clients and keys. If the first
// exists already, an earlier start with the database, or another replica, makes
// all of it, and shows the secrets: only the address is left to tell. A start that
// was cut off here leaves a user whose password no one knows: empty the database
// then.
func (p *platform) seed(ctx context.Context) (s *seeds, err error) {
	s = &seeds{
		Addr:        p.addr,
		Email:       "admin@example.com",
		MemberEmail: "member@example.com",
	}
	s.Password, s.MemberPassword = rand.Text(), rand.Text()
	admin, err := p.users.Register(ctx, s.Email, s.Password)
	if errors.Is(err, issuer.ErrExists) {
		return &seeds{Addr: p.addr}, nil
	}
	if err != nil {
		return nil, err
	}
	members := issuer.NewPasswords(p.backing.store)
	members.Scopes = "tokens:read"
	if _, err := members.Register(ctx, s.MemberEmail, s.MemberPassword); err != nil {
		return nil, err
	}
	by := issuer.Caller{ID: admin.ID, Owner: cmp.Or(admin.Owner, admin.ID), Scopes: bearer.FullAccess}
	if err := p.seedClients(ctx, by, s); err != nil {
		return nil, err
	}
	return s, p.seedKeys(ctx, by, s)
}

func (p *platform) seedClients(ctx context.Context, by issuer.Caller, s *seeds) error {
	for _, row := range []struct {
		id, secret *string
		client     issuer.Client
	}{
		{&s.APIKey, &s.APISecret, issuer.Client{Name: "Credential", Credential: true, Scopes: bearer.FullAccess}},
		{&s.ClientID, &s.ClientSecret, issuer.Client{Name: "OAuth client", Scopes: "read write"}},
		{&s.IntrospectClientID, &s.IntrospectClientSecret, issuer.Client{Name: "Inspector", Introspect: true}},
	} {
		row.client.Environment = bearer.Test
		secret, client, err := p.main.CreateClient(ctx, by, row.client)
		if err != nil {
			return err
		}
		*row.id, *row.secret = client.ID, secret
	}
	return nil
}

func (p *platform) seedKeys(ctx context.Context, by issuer.Caller, s *seeds) error {
	for _, row := range []struct {
		text *string
		kind bearer.Kind
	}{
		{&s.SecretKey, bearer.SecretKey},
		{&s.PublishableKey, bearer.PublishableKey},
	} {
		text, _, err := p.main.CreateKey(ctx, by, issuer.APIKey{
			Name: "Seed", Kind: row.kind, Environment: bearer.Test, Scopes: bearer.FullAccess,
		})
		if err != nil {
			return err
		}
		*row.text = text
	}
	return nil
}
