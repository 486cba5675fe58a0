package adaptersuite

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// compare returns the first of the rules that a result breaks, and what was
// found. There is no finding if the results are the same.
func compare(got, want *result) (broken report.Rule, finding string) {
	undecided := ""
	if got.decisions == 0 && want.decisions > 0 {
		undecided = fmt.Sprintf("got %s, and no decision of the guard, want one", got.text())
	}
	runs := unequal("runs of the handler: ", got.runs, want.runs)
	for _, c := range []struct {
		rule    report.Rule
		finding string
	}{
		{ruleNoPanic, onlyIf(want.panicked == "", unequal("", got.panicked+got.place, ""))},
		{ruleRoutes, onlyIf(got.isOfRouter(), undecided)},
		{ruleEvery, undecided},
		{ruleUnread, unequal("reads of the body before the guard had decided: ", got.early, want.early)},
		{ruleStopped, onlyIf(want.runs == 0, runs)},
		{ruleUnread, onlyIf(want.runs == 0, unequal("reads of the body of a refused request: ", got.reads, want.reads))},
		{ruleHandlerPanic, got.unlikePanic(want)},
		{ruleContext, onlyIf(got.lacksContext(), "got a context without the server's values, want one with them")},
		{ruleReached, runs},
		{rulePrincipal, unequal("bearer.FromContext: ", got.found.name, want.found.name)},
		{ruleSame, onlyIf(got.runs > 0, got.found.unlike(want.found, got.decided))},
		{ruleRequest, got.changes},
		{ruleKnown, unequal("Guard.Check in the handler: ", got.known, want.known)},
		{ruleEnds, got.ends},
		{ruleCharged, unequal("decisions seen by Observe: ", got.decisions, want.decisions)},
		{ruleCharged, unequal("takes from the Limiter: ", got.takes, want.takes)},
		{ruleCharged, unequal("what Observe was told: ", got.told, want.told)},
		{ruleStatus, unequal("status: ", got.status, want.status)},
		{ruleOnce, unequal("the server's log: ", got.log, want.log)},
		{ruleHeader, differences(got.header, want.header)},
		{ruleBody, got.unlikeBody(want)},
		{ruleHeader, unequal("Content-Length and Transfer-Encoding: ", got.length, want.length)},
		{ruleErrorHandler, unequal("calls of ErrorHandler: ", got.refusals, want.refusals)},
	} {
		if c.finding != "" {
			return c.rule, c.finding
		}
	}
	return report.Rule{}, ""
}

// onlyIf returns the finding if the condition holds, and else none.
func onlyIf(condition bool, finding string) string {
	if !condition {
		return ""
	}
	return finding
}

// unlikePanic returns a finding if one of two results is a panic that the other
// is not.
func (r *result) unlikePanic(want *result) string {
	switch {
	case r.panicked != want.panicked:
		return fmt.Sprintf("got %s, want %s", cmp.Or(r.panicked, r.text()), want.panicked)
	default:
		return unequal("the type of "+r.panicked+": ", r.panic, want.panic)
	}
}

// unlikeBody returns a finding if the bodies of two answers are not the same.
func (r *result) unlikeBody(want *result) string {
	if r.answer == want.answer {
		return ""
	}
	return unequal("body: ", bodyText(r.answer), bodyText(want.answer))
}

// unequal returns a finding, or none if the values are equal.
func unequal[T comparable](what string, got, want T) string {
	if got == want {
		return ""
	}
	return fmt.Sprintf("%sgot %.200s, want %.200s", what, fmt.Sprint(orNone(got)), fmt.Sprint(orNone(want)))
}

func orNone(value any) any {
	if value == "" {
		return "none"
	}
	return value
}

func (r *result) text() string { return fmt.Sprintf("%s %.200q", r.status, r.answer) }

// lacksContext reports whether the handler ran without the server's context.
func (r *result) lacksContext() bool { return strings.Contains(r.answer, noExchange) }

// isOfRouter reports whether an answer looks like that of a router which finds
// no route.
func (r *result) isOfRouter() bool {
	switch {
	case r.runs > 0:
		return false
	case slices.Contains([]string{"404", "405", "501"}, r.status), strings.HasPrefix(r.status, "3"):
		return true
	default: // as some routers answer OPTIONS
		return strings.HasPrefix(r.status, "2") && r.answer == "" && r.header["Allow"] != ""
	}
}

// A principal is a [bearer.Principal] as it was when it was recorded.
type principal struct {
	is     *bearer.Principal
	name   string
	fields map[string]json.RawMessage
}

func newPrincipal(p *bearer.Principal) principal {
	recorded := principal{is: p, name: p.String()}
	text, err := json.Marshal(p) //nolint:musttag // fields are named as in Go
	if err == nil {
		err = json.Unmarshal(text, &recorded.fields)
	}
	if err == nil && p != nil { // the key is not in the JSON of its principal
		recorded.fields["Key"], err = json.Marshal(p.Key) //nolint:musttag // as above
	}
	if err != nil {
		recorded.name += " (" + err.Error() + ")"
	}
	return recorded
}

// unlike returns a finding if the principal is not the one that the guard itself
// hands on, or not the very one that it told Observe.
func (p principal) unlike(want principal, observed *bearer.Principal) string {
	for _, name := range slices.Sorted(maps.Keys(p.fields)) {
		if string(p.fields[name]) != string(want.fields[name]) {
			return fmt.Sprintf("got %s with another %s, want that of Guard.Require", p.name, name)
		}
	}
	if p.is != nil && p.is != observed {
		return fmt.Sprintf("got a copy of %s, want the same pointer as Observe", p.name)
	}
	return ""
}

// differences returns a finding that lists the members in which two maps
// differ. An empty text is none.
func differences(got, want map[string]string) string {
	if maps.Equal(got, want) {
		return ""
	}
	all := make(map[string]string)
	maps.Copy(all, want)
	maps.Copy(all, got)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if got[name] != want[name] {
			list = append(list, unequal(name+": ", got[name], want[name]))
		}
	}
	return strings.Join(list, "; ")
}
