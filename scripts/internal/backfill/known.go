package backfill

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
)

// recorded reads which ends and boots the ledger has of the time.
func (g *search) recorded(ctx context.Context) error {
	q := ledger.Query{
		From: g.From.Add(-margin), Before: g.Before.Add(decide.MaxAhead), Kinds: []ledger.EntryKind{ledger.EntryExecution, ledger.EntryBoot},
	}
	return g.Ledger.History(ctx, q, func(e ledger.Entry) error {
		if len(g.known)+len(g.ended) >= maxKnown {
			return fmt.Errorf("the ledger has more than %d records of this time: choose a shorter one", maxKnown)
		}
		if e.EventID != "" {
			g.known[e.EventID] = true
		}
		within := !e.At.Before(g.From)
		switch {
		case e.Kind == ledger.EntryExecution:
			g.ended[e.InstanceID+"/"+e.ID] = true
			if within {
				g.found.Executions++
			}
		case within:
			g.found.Boots++
		}
		return nil
	})
}

// sift keeps what the ledger lacks of what was found.
func (g *search) sift(ctx context.Context) error {
	of := map[string][]*Finding{}
	for _, f := range g.seen {
		of[f.InstanceID] = append(of[f.InstanceID], f)
	}
	ids := slices.Sorted(maps.Keys(of))
	missing, before, errs := make([][]*Finding, len(ids)), make([]*decide.Instance, len(ids)), make([]error, len(ids))
	engine.SideBySide(len(ids), func(i int) {
		slices.SortFunc(of[ids[i]], (*Finding).compare)
		missing[i], before[i], errs[i] = g.lacking(ctx, ids[i], of[ids[i]])
	})
	if err := cmp.Or(errs...); err != nil {
		return err
	}
	g.found.before = map[string]decide.Instance{}
	for i, id := range ids {
		g.found.Missing = append(g.found.Missing, missing[i]...)
		if before[i] != nil {
			g.found.before[id] = *before[i]
		}
	}
	slices.SortFunc(g.found.Missing, (*Finding).compare)
	return nil
}

func (f *Finding) compare(other *Finding) int {
	return cmp.Or(f.At.Compare(other.At), cmp.Compare(f.InstanceID, other.InstanceID), cmp.Compare(f.ID, other.ID))
}

// lacking keeps what the ledger lacks of an instance's events, in their order. Before is
// the instance if a boot or a state is among them.
func (g *search) lacking(ctx context.Context, id string, events []*Finding) (missing []*Finding, before *decide.Instance, err error) {
	var ends []event.TaskCompleted
	changes := false
	for _, f := range events {
		if e, ok := f.event.(event.TaskCompleted); ok {
			ends = append(ends, e)
		} else {
			changes = true
		}
	}
	recorded := map[string]bool{}
	for some := range slices.Chunk(ends, ledger.MaxKnown) {
		known, err := g.Ledger.Known(ctx, id, some)
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(recorded, known)
	}
	now := decide.Instance{ID: id}
	if changes {
		state, err := g.Ledger.Load(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		now = state.Instance
	}
	was := now
	machine := sync.OnceValue(func() *decide.Machine {
		// Without an answer it is as unknown as it is to the function.
		found, _ := g.Assistant.Instances(ctx, engine.Selector{IDs: []string{id}})
		if m, ok := found[id]; ok {
			return &m
		}
		return nil
	})
	for _, f := range events {
		lacks := false
		if e, ok := f.event.(event.TaskCompleted); ok {
			lacks = !recorded[e.Key()]
		} else {
			now, lacks = after(now, f.event, g.Before, machine)
		}
		if lacks {
			missing = append(missing, f)
			if f.Kind != event.KindTaskCompleted {
				before = &was
			}
		}
	}
	return missing, before, nil
}

// after is an instance after an event, and whether that changes its boots or its state.
// The heart decides it: of an instance without any work nothing else can change.
func after(i decide.Instance, e event.Event, now time.Time, machine func() *decide.Machine) (decide.Instance, bool) {
	var in decide.Input
	switch e := e.(type) {
	case event.FirstHeartbeat:
		in = decide.Heartbeat{Event: e, Received: now}
	case event.InstanceStateChange:
		in = decide.StateChange{Event: e, Received: now}
	}
	s := decide.NewState(i.ID)
	s.Instance = i
	var facts decide.Facts
	d := decide.Decide(s, in, facts, decide.DefaultPolicy(), decide.Moment{Now: now})
	if d.Needs.Machine {
		facts.Machine, facts.Asked.Machine = machine(), true
		d = decide.Decide(s, in, facts, decide.DefaultPolicy(), decide.Moment{Now: now})
	}
	next := d.Next.Instance
	return next, changed(i, next)
}

// changed reports whether the boots or the state of an instance differ.
func changed(a, b decide.Instance) bool {
	return a.Boot != b.Boot || a.BootSeq != b.BootSeq || a.State != b.State || !a.BootTime.Equal(b.BootTime) || !a.StateAt.Equal(b.StateAt)
}
