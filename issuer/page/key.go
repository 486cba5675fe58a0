package page

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A keyView is one key with what may be done to it.
type keyView struct {
	row

	Text                                        string // of a key that was just made or rotated, else ""
	Warning                                     string // or ""
	CreatedBy, Limit, Reason                    string
	ScopeList, Addresses, Origins, Metadata     []string
	Created, Revoked                            moment
	Secrets                                     []secretView
	Graces                                      []choice
	Newest                                      string // the ID of the newest secret
	Version                                     int64
	IsDisabled, MayChange, MayRotate, MayRevoke bool
}

// A secretView is one text of a key.
type secretView struct {
	ID, KeyID, Hint         string
	Created, LastUsed, Ends moment
	States                  []state
	Advice                  string // or ""
	IsOver, MayEnd          bool
}

// showKey shows the key with the ID.
func (p *page) showKey(ctx context.Context, v *view, id string) error {
	v.Place = "keys"
	key, err := p.iss.GetKey(ctx, v.by, id)
	if err != nil {
		return err
	}
	p.fillKey(v, &key)
	return nil
}

// fillKey makes a view show a key.
func (p *page) fillKey(v *view, key *issuer.APIKey) {
	now := time.Now()
	v.Place, v.Body, v.Title = "keys", "key", nameOf(key)
	isLive := key.RevokedAt.IsZero() && (key.ExpiresAt.IsZero() || key.ExpiresAt.After(now))
	k := &keyView{
		row:        v.rowOf(key, now),
		CreatedBy:  v.createdBy(key.CreatedBy),
		Limit:      v.limit(key.Limit),
		Addresses:  addressLines(key.AllowedIPs),
		Origins:    key.AllowedOrigins,
		Metadata:   pairLines(key.Metadata),
		Created:    v.moment(key.CreatedAt, now),
		Revoked:    v.moment(key.RevokedAt, now),
		Reason:     key.Reason,
		Version:    key.Version,
		IsDisabled: key.Disabled,
		MayChange:  isLive && !v.ReadOnly,
		MayRevoke:  key.RevokedAt.IsZero() && !v.ReadOnly,
	}
	if !key.Scopes.Contain("*") {
		for scope := range key.Scopes.All() {
			k.ScopeList = append(k.ScopeList, string(scope))
		}
	}
	live := liveSecrets(key, now)
	k.MayRotate = k.MayChange && len(live) == 1
	k.Graces = v.graces(p.rules)
	k.Warning = v.warning(key, live)
	for n, s := range key.Secrets {
		k.Secrets = append(k.Secrets, v.secretOf(key, s, n == len(key.Secrets)-1, now))
		k.Newest = s.ID
	}
	slices.Reverse(k.Secrets)
	v.Key = k
	if k.MayChange && v.Form == nil {
		v.Form = p.formOf(v, key, now)
	}
}

// warning says what the owner of a key should do, or "".
func (v *view) warning(key *issuer.APIKey, live []issuer.Secret) string {
	switch {
	case !key.RevokedAt.IsZero():
		return ""
	case key.Reason != "": // see issuer.FlagLeaked
		return v.T("A value of this key was found where it must not be. Rotate the key, and end the old value.") +
			" (" + key.Reason + ")"
	case len(live) < 2:
		return ""
	}
	return v.T("This key was rotated: its old value still works. Replace it where it is used, then end it.")
}

// secretOf returns a secret as it is shown. Of an old one that still works, it
// says whether anything uses it.
func (v *view) secretOf(key *issuer.APIKey, s issuer.Secret, isNewest bool, now time.Time) secretView {
	view := secretView{
		ID:       s.ID,
		KeyID:    key.ID,
		Hint:     s.Hint,
		Created:  v.moment(s.CreatedAt, now),
		LastUsed: v.moment(s.LastUsedAt, now),
		Ends:     v.moment(s.EndsAt, now),
		IsOver:   !s.EndsAt.IsZero() && !s.EndsAt.After(now),
	}
	switch {
	case view.IsOver:
		view.States = []state{{"", v.T("Ended")}}
	case isNewest:
		view.States = []state{{"good", v.T("Newest")}}
	case key.RevokedAt.IsZero():
		view.States = []state{{"warn", v.T("Old, still works")}}
		view.MayEnd = !v.ReadOnly
		view.Advice = v.T("Nothing has used it since the rotation.")
		if newest := key.Secrets[len(key.Secrets)-1]; s.LastUsedAt.After(newest.CreatedAt) {
			view.Advice = v.T("Something still uses it.")
		}
	}
	return view
}

// limit returns the limit of a key for people, or "" if it has none of its own.
func (v *view) limit(l bearer.Limit) string {
	switch {
	case l == bearer.Limit{}:
		return ""
	case l.Rate >= bearer.Unlimited.Rate:
		return v.T("None")
	}
	return strconv.FormatFloat(float64(l.Rate), 'g', 6, 64) + " " + v.T("requests a second") + ", " +
		v.N("%d at once", l.Burst)
}

// graces returns how long the old text may work after a rotation.
func (v *view) graces(rules issuer.KeyRules) []choice {
	lengths := []time.Duration{0, time.Hour, day, 7 * day, rules.Grace}
	slices.Sort(lengths)
	var list []choice
	for _, length := range slices.Compact(lengths) {
		if length > rules.MaxGrace {
			continue
		}
		list = append(list, choice{
			Value:    strconv.Itoa(int(length / time.Second)),
			Label:    v.grace(length),
			IsChosen: length == rules.Grace,
		})
	}
	return list
}

func (v *view) grace(d time.Duration) string {
	switch {
	case d == 0:
		return v.T("not at all: it ends at once")
	case d%day == 0:
		return v.one(int(d/day), "for 1 day", "for %d days")
	case d%time.Hour == 0:
		return v.one(int(d/time.Hour), "for 1 hour", "for %d hours")
	}
	return v.one(max(1, int(d/time.Minute)), "for 1 minute", "for %d minutes")
}

// addressLines returns networks as people write them.
func addressLines(prefixes []netip.Prefix) []string {
	var lines []string
	for _, p := range prefixes {
		if p.IsSingleIP() {
			lines = append(lines, p.Addr().String())
			continue
		}
		lines = append(lines, p.String())
	}
	return lines
}

// pairLines returns metadata with one pair a line.
func pairLines(pairs map[string]string) []string {
	lines := make([]string, 0, len(pairs))
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		lines = append(lines, quoteName(name)+"="+quoteValue(pairs[name]))
	}
	return lines
}
