package handler

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"sync"

	"github.com/rs/zerolog"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
)

const (
	// sideBySide is how many instances of one payload are handled at the same
	// time. Each makes at most two calls to Tablestore at once, and the pool
	// keeps 100 idle connections.
	sideBySide = 32
	// window is how many events of one payload are read and grouped by
	// instance at a time: the largest CountBasedWindow of an EventBridge
	// batch.
	window = 10_000
	// many is the number of ends of one instance from which on array asks the
	// ledger which of them are recorded, MaxKnown with each call. Otherwise a
	// duplicate costs three calls and a new end two, and a redelivery could
	// get less far than the delivery before it.
	many = 10
)

// TaskCompleted handles the ends of commands.
func (f *Function) TaskCompleted(ctx context.Context, payload []byte) (Outcome, error) {
	return f.events(ctx, payload, event.KindTaskCompleted)
}

// FirstHeartbeat handles the first heartbeats of instances' agents.
func (f *Function) FirstHeartbeat(ctx context.Context, payload []byte) (Outcome, error) {
	return f.events(ctx, payload, event.KindFirstHeartbeat)
}

// events handles a payload of one or many events. When the time is up it stops
// and fails, so that EventBridge delivers the payload again.
func (f *Function) events(ctx context.Context, payload []byte, kind event.Kind) (Outcome, error) {
	return f.invoke(ctx, func(ctx context.Context, v *invocation) error {
		batch := event.Open(payload)
		batch.Need = f.settings.Need
		for batch.Left() > 0 {
			a := &array{invocation: v, kind: kind, events: batch.Next(window)}
			a.items = make([]Item, len(a.events))
			a.handle(ctx)
			for _, item := range a.items {
				v.out.add(item)
			}
			if a.left > 0 {
				v.fail(v.log.Error().Int("events_left", a.left+batch.Left()),
					fmt.Errorf("the time is up: %w", cmp.Or(a.cut, ctx.Err())))
				return nil
			}
		}
		return nil
	})
}

// array holds the events that are handled together.
type array struct {
	*invocation
	kind   event.Kind
	events []event.Event
	items  []Item // by the events' places; without a result for one that failed

	mu   sync.Mutex
	left int   // events for which there was no time
	cut  error // what the end of the time cut off; nil if nothing was under way
}

// handle does the parts of the work, several at once. It begins each delivery
// with another part, so that no part always comes last.
func (a *array) handle(ctx context.Context) {
	parts := a.parts()
	first := a.first(len(parts))
	limit := make(chan struct{}, sideBySide)
	var working sync.WaitGroup
	for i := range parts {
		part := parts[(first+i)%len(parts)]
		limit <- struct{}{}
		working.Go(func() {
			defer func() { <-limit }()
			defer a.recovered()
			if m, ok := a.events[part[0]].(event.Malformed); ok {
				a.keepOnce(ctx, m, part)
			} else {
				a.inOrder(ctx, part)
			}
		})
	}
	working.Wait()
}

// first chooses one of n parts by the request id and the number of Function
// Compute's own retry, so each delivery begins with another part.
func (a *array) first(n int) int {
	h := fnv.New32a()
	fmt.Fprint(h, a.requestID, "/", a.retry)
	return int(h.Sum32() % uint32(max(n, 1)))
}

// parts groups the events. Each part holds the places of one instance's events,
// in their order, or of equal malformed elements.
func (a *array) parts() [][]int {
	var parts [][]int
	of := map[string]int{}
	add := func(about string, place int) {
		i, known := of[about]
		if !known {
			i = len(parts)
			of[about] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], place)
	}
	for place, e := range a.events {
		switch e := e.(type) {
		case event.Ignored:
			a.items[place] = a.ignore(e.Envelope, e.Reason)
		case event.Malformed:
			add("malformed "+ledger.QuarantineID(e.Raw), place)
		case event.TaskCompleted:
			if a.accepts(e.Envelope, place) {
				add(e.InstanceID, place)
			}
		case event.FirstHeartbeat:
			if a.accepts(e.Envelope, place) {
				add(e.InstanceID, place)
			}
		}
	}
	return parts
}

// accepts reports whether an event is for this function, and records it as
// ignored if not. It accepts an event without an account.
func (a *array) accepts(e event.Envelope, place int) bool {
	switch {
	case e.Kind != a.kind:
		a.items[place] = a.ignore(e, fmt.Sprintf("this function handles %s only", a.kind))
	case e.Account != "" && a.account != "" && e.Account != a.account:
		a.items[place] = a.ignore(e, "it belongs to another account")
	default:
		return true
	}
	return false
}

