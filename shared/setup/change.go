package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/openapi"
	"aftercare/shared/transport"
)

// Change is one thing to do.
type Change struct {
	What string // in words
	// New: it makes what does not exist.
	New bool
	do  func(context.Context) error
}

// NewChange returns a change that a function makes. It must come to the same if it is
// done twice.
func NewChange(what string, do func(context.Context) error) Change { return Change{What: what, do: do} }

// Found is what a plan found.
type Found struct {
	Changes []Change
	// Notes are in words: what differs, and is left as it is.
	Notes []string
}

func (f *Found) change(do func(context.Context) error, format string, args ...any) {
	f.Changes = append(f.Changes, Change{What: fmt.Sprintf(format, args...), do: do})
}

func (f *Found) make(do func(context.Context) error, format string, args ...any) {
	f.Changes = append(f.Changes, Change{What: fmt.Sprintf(format, args...), New: true, do: do})
}

func (f *Found) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

// Plan reads what there is, and says what differs. It changes nothing.
type Plan func(context.Context) (Found, error)

// Join is a plan of several, in order. The later ones must not depend on what the
// earlier ones change.
func Join(plans ...Plan) Plan {
	return func(ctx context.Context) (all Found, err error) {
		for _, p := range plans {
			found, err := p(ctx)
			if err != nil {
				return all, err
			}
			all.Changes, all.Notes = append(all.Changes, found.Changes...), append(all.Notes, found.Notes...)
		}
		return all, nil
	}
}

// lag is how long a service may take to show a change. No page says how long that
// is; Function Compute's component waits for log projects for about a minute.
const lag = time.Minute

// LagError says that all changes were made, and that the service does not show them.
type LagError struct{ Left []Change }

func (e *LagError) Error() string {
	var words []string
	for _, c := range e.Left {
		words = append(words, c.What)
	}
	return fmt.Sprintf("changed, but the service does not show it after %s: %s. Run it again: it changes only what is left", lag, strings.Join(words, "; "))
}

// Apply makes the changes that a plan finds, reports each that was made, and waits
// until the plan finds none. An error may leave a part of it done, and a second
// Apply does the rest. Pauses are between two looks at what the service shows; by
// default they grow to 3 s. The error is a *LagError if all was done.
func Apply(ctx context.Context, plan Plan, pauses transport.Backoff, made func(Change)) (Found, error) {
	pauses = openapi.Pauses(pauses)
	until := time.Now().Add(lag)
	found, err := plan(ctx)
	if err != nil {
		return found, err
	}
	for _, c := range found.Changes {
		for n := 1; ; n++ {
			err := c.do(ctx)
			// An earlier try, or somebody else, may have made it.
			if err == nil || errors.Is(err, engine.ErrInvalid) && isMade(ctx, plan, c) {
				break
			}
			// What the change needs was made a moment ago, and is not shown everywhere.
			if !isMissing(err) || time.Now().After(until) || ctx.Err() != nil {
				return found, fmt.Errorf("%s: %w", c.What, err)
			}
			pauses.Pause(ctx, n)
		}
		made(c)
	}
	for n := 1; len(found.Changes) > 0; n++ {
		left, err := plan(ctx)
		switch {
		case err != nil:
			return found, fmt.Errorf("look at what was changed: %w", err)
		case len(left.Changes) == 0:
			return found, nil
		case time.Now().After(until):
			return found, &LagError{left.Changes}
		}
		pauses.Pause(ctx, n)
	}
	return found, nil
}

// isMade reports whether a plan finds a change no more.
func isMade(ctx context.Context, plan Plan, c Change) bool {
	left, err := plan(ctx)
	return err == nil && !slices.ContainsFunc(left.Changes, func(other Change) bool { return other.What == c.What })
}

// missing are the codes with which the services say that something does not exist.
// Sources: https://www.alibabacloud.com/help/en/ram/developer-reference/error-messages,
// https://www.alibabacloud.com/help/en/sls/developer-reference/error-codes, and for
// dashboards, alert rules, buses and event rules the vendor's provider for Terraform.
var missing = []string{
	"EntityNotExist.Role", "EntityNotExist.Policy", "EntityNotExist.Policy.Version", "EntityNotExist.Role.Policy",
	"ProjectNotExist", "LogStoreNotExist", "IndexConfigNotExist", "DashboardNotExist", "JobNotExist",
	"EventBusNotExist", "EventRuleNotExisted",
}

// isMissing reports whether an error says that something does not exist.
func isMissing(err error) bool { return slices.Contains(missing, openapi.Code(err)) }
