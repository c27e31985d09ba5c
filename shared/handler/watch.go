package handler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// watch notes what an invocation shows about Aftercare itself: states of which people
// must know. The invocation tells them when all else is done.
type watch struct {
	mu sync.Mutex
	// known are the concerns that were read last, by key; nil if none were read.
	known map[string]decide.Concern
	// shown are the states that showed, by key.
	shown map[string]decide.Concern
	// worked are the rights that sufficed, and sent that a command was sent since known
	// was read.
	worked map[string]bool
	sent   bool
}

// show notes that a state showed. The first word about it stands.
func (w *watch) show(c decide.Concern) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shown == nil {
		w.shown = map[string]decide.Concern{}
	}
	if _, before := w.shown[c.Alert.Fingerprint]; !before {
		w.shown[c.Alert.Fingerprint] = c
	}
}

// read notes which concerns there are. A command that was sent before says nothing
// about them.
func (w *watch) read(known map[string]decide.Concern) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = false
	if w.known = known; known == nil {
		w.known = map[string]decide.Concern{}
	}
}

func (w *watch) work(right string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.worked == nil {
		w.worked = map[string]bool{}
	}
	w.worked[right] = true
}

func (w *watch) send() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = true
}

// change is what becomes of a concern.
type change struct {
	key  string
	next func(decide.Concern) decide.Concern
	// input: an input has shown it, and must come again if nobody could be told.
	input bool
}

// changes returns those that are needed, as far as is known.
func (w *watch) changes(function string, now time.Time) (needed []change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	add := func(key string, input bool, next func(decide.Concern) decide.Concern) {
		if known := w.known[key]; !known.Told || !next(known).Same(known) {
			needed = append(needed, change{key, next, input})
		}
	}
	for key, c := range w.shown {
		add(key, c.ByInput(), func(was decide.Concern) decide.Concern { return was.Shown(c) })
	}
	works := func(c decide.Concern) {
		key := c.Alert.Fingerprint
		if _, refused := w.shown[key]; w.known[key].Holds() && !refused {
			add(key, false, func(was decide.Concern) decide.Concern { return was.Works(now) })
		}
	}
	if len(w.known) == 0 {
		return needed
	}
	for right := range w.worked {
		works(decide.RightMissing(function, right, now))
	}
	if w.sent {
		works(decide.QuotaUsedUp(now))
	}
	return needed
}

// right notes what a call shows of a right that it needs.
func (v *invocation) right(right string, err error) {
	switch {
	case errors.Is(err, engine.ErrThrottled):
		v.throttled.Add(1)
	case errors.Is(err, engine.ErrDenied):
		v.watch.show(decide.RightMissing(v.called(), right, v.now()))
	case err == nil:
		v.watch.work(right)
	}
}

// called is how people know the function.
func (v *invocation) called() string { return cmp.Or(v.function, "aftercare-"+v.name) }

// concernTime is how long it is tried to tell people what an invocation showed.
const concernTime = 3 * time.Second

// tell tells people what the invocation showed, each state once. It fails only if an
// input showed it: that must come again.
func (v *invocation) tell(ctx context.Context) error {
	changes := v.watch.changes(v.called(), v.now())
	if len(changes) == 0 || v.settings.Policy.AlertOn == nil || v.failed.Load() && ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, concernTime)
	defer cancel()
	var failed error
	for _, c := range changes {
		if err := v.changeConcern(ctx, c); err != nil && c.input {
			failed = errors.Join(failed, fmt.Errorf("tell people: %w", err))
		}
	}
	return failed
}

func (v *invocation) changeConcern(ctx context.Context, c change) error {
	told, err := v.ledger.Concern(ctx, c.key, c.next)
	switch {
	case err != nil:
		v.log.Warn().AnErr("trouble", err).Msg("concern not told")
	case told != nil:
		v.log.Warn().Str("kind", string(told.Kind)).Bool("over", told.Recovered).Str("reason", told.Summary).Msg("concern told")
		if told.Urgent() && v.engine != nil { // alerts comes again by itself
			v.Wake(ctx, *told)
		}
	}
	return err
}

// readConcerns reads them where nobody reads stops and breakers.
func (v *invocation) readConcerns(ctx context.Context) map[string]decide.Concern {
	known, err := v.ledger.Concerns(ctx)
	if err != nil {
		v.log.Warn().AnErr("trouble", err).Msg("concerns not read")
		return nil
	}
	v.watch.read(known)
	return known
}

// watchEvents notes that no event reports ends, after many were asked for. It reads the
// history: neither the sweep nor an event costs a call more otherwise.
func (v *invocation) watchEvents(ctx context.Context) {
	if now := v.now(); !v.reported(ctx, decide.SilentSince(now)) {
		v.watch.show(decide.EventsSilent(now))
	}
}

// reported reports whether an event has reported an end since a time. If that cannot be
// known, it is taken for granted.
func (v *invocation) reported(ctx context.Context, since time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, concernTime)
	defer cancel()
	found, err := v.ledger.Reported(ctx, since)
	if err != nil {
		v.log.Warn().AnErr("trouble", err).Msg("it is not known whether events arrive")
	}
	return found || err != nil
}

// tidyConcerns ends the states that did not show again, and tells what others could
// not tell.
func (v *invocation) tidyConcerns(ctx context.Context) {
	if v.settings.Policy.AlertOn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, concernTime)
	defer cancel()
	now := v.now()
	for key, c := range v.readConcerns(ctx) {
		next := func(was decide.Concern) decide.Concern { return was.Tidied(now) }
		if c.Alert.Kind == decide.AlertEventsSilent && c.Holds() && v.reported(ctx, c.Alert.At) {
			next = func(was decide.Concern) decide.Concern { return was.EventsCome(now) }
		}
		if c.Told && next(c).Same(c) {
			continue
		}
		v.changeConcern(ctx, change{key: key, next: next})
	}
}
