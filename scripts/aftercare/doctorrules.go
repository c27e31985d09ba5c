package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
)

// longestLook leaves time for the other checks if EventBridge does not answer.
const longestLook = 10 * time.Second

// rulesFound compares EventBridge's rules with those that are needed. A key without
// rights on EventBridge can do everything else.
func rulesFound(ctx context.Context, c *connection, lacks error) []finding {
	if lacks != nil {
		return []finding{unsure(lacks.Error(), "Without it, EventBridge's rules cannot be checked from here.")}
	}
	ctx, cancel := context.WithTimeout(ctx, longestLook)
	defer cancel()
	found, err := c.events.Complete(false)(ctx)
	switch {
	case errors.Is(err, engine.ErrDenied):
		return []finding{unsure(err.Error(), "Allow your key to list buses, rules and targets (scripts/ram/operator.json), or look at the rules in EventBridge's console.")}
	case err != nil:
		return []finding{unsure(err.Error(), "Check "+variableEvents+", and that EventBridge can be reached from here.")}
	}
	differ := found.Notes
	for _, change := range found.Changes {
		differ = append(differ, change.What)
	}
	if len(differ) == 0 {
		return []finding{well("all rules are there and enabled, try for a day, and keep dead letters")}
	}
	what := "they are not as they should be, " + differ[0]
	if more := len(differ) - 1; more > 0 {
		what += fmt.Sprintf(", and %d more", more)
	}
	return []finding{wrong(what, "'aftercare subscribe --plan' lists what differs, 'aftercare subscribe' mends it.")}
}

// isDeadLetter reports whether it is in quarantine because it could not be delivered.
func isDeadLetter(q ledger.Quarantined) bool {
	return strings.HasPrefix(q.Reason, handler.ReasonDeadLetter)
}

// lettersFound counts the dead letters that wait in quarantine.
func lettersFound(ctx context.Context, l *ledger.Ledger) []finding {
	n := 0
	err := l.EachQuarantined(ctx, func(q ledger.Quarantined) error {
		if isDeadLetter(q) {
			n++
		}
		return nil
	})
	switch {
	case err != nil:
		return broken(err)
	case n == 0:
		return []finding{well("no dead letter waits in quarantine")}
	}
	what := counted(n, "event") + " could not be delivered, and wait"
	if n == 1 {
		what += "s"
	}
	return []finding{wrong(what+" in quarantine", "When the cause is mended, 'aftercare redrive dead-letters' delivers them.")}
}
