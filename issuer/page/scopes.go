package page

import (
	"slices"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// accesses returns the presets of what a key may do: those that the caller can
// give, and that which a key has already.
func (p *page) accesses(v *view, before bearer.Scopes) []choice {
	var list []choice
	if p.reading(v.by) != "" {
		list = append(list, choice{
			Value: accessRead, Label: v.T("Read only"), About: v.T("All that reads, and nothing that writes."),
		})
	}
	list = append(list, choice{Value: accessChosen, Label: v.T("Chosen scopes"), About: v.T("What you choose below.")})
	if v.by.Scopes.Contain("*") || before.Contain("*") {
		list = append(list, choice{
			Value: accessFull, Label: v.T("Full access"), About: v.T("Everything, also what the API will have later."),
		})
	}
	return list
}

// reading returns the scopes of the preset "Read only", or "" if there is none:
// those of the catalogue that read and that the caller holds.
func (p *page) reading(by issuer.Caller) bearer.Scopes {
	var list []bearer.Scope
	for _, scope := range p.catalogue {
		if p.config.Reads(scope) && by.Scopes.Contain(scope) {
			list = append(list, scope)
		}
	}
	return bearer.JoinScopes(list...)
}

// scopesOf returns the scopes that a form chooses for a key. Those that the key
// has stay as they are, whatever their order, also if it has none, or if the
// catalogue has lost one: the name can still be changed.
func (p *page) scopesOf(by issuer.Caller, f *form, key *issuer.APIKey) (bearer.Scopes, error) {
	if key.ID != "" && f.Access == accessChosen && f.hasScopesOf(key) {
		return key.Scopes, nil
	}
	switch f.Access {
	case accessFull:
		return bearer.FullAccess, nil
	case accessRead:
		if scopes := p.reading(by); scopes != "" {
			return scopes, nil
		}
	case accessChosen:
		if len(f.Scopes) > 0 {
			return bearer.Scopes(strings.Join(f.Scopes, " ")), nil
		}
	}
	// What is empty would mean full access to the issuer.
	return "", invalid("scopes", "Choose at least one scope.")
}

// hasScopesOf reports whether a form has the scopes of a key, and no others.
func (f *form) hasScopesOf(key *issuer.APIKey) bool {
	var has []string
	for scope := range key.Scopes.All() {
		has = append(has, string(scope))
	}
	return slices.Equal(slices.Sorted(slices.Values(has)), slices.Sorted(slices.Values(f.Scopes)))
}

// groups returns the checklist of scopes: what the config says of them first.
func (p *page) groups(v *view, before bearer.Scopes) []group {
	if p.catalogue == nil {
		return nil
	}
	var (
		list  []group
		shown = map[bearer.Scope]bool{"*": true}
	)
	for _, g := range p.config.Scopes {
		shownGroup := group{Name: v.T(g.Name)}
		for _, s := range g.Scopes {
			if shown[s.Scope] || !offered(v.by, before, s.Scope) {
				continue
			}
			shown[s.Scope] = true
			c := p.scopeChoice(s.Scope)
			if s.Label != "" {
				c.Label = v.T(s.Label)
			}
			if s.About != "" {
				c.About = v.T(s.About)
			}
			shownGroup.Scopes = append(shownGroup.Scopes, c)
		}
		if len(shownGroup.Scopes) > 0 {
			list = append(list, shownGroup)
		}
	}
	for _, scope := range slices.Concat(p.catalogue, slices.Collect(before.All())) {
		if shown[scope] || !offered(v.by, before, scope) {
			continue
		}
		shown[scope] = true
		list = addTo(list, v.familyOf(scope), p.scopeChoice(scope))
	}
	return list
}

// offered reports whether a scope can be chosen: the caller holds it, or the key
// has it already.
func offered(by issuer.Caller, before bearer.Scopes, scope bearer.Scope) bool {
	return by.Scopes.Contain(scope) || slices.Contains(slices.Collect(before.All()), scope)
}

func (p *page) scopeChoice(scope bearer.Scope) choice {
	return choice{Value: string(scope), Label: string(scope), Reads: p.config.Reads(scope)}
}

// familyOf returns what stands before the last colon of a scope.
func (v *view) familyOf(scope bearer.Scope) string {
	if n := strings.LastIndexByte(string(scope), ':'); n > 0 {
		return string(scope[:n])
	}
	return v.T("Others")
}

// addTo adds a choice to the group with the name.
func addTo(list []group, name string, c choice) []group {
	for n := range list {
		if list[n].Name == name {
			list[n].Scopes = append(list[n].Scopes, c)
			return list
		}
	}
	return append(list, group{Name: name, Scopes: []choice{c}})
}
