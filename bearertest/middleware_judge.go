package bearertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// This file compares outcomes. Of what is wrong with one exchange, it reports
// what the rest comes of.

// judge reports where two outcomes differ.
func (t *middlewareTest) judge(c *exchange, got, want *outcome) {
	switch {
	case got.panicked != want.panicked:
		t.judgePanic(c, got, want)
	case got.observed == 0 && want.observed > 0:
		t.brokenf(ruleEvery, "%s: got %s, and no decision of the guard, want one", c.name, got.text())
	case !t.judgeEarly(c, got):
	case !t.judgeRun(c, got, want):
	case want.panicked != "":
	case !t.judgeCharge(c, got, want):
	case !t.judgeAnswer(c, got, want):
	case got.refused != want.refused:
		t.brokenf(ruleErrorHandler, "%s: got %d calls of ErrorHandler, want %d", c.name, got.refused, want.refused)
	}
}

// judgePanic is about a panic that should not be, or one that should.
func (t *middlewareTest) judgePanic(c *exchange, got, want *outcome) {
	switch {
	case want.panicked != "" && got.runs > want.runs:
		t.brokenf(ruleStopped, "%s: got %d runs of the handler, want %d", c.name, got.runs, want.runs)
	case want.panicked != "" && t.foreign && got.status >= http.StatusInternalServerError:
		// by the framework's recovery
	case want.panicked != "":
		t.brokenf(ruleHandlerPanic, "%s: got %s, want the panic %s", c.name, got.text(), want.panicked)
	case t.foreign && want.admitted:
		t.brokenf(rulePrincipal, "%s: got %s, want %s", c.name, got.text(), want.text())
	case got.looked > 0:
		t.brokenf(ruleStopped, "%s: got %s, of a handler that found no principal, want %s", c.name, got.text(), want.text())
	default:
		t.brokenf(ruleAdapterPanic, "%s: got %s, want %s", c.name, got.text(), want.text())
	}
}

// judgeEarly is about what came before the guard had decided, and reports
// whether all is well.
func (t *middlewareTest) judgeEarly(c *exchange, got *outcome) bool {
	switch {
	case got.early > 0 && t.foreign: // else its runs are counted
		t.brokenf(ruleStopped, "%s: got a look for the principal before the guard had decided, want none", c.name)
	case got.read:
		t.brokenf(ruleUnread, "%s: got a read of the body before the guard had decided, want none", c.name)
	default:
		return true
	}
	return false
}

// judgeRun compares what the handler saw, as far as it shows, and reports
// whether all is well.
func (t *middlewareTest) judgeRun(c *exchange, got, want *outcome) bool {
	switch {
	case !want.admitted && got.runs > 0:
		t.brokenf(ruleStopped, "%s: got %d runs of the handler, want 0", c.name, got.runs)
	case got.runs == 0 && strings.Contains(got.body, `"context":false`):
		t.brokenf(ruleContext, "%s: got a context without the server's values, want one with them", c.name)
	case got.runs > want.runs && t.broken(ruleStopped): // the same run
	case got.runs != want.runs:
		t.brokenf(ruleReached, "%s: got %d runs of the handler, want %d", c.name, got.runs, want.runs)
	case got.runs > 0 && !t.judgePrincipal(c, got, want):
	case len(got.changes)+len(got.touched) > 0:
		for _, change := range slices.Concat(got.touched, got.changes) {
			t.brokenf(ruleRequest, "%s: %s", c.name, change)
		}
	default:
		return true
	}
	return false
}

// judgePrincipal compares what the handler found with what the guard told
// Observe, and reports whether all is well.
func (t *middlewareTest) judgePrincipal(c *exchange, got, want *outcome) bool {
	found, decided := got.principal, got.decided
	switch {
	case found.String() != want.principal.String():
		t.brokenf(rulePrincipal, "%s: got %s by bearer.FromContext, want %s", c.name, found, want.principal)
	case found.is == nil || decided.is == nil:
		return true
	case len(found.unlike(decided)) > 0:
		t.brokenf(ruleSame, "%s: got %s with another %s, want that of Observe",
			c.name, found, strings.Join(found.unlike(decided), ", "))
	case found.is != decided.is:
		t.brokenf(ruleSame, "%s: got a copy of %s, want the same pointer as Observe", c.name, found)
	default:
		return true
	}
	return false
}