// inOrder handles the events at the places given, one after another.
func (a *array) inOrder(ctx context.Context, places []int) {
	var known map[string]bool
	for i, place := range places {
		if i%ledger.MaxKnown == 0 && len(places) >= many {
			known = a.known(ctx, places[i:min(len(places), i+ledger.MaxKnown)])
		}
		if ctx.Err() != nil {
			a.stop(len(places)-i, nil)
			return
		}
		if err := a.handleOne(ctx, place, known); err != nil {
			a.stop(len(places)-i, err)
			return
		}
	}
}

// keepOnce keeps equal malformed elements in quarantine once, for all their
// places.
func (a *array) keepOnce(ctx context.Context, m event.Malformed, places []int) {
	if ctx.Err() != nil {
		a.stop(len(places), nil)
		return
	}
	item, err := a.keep(ctx, m.Raw, m.Reason)
	switch {
	case err != nil && ctx.Err() != nil:
		a.stop(len(places), err)
	case err != nil:
		a.fail(a.log.Error(), err)
	default:
		for _, place := range places {
			a.items[place] = item
		}
	}
}

// stop notes that there is no time for n events.
func (a *array) stop(n int, cut error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left += n
	a.cut = cmp.Or(a.cut, cut)
}

// known returns the keys of the ends that are already recorded and need no
// handling. If the ledger does not answer, it returns none.
func (a *array) known(ctx context.Context, places []int) map[string]bool {
	var ends []event.TaskCompleted
	for _, place := range places {
		if e, ok := a.events[place].(event.TaskCompleted); ok {
			ends = append(ends, e)
		}
	}
	if len(ends) == 0 {
		return nil
	}
	known, err := a.ledger.Known(ctx, ends[0].InstanceID, ends)
	if err != nil && ctx.Err() == nil {
		a.log.Warn().Str("instance_id", ends[0].InstanceID).Err(err).Msg("recorded events not looked up")
	}
	return known
}

// handleOne handles one event. It returns an error only if the time ran out. A
// panic fails this event alone.
func (a *array) handleOne(ctx context.Context, place int, known map[string]bool) (cut error) {
	defer a.recovered()
	var (
		item Item
		env  event.Envelope
		in   decide.Input
	)
	switch e := a.events[place].(type) {
	case event.TaskCompleted:
		item, env = Item{Result: ResultRecorded, InstanceID: e.InstanceID, InvokeID: e.InvokeID}, e.Envelope
		e.Region = cmp.Or(e.Region, a.region)
		in = decide.Ended{Event: e, Received: a.now(), Source: decide.SourceEvent}
		if known[e.Key()] {
			item.Result = ResultDuplicate
			a.items[place] = item
			a.handled(engine.Outcome{InstanceID: e.InstanceID}, env, item).Msg("event handled")
			return nil
		}
	case event.FirstHeartbeat:
		item, env = Item{Result: ResultNoticed, InstanceID: e.InstanceID}, e.Envelope
		e.Region = cmp.Or(e.Region, a.region)
		in = decide.Heartbeat{Event: e, Received: a.now()}
	}
	start := a.now()
	out, err := a.engine.Handle(ctx, item.InstanceID, in)
	took := a.now().Sub(start).Milliseconds()
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		a.fail(outcome(a.log.Error(), out).Str("event_id", env.ID).Int64("took_ms", took), err)
		return nil
	case out.Duplicate:
		item.Result = ResultDuplicate
	case out.Ignored != "":
		item.Result, item.Reason = ResultIgnored, out.Ignored
	}
	item.Left = out.Left
	a.items[place] = item
	a.handled(out, env, item).Int64("took_ms", took).Msg("event handled")
	return nil
}

// recovered is deferred. It makes a panic fail the invocation and nothing else.
// It does not log the panic's value, which may hold anything.
func (a *array) recovered() {
	if r := recover(); r != nil {
		a.fail(a.log.Error().Str("stack", string(debug.Stack())), fmt.Errorf("panic of type %T", r))
	}
}

// handled begins the log line of an event that was handled.
func (a *array) handled(out engine.Outcome, env event.Envelope, item Item) *zerolog.Event {
	return line(a.log, out).Str("event_id", env.ID).Str("invoke_id", item.InvokeID).Str("result", item.Result)
}
