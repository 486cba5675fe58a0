package adaptersuite

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/blockauth/bearer"
)

// manyScopes is the most that a row requires.
const manyScopes = 24

// scopeSigns stand in scopes, at one of which an adapter may split a list.
const scopeSigns = ":,;/()<=>?@[]{}|&+.~^"

// drawScopes returns scopes of the characters that RFC 6749 allows.
func drawScopes(n int) []bearer.Scope {
	scopes := make([]bearer.Scope, n)
	for i := range scopes {
		sign := scopeSigns[i%len(scopeSigns)]
		scopes[i] = bearer.Scope(strings.ReplaceAll(fmt.Sprintf("%s%d%c%s", tchars(4), i, sign, tchars(6)), "*", "/"))
	}
	return scopes
}

// allBut names the key that lacks one of the scopes.
func allBut(i int) string { return fmt.Sprintf("a key that lacks scope %d", i+1) }

// keysThatLackOne returns a key for each of the scopes, which holds all others.
func keysThatLackOne(scopes []bearer.Scope) []bearer.Key {
	keys := make([]bearer.Key, len(scopes))
	for i := range keys {
		rest := slices.Delete(slices.Clone(scopes), i, i+1)
		keys[i] = bearer.Key{ID: allBut(i), Scopes: bearer.JoinScopes(rest...)}
	}
	return keys
}

// drawScopeRows returns requests to routes that require scopes.
func (f *fakes) drawScopeRows() []row {
	rows := f.drawManyScopes()
	rows = append(rows, fewScopes...)
	rows = append(rows, f.drawScopeExceptions()...)
	for i := range rows {
		rows[i].rule = ruleScopes
	}
	return rows
}

// fewScopes are requests to routes that require scopes which an adapter may
// take for something else.
var fewScopes = []row{
	{scopes: []bearer.Scope{"*"}, as: "reader"},
	{scopes: []bearer.Scope{"*"}, as: "admin"},
	{scopes: []bearer.Scope{"tokens:*"}, as: "reader"},
	{scopes: []bearer.Scope{"tokens:*"}, as: "admin"},
	{scopes: []bearer.Scope{"tokens:read", "*"}, as: "reader"},
	{scopes: []bearer.Scope{"tokens:read", "wallets:*"}, as: "two scopes"},
	{scopes: tokensRead, as: "reader", method: http.MethodPost}, // not as Resource does
	{scopes: tokensRead, as: "writer", method: http.MethodPost},
	{scopes: []bearer.Scope{"tokens:write"}, as: "writer"},
	{scopes: []bearer.Scope{"tokens:write"}, as: "reader"},
	{scopes: []bearer.Scope{"tokens:write", "tokens:read"}, as: "writer", method: http.MethodPost},
}

// drawManyScopes returns requests to routes that require up to manyScopes.
func (f *fakes) drawManyScopes() []row {
	var rows []row
	for n := 1; n <= manyScopes; n++ {
		scopes := f.scopes[:n]
		rows = append(rows, row{scopes: scopes, as: "admin"}, row{scopes: scopes, as: allBut(n - 1)},
			row{scopes: scopes, as: allBut(intN(n))}, row{scopes: scopes, as: allBut(intN(n)), method: "POST"})
		if n < manyScopes {
			rows = append(rows, row{scopes: scopes, as: allBut(n)})
		}
	}
	return rows
}

// drawScopeExceptions returns requests of credentials that lack a scope, with
// all that an adapter may make an exception for.
func (f *fakes) drawScopeExceptions() []row {
	var rows []row
	scopes, lacks := f.scopes[:2], allBut(1)
	for _, method := range standardMethods {
		for _, as := range []string{lacks, "token", "publishable reader"} {
			rows = append(rows, row{scopes: scopes, as: as, method: method, path: pick("/", goodPath, "/v1/${word}")})
		}
	}
	for _, word := range openWords {
		rows = append(rows, row{scopes: scopes, as: lacks, path: "/" + word + pick("", "/${word}")})
	}
	for _, suffix := range openSuffixes {
		rows = append(rows, row{scopes: scopes, as: lacks, path: pick("", "/v1") + "/${word}." + suffix})
	}
	for _, path := range openPaths {
		rows = append(rows, row{scopes: scopes, as: lacks, path: path})
	}
	for _, field := range exceptions {
		if !strings.HasPrefix(field, "Authorization") {
			field = strings.ReplaceAll(field, "|", "\n")
			rows = append(rows, row{scopes: scopes, as: lacks, method: pick("GET", "POST"), header: field})
		}
	}
	for _, place := range drawPlaces() {
		if place.as != "" {
			place.scopes, place.as, place.method = scopes, lacks, pick("GET", "POST")
			rows = append(rows, place)
		}
	}
	for i := range rows {
		rows[i].alike = rows[i].as == lacks
	}
	return rows
}