// judgeCharge compares what the guard was asked, and reports whether all is
// well. Where the handler asks too, its answer tells.
func (t *middlewareTest) judgeCharge(c *exchange, got, want *outcome) bool {
	switch {
	case c.do == "check":
		return true
	case got.observed != want.observed:
		t.brokenf(ruleCharged, "%s: got %d decisions seen by Observe, want %d", c.name, got.observed, want.observed)
	case !slices.Equal(got.takes, want.takes):
		t.brokenf(ruleCharged, "%s: got the takes %v, want %v", c.name, got.takes, want.takes)
	default:
		return true
	}
	return false
}

// judgeAnswer compares what the client saw, and reports whether all is well.
func (t *middlewareTest) judgeAnswer(c *exchange, got, want *outcome) bool {
	parts := got.unlike(want)
	if t.foreign && want.admitted {
		parts = t.steady(c, parts, want)
		if slices.ContainsFunc(parts, isHandlers) {
			t.brokenf(rulePrincipal, "%s: %s, as where the principal is there already", c.name, partTexts(parts, got, want))
			return false
		}
	}
	switch {
	case slices.Contains(parts, "status"):
		t.brokenf(t.ruleOf(ruleStatus, c, got, want), "%s: %s", c.name, partTexts(parts, got, want))
	case got.log != want.log:
		t.brokenf(ruleOnce, "%s: got %q in the server's log, want %q", c.name, got.log, want.log)
	case t.isAboutBody(c, parts):
		g, w := bodyTexts(got.body, want.body)
		t.brokenf(t.ruleOf(ruleBody, c, got, want), "%s: body: got %s, want %s", c.name, g, w)
	case len(parts) > 0:
		t.brokenf(t.ruleOf(ruleHeader, c, got, want), "%s: %s", c.name, fieldTexts(parts, got, want))
	default:
		return true
	}
	return false
}

// isAboutBody reports whether the body is what is wrong with an answer, rather
// than the fields.
func (t *middlewareTest) isAboutBody(c *exchange, parts []string) bool {
	isOther := func(part string) bool { return part != "body" && !isLength(part) }
	return slices.Contains(parts, "body") &&
		(c.rule == ruleWriter || t.broken(ruleBody) || !slices.ContainsFunc(parts, isOther))
}

// isHandlers reports whether a part of an answer is the handler's own.
func isHandlers(part string) bool { return !isRateField(part) }

// isLength reports whether a field says nothing but how long the body is.
func isLength(field string) bool { return field == "Content-Length" || field == "Transfer-Encoding" }

// ruleOf returns the rule that an answer breaks: that of the exchange, or that
// of a part of the answer. It is that of the first finding where the adapter
// writes refusals itself, since all comes of that.
func (t *middlewareTest) ruleOf(part rule, c *exchange, got, want *outcome) rule {
	byHand := got.refused < want.refused
	switch first, ok := t.first(); {
	case byHand && ok:
		return first
	case part == ruleBody && t.broken(ruleStopped):
		return ruleStopped // what follows is the handler's
	case c.rule == ruleErrorHandler && !byHand, c.rule == (rule{}), part == ruleHeader && c.rule != ruleWriter:
		return part
	default:
		return c.rule
	}
}

// bodyTexts quotes two bodies: where they part if they are long.
func bodyTexts(got, want string) (string, string) {
	const short = 300
	if len(got) > short || len(want) > short {
		return quoted(got, want)
	}
	return fmt.Sprintf("%q", got), fmt.Sprintf("%q", want)
}

// partTexts shows two answers, or the fields in which alone they differ.
func partTexts(parts []string, got, want *outcome) string {
	if slices.Contains(parts, "status") || slices.Contains(parts, "body") {
		return fmt.Sprintf("got %s, want %s", got.text(), want.text())
	}
	return fieldTexts(parts, got, want)
}

func fieldTexts(parts []string, got, want *outcome) string {
	var texts []string
	for _, field := range parts {
		if field != "body" {
			texts = append(texts, fmt.Sprintf("%s: got %s, want %s",
				field, orNone(got.answer()[field]), orNone(want.answer()[field])))
		}
	}
	return strings.Join(texts, "; ")
}

// steady leaves of the parts those that are wanted each time, in a scene of its
// own: a handler may tell the time, or count. A length is that of the body.
func (t *middlewareTest) steady(c *exchange, parts []string, want *outcome) []string {
	return steadyParts(parts, want, func() *outcome { return t.want(t.scene(c), c) })
}

func steadyParts(parts []string, want *outcome, again func() *outcome) []string {
	parts = slices.DeleteFunc(parts, isLength)
	for range 3 {
		if len(parts) == 0 {
			break
		}
		loose := want.unlike(again())
		parts = slices.DeleteFunc(parts, func(part string) bool { return slices.Contains(loose, part) })
	}
	return parts
}
