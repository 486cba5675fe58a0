package bearer

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// A Scope is one permission, such as "tokens:read": any scope-token of
// RFC 6749 section 3.3.
type Scope string

// Validate reports why s is not a scope-token, or nil if it is one.
func (s Scope) Validate() error {
	if problem := s.problem(); problem != "" {
		return errors.New("bearer: " + problem)
	}
	return nil
}

// problem says why s is not a scope-token, or "" if it is one.
func (s Scope) problem() string {
	if s == "" {
		return "empty scope"
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			return fmt.Sprintf("scope %q has a space: that is a list, or part of one", string(s))
		case c < ' ' || c > '~' || c == '"' || c == '\\':
			return fmt.Sprintf("scope %q has a character that RFC 6749 does not allow", string(s))
		}
	}
	return ""
}

// Scopes is a list of scopes in the form of RFC 6749 section 3.3: separated by
// single spaces, as in "tokens:read wallets:read". It is a string, so that it
// cannot be changed, compares with ==, and is stored and sent as it is.
//
// Two forms stand for several scopes: "*" for every scope, and "tokens:*" for
// every scope that begins with "tokens:". The zero value holds no scope.
type Scopes string

// FullAccess holds every scope.
const FullAccess Scopes = "*"

// JoinScopes returns the scopes as one list, in the order given. It does not
// validate them: see [Scope.Validate].
func JoinScopes(scopes ...Scope) Scopes {
	var b strings.Builder
	for _, scope := range scopes {
		if scope == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(scope))
	}
	return Scopes(b.String())
}

// All returns the scopes in their order, as they are written: "*" is one.
func (s Scopes) All() iter.Seq[Scope] {
	return func(yield func(Scope) bool) {
		for scope := range strings.SplitSeq(string(s), " ") {
			if scope != "" && !yield(Scope(scope)) {
				return
			}
		}
	}
}

// Contain reports whether s holds all of the scopes wanted. The empty scope is
// held by none; no scopes at all are held by any. A read-only principal may do
// less than its scopes say: a handler asks [Principal.Holds].
func (s Scopes) Contain(wanted ...Scope) bool {
	for _, scope := range wanted {
		if !s.holds(scope) {
			return false
		}
	}
	return true
}

// Validate reports why s is not a list of scope-tokens separated by single
// spaces, or nil if it is one. The empty list is valid.
func (s Scopes) Validate() error {
	if s == "" {
		return nil
	}
	for scope := range strings.SplitSeq(string(s), " ") {
		if scope == "" {
			return fmt.Errorf("bearer: scopes %q have a space too many", string(s))
		}
		if err := Scope(scope).Validate(); err != nil {
			return err
		}
	}
	return nil
}

// Within reports which scope of s a catalogue does not have, or nil if it has
// all of them: for those who create keys and declare what scopes there are. It
// has "tokens:*" if one of its scopes begins with "tokens:", and always "*".
func (s Scopes) Within(catalogue ...Scope) error {
	if err := s.Validate(); err != nil {
		return err
	}
	for scope := range s.All() {
		isHeld := func(known Scope) bool { return known == scope || Scopes(scope).holds(known) }
		if scope != "*" && !slices.ContainsFunc(catalogue, isHeld) {
			return fmt.Errorf("bearer: there is no scope %q", string(scope))
		}
	}
	return nil
}

func (s Scopes) holds(wanted Scope) bool {
	if wanted == "" {
		return false
	}
	for text := string(s); text != ""; {
		scope, rest, _ := strings.Cut(text, " ")
		if scope == string(wanted) || scope == "*" || Scope(scope).isFamilyOf(wanted) {
			return true
		}
		text = rest
	}
	return false
}

// isFamilyOf reports whether s is "tokens:*" where wanted begins with "tokens:".
func (s Scope) isFamilyOf(wanted Scope) bool {
	n := len(s) - 1
	return n > 0 && s[n-1] == ':' && s[n] == '*' && len(wanted) > n && wanted[:n] == s[:n]
}

// isWrite reports whether a scope permits writing by its name. No read-only
// principal holds such a scope.
func (s Scope) isWrite() bool { return strings.HasSuffix(string(s), ":write") }

// withoutWrites returns s less the scopes that end in ":write".
func (s Scopes) withoutWrites() Scopes {
	if !strings.Contains(string(s), ":write") {
		return s
	}
	var kept []Scope
	for scope := range s.All() {
		if !scope.isWrite() {
			kept = append(kept, scope)
		}
	}
	return JoinScopes(kept...)
}

// intersect returns the scopes that both lists hold. Of two that overlap, one
// holds the other: "*" and "tokens:*", both in "tokens:*" and "*", say, or
// "tokens:*" and "tokens:read". The one that is held is what they have in common.
//
//	"tokens:* a"      with "tokens:read b a" is "a tokens:read"
//	"*"               with "a tokens:*"      is "a tokens:*"
func (s Scopes) intersect(other Scopes) Scopes {
	if s == other || s == FullAccess {
		return other
	}
	var common []Scope
	for scope := range s.All() {
		if other.holds(scope) {
			common = append(common, scope)
		}
	}
	for scope := range other.All() {
		if s.holds(scope) && !slices.Contains(common, scope) {
			common = append(common, scope)
		}
	}
	return JoinScopes(common...)
}
