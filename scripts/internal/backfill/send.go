package backfill

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/invoke"
)

const (
	// lanes is how many function instances work at once. All events of an instance go
	// through one of them, in their order.
	lanes = 4
	// A batch is small enough for a function's timeout, and for its memory.
	batchEvents, batchBytes = 100, 1 << 20
)

// Invoke gives a payload to the function that takes events of a kind. It may give it
// twice.
type Invoke func(ctx context.Context, kind event.Kind, payload []byte) (handler.Outcome, error)

// Repaired counts what the functions made of the missing events.
type Repaired struct {
	// Executions were recorded. Bootable are the instances that take commands now, or
	// have booted again. States are those whose known state changed.
	Executions, Bootable, States int
	// There were recorded meanwhile, Failed were not handled.
	There, Failed int
}

// Send gives the missing events to the functions, and notes the result of each. After
// an error that is not about one event, the others are not sent.
func (s Search) Send(ctx context.Context, f *Found, invoke Invoke) (r Repaired, err error) {
	var working sync.WaitGroup
	errs := make([]error, lanes)
	shares := [lanes][]*Finding{}
	for _, m := range f.Missing {
		h := fnv.New32a()
		fmt.Fprint(h, m.InstanceID)
		n := h.Sum32() % lanes
		shares[n] = append(shares[n], m)
	}
	for n, share := range shares {
		working.Go(func() { errs[n] = send(ctx, share, invoke) })
	}
	working.Wait()
	for _, m := range f.Missing {
		switch m.Result {
		case handler.ResultRecorded:
			r.Executions++
		case handler.ResultDuplicate:
			r.There++
		}
		if m.Failed {
			r.Failed++
		}
	}
	if err := errors.Join(errs...); err != nil {
		return r, err
	}
	for _, id := range slices.Sorted(maps.Keys(f.before)) {
		state, err := s.Ledger.Load(ctx, id)
		if err != nil {
			return r, err
		}
		was, now := f.before[id], state.Instance
		if now.Boot == decide.BootBootable && (was.Boot != now.Boot || was.BootSeq != now.BootSeq) {
			r.Bootable++
		}
		if was.State != now.State || !was.StateAt.Equal(now.StateAt) {
			r.States++
		}
	}
	return r, nil
}

// send gives the events of some instances to the functions, in rounds: in each, the
// next events of one kind of each instance. It ends with an error that all others
// would meet.
func send(ctx context.Context, events []*Finding, invoke Invoke) error {
	for len(events) > 0 {
		round, rest := next(events)
		for _, kind := range Kinds {
			for batch := range batches(round[kind]) {
				if err := give(ctx, kind, batch, invoke); err != nil {
					for _, f := range events {
						if f.Result == "" {
							f.fail("not sent", err)
						}
					}
					return err
				}
			}
		}
		events = rest
	}
	return nil
}

// next takes the first events of one kind of each instance, by their kinds, and leaves
// the rest. Those of an instance stay together, so that few batches part them.
func next(events []*Finding) (round map[event.Kind][]*Finding, rest []*Finding) {
	round = map[event.Kind][]*Finding{}
	first, ended := map[string]event.Kind{}, map[string]bool{}
	for _, f := range events {
		if first[f.InstanceID] == "" {
			first[f.InstanceID] = f.Kind
		}
		if ended[f.InstanceID] = ended[f.InstanceID] || f.Kind != first[f.InstanceID]; ended[f.InstanceID] {
			rest = append(rest, f)
		} else {
			round[f.Kind] = append(round[f.Kind], f)
		}
	}
	for _, some := range round {
		slices.SortStableFunc(some, func(a, b *Finding) int { return cmp.Compare(a.InstanceID, b.InstanceID) })
	}
	return round, rest
}

// batches parts events into payloads.
func batches(events []*Finding) func(yield func([]*Finding) bool) {
	return func(yield func([]*Finding) bool) {
		size, from := 0, 0
		for i, f := range events {
			if i > from && (i-from == batchEvents || size+len(f.payload) > batchBytes) {
				if !yield(events[from:i]) {
					return
				}
				size, from = 0, i
			}
			size += len(f.payload)
		}
		if from < len(events) {
			yield(events[from:])
		}
	}
}

// give invokes a function with a batch, and after a failure of the function with its
// halves: one event may be to blame. The error is one that is not the function's.
func give(ctx context.Context, kind event.Kind, batch []*Finding, call Invoke) error {
	parts := make([][]byte, len(batch))
	for i, f := range batch {
		parts[i] = f.payload
	}
	out, err := call(ctx, kind, slices.Concat([]byte("["), bytes.Join(parts, []byte(",")), []byte("]")))
	var failed *invoke.FunctionError
	switch {
	case errors.As(err, &failed) && len(batch) > 1 && ctx.Err() == nil:
		half := len(batch) / 2
		return cmp.Or(give(ctx, kind, batch[:half], call), give(ctx, kind, batch[half:], call))
	case errors.As(err, &failed):
		for _, f := range batch {
			f.fail("error", err)
		}
		return nil
	case err != nil:
		return err
	case len(out.Items) != len(batch):
		return fmt.Errorf("the function answered %d results for %d events", len(out.Items), len(batch))
	}
	for i, f := range batch {
		f.Result = out.Items[i].Result
		f.Why = cmp.Or(out.Items[i].Reason, f.Why)
		f.Failed = f.Result == handler.ResultQuarantined || f.Result == handler.ResultRefused || f.Result == handler.ResultIgnored
	}
	return nil
}

func (f *Finding) fail(result string, err error) {
	f.Result, f.Why, f.Failed = result, err.Error(), true
}
