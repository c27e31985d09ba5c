package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// ReasonDeadLetter begins the reason why a dead letter is in quarantine.
const ReasonDeadLetter = "dead letter"

// NewDeadLetters sets the function up that keeps dead letters, from an environment as
// os.Environ returns it. It reads no flows and makes no call. The error lists every
// mistake in the settings.
func NewDeadLetters(name string, environ []string, log io.Writer) (Handler, error) {
	settings, err := FromEnv(environ)
	if err != nil {
		return nil, fmt.Errorf("wrong settings:\n%w", err)
	}
	return Plain(name, settings, log, func() time.Time { return time.Now().UTC() }).DeadLetters, nil
}

// DeadLetters puts what could not be delivered into quarantine, whatever its form, and
// fails only if it cannot. It needs what no rule of EventBridge may give it: a place
// for its own failures. That would be this function again.
func (f *Function) DeadLetters(ctx context.Context, payload []byte) (Outcome, error) {
	return f.invoke(ctx, func(ctx context.Context, v *invocation) error {
		v.readConcerns(ctx)
		letters := event.Letters(payload)
		items, errs := make([]Item, len(letters)), make([]error, len(letters))
		engine.SideBySide(len(letters), func(i int) { items[i], errs[i] = v.keepLetter(ctx, letters[i]) })
		for _, item := range items {
			v.out.add(item)
		}
		return errors.Join(errs...)
	})
}

// keepLetter puts a dead letter into quarantine, under the name of the function that it
// was for, if that is known. The same letter again changes only the reason and the time.
func (v *invocation) keepLetter(ctx context.Context, l event.Letter) (item Item, err error) {
	defer engine.Recovered(&err)
	what := v.settings.Policy.Mask.Text(described(l))
	function := v.name
	if l.Function != "" {
		function = strings.TrimPrefix(l.Function, strings.TrimSuffix(v.called(), v.name))
	}
	if item, err = v.store(ctx, function, l.Payload, ReasonDeadLetter+": "+what); err == nil {
		item.Result = ResultKept
		v.watch.show(decide.DeadLettersCame(what, v.now()))
	}
	return item, err
}

// described says what is known of a dead letter.
func described(l event.Letter) string {
	what := "no event that a function takes is in it"
	switch {
	case l.Kind != "":
		what = strings.TrimSpace(string(l.Kind) + " " + l.ID)
	case l.Function != "":
		what = "no event, but what " + l.Function + " was invoked with"
	}
	if l.Rule != "" {
		what += ", by the rule " + l.Rule
	}
	if l.Error != "" {
		what += ", last error: " + l.Error
	}
	return what
}
