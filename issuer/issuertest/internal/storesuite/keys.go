package storesuite

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A keySuite tests an issuer.KeyStore.
type keySuite struct {
	book[issuer.APIKey]
	store   issuer.KeyStore
	options Options
}

// Keys tests a store of keys.
func Keys(store issuer.KeyStore, options Options) error {
	s := &keySuite{store: store, options: options}
	s.book = s.newBook(newReport("TestKeyStore"))
	return s.runAll([]check{
		{"a first key", s.first, true},
		{"whole", s.whole, true},
		{"used at creation", s.usedAtCreation, false},
		{"unknown", s.unknown, false},
		{"swaps", s.swaps, true},
		{"copies", s.copies, false},
		{"exact IDs", s.exact, false},
		{"other owners", s.otherOwners, false},
		{"taken", s.taken, false},
		{"taken hashes", s.takenHashes, false},
		{"hashes", s.hashes, false},
		{"rotation", s.rotation, false},
		{"hashes that are no longer", s.dropped, false},
		{"ended", s.endings, false},
		{"ended keys", s.endedKeys, false},
		{"touches", s.touches, false},
		{"touches that collide", s.touchesCollide, false},
		{"uses of one key that collide", s.usesCollide, false},
		{"a use while a key is replaced", s.useIsKept, false},
		{"winners", s.winners, false},
		{"winners of a hash", s.hashWinners, false},
		{"lists", func() { s.lists(s.fillForList, s.settleForList) }, false},
		{"a long list", s.long, false},
		{"contexts that are done", s.done, false},
	})
}

func (s *keySuite) newBook(r *report) book[issuer.APIKey] {
	type key = issuer.APIKey
	return book[key]{
		report: r, foreign: s.options.NewID != nil, foreignOwner: s.options.NewOwner != nil,
		fresh: s.newKey, create: s.store.CreateKey, replace: s.store.ReplaceKey,
		list: s.listKeys, finds: findsKey, variants: keyVariants(),
		id:        field(func(k *key) *string { return &k.ID }),
		owner:     field(func(k *key) *string { return &k.Owner }),
		createdBy: field(func(k *key) *string { return &k.CreatedBy }),
		version:   field(func(k *key) *int64 { return &k.Version }),
		created:   field(func(k *key) *time.Time { return &k.CreatedAt }),
		ended:     field(func(k *key) *time.Time { return &k.RevokedAt }),
		ways: []way[key]{
			{"GetKey", func(ctx context.Context, k *key) (key, error) { return s.store.GetKey(ctx, k.Owner, k.ID) }},
			{byHash, func(ctx context.Context, k *key) (key, error) {
				return s.store.KeyByHash(ctx, k.Secrets[len(k.Secrets)-1].Hash)
			}},
			{"ListKeys", func(ctx context.Context, k *key) (key, error) {
				keys, err := s.store.ListKeys(ctx, issuer.KeyQuery{Owner: k.Owner, IncludeRevoked: true})
				return pickID(keys, err, func(other *key) bool { return other.ID == k.ID })
			}},
		},
	}
}

// pickID returns the record of a list that is meant.
func pickID[T any](list []T, err error, isIt func(*T) bool) (none T, _ error) {
	for i := range list {
		if isIt(&list[i]) {
			return list[i], err
		}
	}
	if err == nil {
		err = fmt.Errorf("it is not in the list: %w", issuer.ErrNotFound)
	}
	return none, err
}

// newKey returns a plain key.
func (s *keySuite) newKey() issuer.APIKey {
	at := now()
	return issuer.APIKey{
		ID: s.options.newID("ak_"), Owner: s.options.newOwner(), Name: "plain",
		Kind: bearer.SecretKey, Environment: bearer.Test, Scopes: "tokens:read",
		CreatedAt: at, CreatedBy: "user_1", Version: 1,
		Secrets: []issuer.Secret{newSecret(at)},
	}
}

func (s *keySuite) listKeys(ctx context.Context, q query) ([]issuer.APIKey, error) {
	return s.store.ListKeys(ctx, issuer.KeyQuery{
		Owner: q.owner, CreatedBy: q.createdBy, IncludeRevoked: q.withEnded,
		ExpiresBefore: q.expiresBefore, UnusedSince: q.unusedSince,
		Cursor: "of the issuer", After: q.after, Limit: q.limit,
	})
}

func findsKey(q query, k *issuer.APIKey) bool {
	switch {
	case !q.withEnded && !k.RevokedAt.IsZero():
		return false
	case !q.expiresBefore.IsZero() && (k.ExpiresAt.IsZero() || !k.ExpiresAt.Before(q.expiresBefore)):
		return false
	case !q.unusedSince.IsZero() && !(k.CreatedAt.Before(q.unusedSince) && k.LastUsedAt.Before(q.unusedSince)):
		return false
	}
	return true
}

