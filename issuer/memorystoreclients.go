package issuer

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// A clientTable keeps OAuth clients and credentials.
type clientTable struct {
	table[Client, *Client]
	mu sync.RWMutex
}

func (c *Client) position() Position { return Position{c.CreatedAt, c.ID} }
func (c *Client) owner() string      { return c.Owner }

// copied returns a copy that shares nothing that can be changed.
func (c *Client) copied() Client {
	copied := *c
	copied.Secrets = slices.Clone(c.Secrets)
	return copied
}

// FindClient implements [ClientStore].
func (m *MemoryStore) FindClient(_ context.Context, id string) (Client, error) {
	if client := m.clients.find(id); client != nil {
		return client.copied(), nil
	}
	return Client{}, fmt.Errorf("issuer: no such client: %w", ErrNotFound)
}

func (t *clientTable) find(id string) *Client {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r := t.byID[id]; r != nil {
		return r.record
	}
	return nil
}

// CreateClient implements [ClientStore].
func (m *MemoryStore) CreateClient(_ context.Context, client Client) error {
	client = client.copied()
	m.clients.mu.Lock()
	defer m.clients.mu.Unlock()
	if m.clients.byID[client.ID] != nil {
		return fmt.Errorf("issuer: the ID of the client: %w", ErrExists)
	}
	m.clients.add(client.ID, &client)
	return nil
}

// ReplaceClient implements [ClientStore].
func (m *MemoryStore) ReplaceClient(_ context.Context, client Client) error {
	client = client.copied()
	if err := m.clients.replace(&client); err != nil {
		return err
	}
	m.tell(Change{Client: client.ID})
	return nil
}

func (t *clientTable) replace(client *Client) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byID[client.ID]
	switch {
	case r == nil:
		return fmt.Errorf("issuer: no such client: %w", ErrNotFound)
	case !r.record.DeletedAt.IsZero():
		return fmt.Errorf("issuer: the client is deleted: %w", ErrConflict)
	case r.record.Version != client.Version:
		return fmt.Errorf("issuer: the client: %w", ErrConflict)
	}
	client.Version++
	t.put(r, client)
	return nil
}

// ListClients implements [ClientStore].
func (m *MemoryStore) ListClients(_ context.Context, q ClientQuery) ([]Client, error) {
	m.clients.mu.RLock()
	found := newestPage(m.clients.byOwner[q.Owner].inOrder(), q.After, q.Limit, q.finds)
	m.clients.mu.RUnlock()
	clients := make([]Client, len(found))
	for i, c := range found {
		clients[i] = c.copied()
	}
	return clients, nil
}

// finds reports whether a client of the owner is one that the query finds.
func (q *ClientQuery) finds(c *Client) bool {
	return (q.CreatedBy == "" || q.CreatedBy == c.CreatedBy) && (q.IncludeDeleted || c.DeletedAt.IsZero())
}
