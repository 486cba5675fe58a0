package storesuite

import (
	"context"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// Clients tests a store of clients.
func Clients(store issuer.ClientStore, options Options) error {
	b := clientBook(newReport("TestClientStore"), store, options)
	return b.runAll([]check{
		{"a first client", b.first, true},
		{"whole", b.whole, true},
		{"unknown", b.unknown, false},
		{"swaps", b.swaps, true},
		{"copies", b.copies, false},
		{"exact IDs", b.exact, false},
		{"taken", b.taken, false},
		{"ended", b.endings, false},
		{"winners", b.winners, false},
		{"lists", func() { b.lists(deleteSome, func(*issuer.Client, int) {}) }, false},
		{"a long list", b.long, false},
		{"contexts that are done", b.done, false},
	})
}

func clientBook(r *report, store issuer.ClientStore, options Options) *book[issuer.Client] {
	type client = issuer.Client
	return &book[client]{
		report: r, foreign: options.NewID != nil, foreignOwner: options.NewOwner != nil,
		fresh:  func() client { return newClient(options) },
		create: store.CreateClient, replace: store.ReplaceClient,
		list: func(ctx context.Context, q query) ([]client, error) {
			return store.ListClients(ctx, issuer.ClientQuery{
				Owner: q.owner, CreatedBy: q.createdBy, IncludeDeleted: q.withEnded,
				Cursor: "of the issuer", After: q.after, Limit: q.limit,
			})
		},
		finds:     func(q query, c *client) bool { return q.withEnded || c.DeletedAt.IsZero() },
		variants:  clientVariants(),
		id:        field(func(c *client) *string { return &c.ID }),
		owner:     field(func(c *client) *string { return &c.Owner }),
		createdBy: field(func(c *client) *string { return &c.CreatedBy }),
		version:   field(func(c *client) *int64 { return &c.Version }),
		created:   field(func(c *client) *time.Time { return &c.CreatedAt }),
		ended:     field(func(c *client) *time.Time { return &c.DeletedAt }),
		ways: []way[client]{
			{"FindClient", func(ctx context.Context, c *client) (client, error) { return store.FindClient(ctx, c.ID) }},
			{"ListClients", func(ctx context.Context, c *client) (client, error) {
				list, err := store.ListClients(ctx, issuer.ClientQuery{Owner: c.Owner, IncludeDeleted: true})
				return pickID(list, err, func(other *client) bool { return other.ID == c.ID })
			}},
		},
	}
}

// newClient returns a plain client.
func newClient(options Options) issuer.Client {
	at := now()
	return issuer.Client{
		ID: options.newID("client_"), Owner: options.newOwner(), Name: "plain", Environment: bearer.Test,
		Scopes: "read", CreatedAt: at, CreatedBy: "user_1", Version: 1, Secrets: []issuer.Secret{newSecret(at)},
	}
}

func deleteSome(c *issuer.Client, n int, _ *shelf[issuer.Client]) {
	if n%4 == 1 {
		c.DeletedAt = now()
	}
}

// clientVariants are clients that stores change.
func clientVariants() []variant[issuer.Client] {
	type client = issuer.Client
	list := []variant[client]{{"a client with everything", fillClient}}
	add := func(name string, change func(*client)) { list = append(list, variant[client]{name, change}) }
	for _, t := range texts() {
		add("a text "+t.name, func(c *client) { c.Name, c.CreatedBy, c.Secrets[0].Hint = t.text, t.text, t.text })
	}
	for _, i := range instants() {
		add("a secret that ends "+i.name, func(c *client) {
			c.CreatedAt, c.Secrets[0].CreatedAt, c.Secrets[0].EndsAt, c.Secrets[0].LastUsedAt = i.at, i.at, i.at, i.at
		})
	}
	add("a credential", func(c *client) {
		c.Credential, c.Secrets, c.Environment = true, nil, bearer.Live
		c.SecretHash = "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("aB+/", 16)
		c.Replaces, c.ReplacedBy = "123e4567-e89b-12d3-a456-426614174000", "client_AbC"
	})
	add("deleted at the beginning of 1970", func(c *client) { c.DeletedAt = time.Unix(0, 0) })
	add("no texts", func(c *client) { c.Name, c.CreatedBy, c.Scopes, c.Secrets[0].Hint = "", "", "", "" })
	add("full access", func(c *client) { c.Scopes = bearer.FullAccess })
	add("64 scopes", func(c *client) { c.Scopes = manyScopes() })
	add("three secrets", func(c *client) {
		c.Secrets = append(c.Secrets, newSecret(c.CreatedAt), newSecret(c.CreatedAt))
		c.Secrets[0].EndsAt = c.CreatedAt
	})
	return list
}

// fillClient sets every field but DeletedAt.
func fillClient(c *issuer.Client) {
	at := now()
	c.Name, c.Credential, c.Environment = "everything", true, bearer.Live
	c.Scopes, c.Introspect = "write read:*", true
	c.Secrets = append(c.Secrets, newSecret(at))
	c.Secrets[0].EndsAt, c.Secrets[1].LastUsedAt = at.Add(time.Hour), at
	c.SecretHash, c.CreatedAt, c.CreatedBy = "$argon2id$x", at.Add(-time.Hour), "user_2"
	c.Replaces, c.ReplacedBy = "client_1", "client_2"
}
