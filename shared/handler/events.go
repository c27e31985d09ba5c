package handler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
)

const (
	// window is how many events of one payload are handled as one array: the
	// largest CountBasedWindow of an EventBridge batch. Only a payload that is
	// larger, which bounds the memory that it takes, has commits after the sends
	// of its first window.
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

// StateChange handles the changes of instances' states.
func (f *Function) StateChange(ctx context.Context, payload []byte) (Outcome, error) {
	return f.events(ctx, payload, event.KindStateChange)
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
	kind      event.Kind
	events    []event.Event
	items     []Item  // by the events' places; without a result for one that failed
	parts     [][]int // the places of one instance's events, in their order
	malformed [][]int // the places of equal malformed elements

	mu   sync.Mutex
	left int   // events for which there was no time
	cut  error // what the end of the time cut off; nil if nothing was under way
}

// handle does the work. It begins each delivery with another instance, so that
// none is always the last.
func (a *array) handle(ctx context.Context) {
	a.group()
	first := a.first(len(a.parts))
	a.parts = slices.Concat(a.parts[first:], a.parts[:first])
	var keeping sync.WaitGroup
	defer keeping.Wait()
	keeping.Go(func() {
		engine.SideBySide(len(a.malformed), func(i int) { a.keepOnce(ctx, a.malformed[i]) })
	})
	engine.SideBySide(len(a.parts), func(i int) { a.parts[i] = a.unknown(ctx, a.parts[i]) })
	inputs := make([]engine.Part, len(a.parts))
	for i, places := range a.parts {
		for _, place := range places {
			item, _, in := a.input(place)
			inputs[i].InstanceID = item.InstanceID
			inputs[i].Inputs = append(inputs[i].Inputs, in)
		}
	}
	start := a.now()
	a.engine.HandleAll(ctx, inputs, func(part, input int, out engine.Outcome, err error) {
		a.done(ctx, a.parts[part][input], out, a.now().Sub(start), err)
	})
}

// first chooses one of n instances: by the request id, and for Function
// Compute's own retries of a request far from where the tries before it began.
func (a *array) first(n int) int {
	h := fnv.New32a()
	fmt.Fprint(h, a.requestID)
	return (int(h.Sum32()) + a.retry*n*5/8) % max(n, 1)
}

// group groups the events by what they are about.
func (a *array) group() {
	of := map[string]int{}
	add := func(parts *[][]int, about string, place int) {
		i, known := of[about]
		if !known {
			i = len(*parts)
			of[about] = i
			*parts = append(*parts, nil)
		}
		(*parts)[i] = append((*parts)[i], place)
	}
	for place, e := range a.events {
		switch e := e.(type) {
		case event.Ignored:
			a.items[place] = a.ignore(e.Envelope, e.Reason)
		case event.Malformed:
			add(&a.malformed, "malformed "+ledger.QuarantineID(e.Raw), place)
		default:
			if item, env, _ := a.input(place); a.accepts(env, place) {
				add(&a.parts, item.InstanceID, place)
			}
		}
	}
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

// keepOnce keeps equal malformed elements in quarantine once, for all their
// places.
func (a *array) keepOnce(ctx context.Context, places []int) {
	if ctx.Err() != nil {
		a.stop(len(places), nil)
		return
	}
	m := a.events[places[0]].(event.Malformed)
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

// unknown returns the places without those of ends that are recorded already and
// need no handling. If the ledger does not answer, it returns all.
func (a *array) unknown(ctx context.Context, places []int) (left []int) {
	if len(places) < many {
		return places
	}
	for places := range slices.Chunk(places, ledger.MaxKnown) {
		var ends []event.TaskCompleted
		for _, place := range places {
			if e, ok := a.events[place].(event.TaskCompleted); ok {
				ends = append(ends, e)
			}
		}
		known := a.known(ctx, ends)
		for _, place := range places {
			if e, ok := a.events[place].(event.TaskCompleted); ok && known[e.Key()] {
				a.done(ctx, place, engine.Outcome{InstanceID: e.InstanceID, Duplicate: true}, 0, nil)
			} else {
				left = append(left, place)
			}
		}
	}
	return left
}

// known returns the keys of one instance's ends that are recorded.
func (a *array) known(ctx context.Context, ends []event.TaskCompleted) (known map[string]bool) {
	if len(ends) == 0 || ctx.Err() != nil {
		return nil
	}
	var err error
	defer func() {
		if err != nil && ctx.Err() == nil {
			a.log.Warn().Str("instance_id", ends[0].InstanceID).Err(err).Msg("recorded events not looked up")
		}
	}()
	defer engine.Recovered(&err)
	known, err = a.ledger.Known(ctx, ends[0].InstanceID, ends)
	return known
}

// input is what an event asks the engine for, with what became of it if nothing
// else is known.
func (a *array) input(place int) (Item, event.Envelope, decide.Input) {
	switch e := a.events[place].(type) {
	case event.TaskCompleted:
		e.Region = cmp.Or(e.Region, a.region)
		return Item{Result: ResultRecorded, InstanceID: e.InstanceID, InvokeID: e.InvokeID}, e.Envelope,
			decide.Ended{Event: e, Received: a.now(), Source: decide.SourceEvent}
	case event.FirstHeartbeat:
		e.Region = cmp.Or(e.Region, a.region)
		return Item{Result: ResultNoticed, InstanceID: e.InstanceID}, e.Envelope, decide.Heartbeat{Event: e, Received: a.now()}
	case event.InstanceStateChange:
		return Item{Result: ResultNoticed, InstanceID: e.InstanceID}, e.Envelope, decide.StateChange{Event: e, Received: a.now()}
	}
	panic("no other event has an instance")
}

// done notes what became of an event.
func (a *array) done(ctx context.Context, place int, out engine.Outcome, took time.Duration, err error) {
	item, env, _ := a.input(place)
	switch {
	case errors.Is(err, engine.ErrLate):
		a.stop(1, nil)
		return
	case err != nil && ctx.Err() != nil:
		a.stop(1, err)
		return
	case err != nil:
		a.fail(outcome(a.log.Error(), out).Str("event_id", env.ID).Int64("took_ms", took.Milliseconds()), err)
		return
	case out.Duplicate:
		item.Result = ResultDuplicate
	case out.Ignored != "":
		item.Result, item.Reason = ResultIgnored, out.Ignored
	}
	item.Left = out.Left
	a.items[place] = item
	line := line(a.log, out)
	if !env.Time.IsZero() {
		line.Int64("age_ms", a.now().Sub(env.Time).Milliseconds())
	}
	if env.Trace != "" {
		line.Str("traceparent", env.Trace)
	}
	line.Str("event_id", env.ID).Str("invoke_id", item.InvokeID).Str("result", item.Result).
		Int64("took_ms", took.Milliseconds()).Msg("event handled")
}
