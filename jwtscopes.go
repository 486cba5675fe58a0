package bearer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// readScopes reads what a verified token grants.
func (t *token) readScopes() *Error {
	p, j := t.principal, t.issuer
	var dropped string
	if j.Scopes == nil {
		p.Scopes, dropped = scopesOf(t.Claims, cmp.Or(j.ScopeClaim, "scope"))
	} else {
		granted, answered, err := askScopes(&j.JWT, t.Claims)
		switch {
		case !answered:
			return outage(reasonStoreUnavailable, err)
		case err != nil:
			return refusal(reasonInvalidToken, err)
		}
		p.Scopes, dropped = keepScopes("JWT.Scopes", slices.Collect(granted.All()))
	}
	if dropped != "" {
		p.dropped = new(string)
		*p.dropped = dropped
	}
	if p.ReadOnly {
		p.Scopes = p.Scopes.withoutWrites()
	}
	return nil
}

// scopesOf reads a claim of scopes: a string, in which spaces separate them, or
// an array with one in each string. A comma may stand within a scope-token: a
// list with commas in place of spaces would be one scope, or have one at its end
// that nothing separates. So a string that has one grants nothing at all. The
// second result says what was dropped, for the cause of the error if a scope is
// lacking; "" is nothing.
func scopesOf(claims map[string]any, name string) (Scopes, string) {
	claim, there := claims[name]
	name = "claim " + name
	switch claim := claim.(type) {
	case string:
		if strings.Contains(claim, ",") {
			return "", name + " has commas where spaces separate scopes: " + excerpt(claim)
		}
		if Scopes(claim).Validate() == nil {
			return Scopes(claim), ""
		}
		return keepScopes(name, slices.Collect(Scopes(claim).All()))
	case []any:
		return scopesOfArray(name, claim)
	}
	if !there {
		return "", ""
	}
	return "", name + " is neither a string nor an array"
}

func scopesOfArray(name string, array []any) (Scopes, string) {
	list := make([]Scope, 0, len(array))
	for _, element := range array {
		if s, ok := element.(string); ok {
			list = append(list, Scope(s))
		}
	}
	scopes, dropped := keepScopes(name, list)
	if dropped == "" && len(list) < len(array) {
		dropped = name + " has an element that is no string"
	}
	return scopes, dropped
}

// keepScopes returns those of a list that are scope-tokens, and the first that is
// none.
func keepScopes(source string, list []Scope) (Scopes, string) {
	dropped := ""
	kept := slices.DeleteFunc(list, func(s Scope) bool {
		isBad := s.problem() != ""
		if isBad && dropped == "" {
			dropped = source + " has " + excerpt(string(s)) + ", which is no scope-token"
		}
		return isBad
	})
	return JoinScopes(kept...), dropped
}

// excerpt quotes a text that a client chose, for logs: its beginning only.
func excerpt(text string) string {
	const most = 40
	if utf8.RuneCountInString(text) <= most {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%.*q…", most, text)
}