func (s *keySuite) fillForList(k *issuer.APIKey, n int, on *shelf[issuer.APIKey]) {
	if n%2 == 0 {
		k.ExpiresAt = on.times[n/2%len(on.times)]
	}
	if n%4 == 1 {
		k.RevokedAt, k.Reason = now(), "left"
	}
}

// settleForList uses some keys: the one with number 6, which was created at the
// second time of the shelf, at the third.
func (s *keySuite) settleForList(k *issuer.APIKey, n int) {
	if n/3%4 == 0 {
		return
	}
	k.LastUsedAt = k.CreatedAt.Add([]time.Duration{0, time.Microsecond, time.Second}[n/3%4-1])
	k.Secrets[0].LastUsedAt = k.LastUsedAt
	s.touch("a key of a list", map[bearer.KeyHash]time.Time{k.Secrets[0].Hash: k.LastUsedAt})
}

// keyVariants are keys that stores change.
func keyVariants() []variant[issuer.APIKey] {
	type key = issuer.APIKey
	list := []variant[key]{{"a key with everything", fillKey}}
	add := func(name string, change func(*key)) { list = append(list, variant[key]{name, change}) }
	addTexts(add)
	add("revoked at the beginning of 1970", func(k *key) { k.RevokedAt, k.Reason = time.Unix(0, 0), "leaked" })
	add("a publishable live key", func(k *key) {
		k.Kind, k.Environment, k.AllowedOrigins = bearer.PublishableKey, bearer.Live, []string{"https://a.example"}
	})
	add("no texts", func(k *key) { k.Name, k.CreatedBy, k.Secrets[0].Hint = "", "", "" })
	add("no scopes", func(k *key) { k.Scopes = "" })
	add("full access", func(k *key) { k.Scopes = bearer.FullAccess })
	add("64 scopes", func(k *key) { k.Scopes = manyScopes() })
	add("100 addresses", func(k *key) { k.AllowedIPs = manyPrefixes() })
	add("any address", func(k *key) {
		k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	})
	add("100 origins", func(k *key) { k.AllowedOrigins = manyOrigins() })
	add("50 pairs", func(k *key) { k.Metadata = manyPairs() })
	add("what is empty", func(k *key) {
		k.AllowedIPs, k.AllowedOrigins, k.Metadata = []netip.Prefix{}, []string{}, map[string]string{}
	})
	add("no limit", func(k *key) { k.Limit = bearer.Unlimited })
	add("a limit of 20 a minute", func(k *key) { k.Limit = bearer.PerMinute(20) })
	add("a limit of one a day", func(k *key) { k.Limit = bearer.Limit{Rate: 1.0 / (24 * 60 * 60), Burst: 1} })
	add("a limit that lets nothing through", func(k *key) { k.Limit = bearer.Limit{Rate: 5} })
	add("disabled", func(k *key) { k.Disabled = true })
	add("three secrets", func(k *key) {
		k.Secrets = append([]issuer.Secret{newSecret(k.CreatedAt.Add(-time.Hour))}, k.Secrets...)
		k.Secrets[0].EndsAt = k.CreatedAt.Add(time.Second)
		k.Secrets = append(k.Secrets, newSecret(k.CreatedAt.Add(time.Hour)))
	})
	return list
}

// addTexts adds keys with texts and times that stores change.
func addTexts(add func(name string, change func(*issuer.APIKey))) {
	for _, t := range texts() {
		add("a text "+t.name, func(k *issuer.APIKey) {
			k.Name, k.Reason, k.CreatedBy, k.Secrets[0].Hint = t.text, t.text, t.text, t.text
			k.Metadata = map[string]string{t.text: t.text}
		})
	}
	for _, i := range instants() {
		add("an expiry "+i.name, func(k *issuer.APIKey) {
			k.ExpiresAt, k.CreatedAt, k.Secrets[0].EndsAt, k.Secrets[0].CreatedAt = i.at, i.at, i.at, i.at
		})
	}
}

// fillKey sets every field that CreateKey and ReplaceKey store alike, but
// RevokedAt.
func fillKey(k *issuer.APIKey) {
	at := now()
	k.Name, k.Kind, k.Environment = "everything", bearer.PublishableKey, bearer.Live
	k.Scopes = "wallets:read tokens:*"
	k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")}
	k.AllowedOrigins = []string{"https://b.example", "https://a.example"}
	k.Limit = bearer.Limit{Rate: 2.5, Burst: 7}
	k.Metadata = map[string]string{"plan": "pro", "Plan": ""}
	k.Disabled, k.ExpiresAt, k.Reason = true, at.Add(time.Hour), "because"
	k.CreatedAt, k.CreatedBy = at.Add(-time.Hour), "user_2"
	k.Secrets[0].EndsAt = at.Add(time.Minute)
	k.Secrets = append(k.Secrets, newSecret(at))
}
