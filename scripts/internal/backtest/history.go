package backtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// History reads what happened from the ledger, and writes nothing. It keeps as much
// in memory as there are instances, and a part of the records at a time.
type History struct {
	Ledger       *ledger.Ledger
	From, Before time.Time

	// Rows counts the records, Events those of ends and boots, and Oldest is when the
	// first of them happened. Expired counts those that were listed, and are gone.
	Rows, Events int
	Oldest       time.Time
	Expired      int

	minutes map[int64]int            // records by their minute
	boots   map[string]int64         // the first boot of each instance
	ran     map[string]bool          // flows that have ended runs
	starts  map[int64][]ledger.Entry // runs that people or clocks start, by the minute in which they began
	known   map[string]decide.State  // instances before all that is played
}

// kinds are the records that are played.
var kinds = []ledger.EntryKind{ledger.EntryExecution, ledger.EntryBoot, ledger.EntryAct}

// Count reads the list of the records, which says how many there are. It keeps the
// runs of those flows that people or clocks can start.
func (h *History) Count(ctx context.Context, flows []flow.Definition) error {
	h.From = h.From.Truncate(time.Minute)
	h.minutes, h.boots, h.ran = map[int64]int{}, map[string]int64{}, map[string]bool{}
	h.starts, h.known = map[int64][]ledger.Entry{}, map[string]decide.State{}
	startable := map[string]bool{}
	for _, d := range flows {
		startable[d.Name] = startable[d.Name] || slices.Contains(d.On, flow.Manual) || d.Schedule != nil
	}
	q := ledger.Query{Kinds: append([]ledger.EntryKind{ledger.EntryRun}, kinds...), From: h.From, Before: h.Before}
	return h.Ledger.History(ctx, q, func(e ledger.Entry) error {
		h.Rows++
		minute := minuteOf(e.At)
		switch e.Kind {
		case ledger.EntryRun:
			h.ran[e.Name] = true
			if !startable[e.Name] {
				return nil
			}
			if began := e.Started(); !began.IsZero() {
				minute = minuteOf(began)
			}
			h.starts[minute] = append(h.starts[minute], e)
		case ledger.EntryExecution:
			h.Events, h.Oldest = h.Events+1, e.At
		case ledger.EntryBoot:
			h.Events, h.Oldest = h.Events+1, e.At
			if n, err := strconv.ParseInt(e.ID, 10, 64); err == nil {
				h.boots[e.InstanceID] = n // the newest comes first
			}
		}
		h.minutes[minute]++
		return nil
	})
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

const (
	// atOnce is how many records are read in one part, unless one minute has more.
	atOnce = 4000
	// mostLate is how many records may wait for others that became known before them.
	mostLate = 20_000
)

// Play plays what happened through the worlds, in the order in which it became known.
func (h *History) Play(ctx context.Context, worlds ...*World) error {
	var waiting []Happening
	minutes := slices.Sorted(maps.Keys(h.minutes))
	for len(minutes) > 0 {
		n, sum := 0, 0
		for n < len(minutes) && (n == 0 || sum+h.minutes[minutes[n]] <= atOnce) {
			sum += h.minutes[minutes[n]]
			n++
		}
		before := time.Unix(minutes[n-1]*60+60, 0)
		part, err := h.part(ctx, time.Unix(minutes[0]*60, 0), before)
		if err != nil {
			return err
		}
		minutes, waiting = minutes[n:], append(waiting, part...)
		slices.SortStableFunc(waiting, func(a, b Happening) int { return a.At.Compare(b.At) })
		for len(waiting) > 0 && (len(minutes) == 0 || waiting[0].At.Before(before) || len(waiting) > mostLate) {
			for _, w := range worlds {
				if err := w.Play(ctx, waiting[0]); err != nil {
					return err
				}
			}
			waiting = waiting[1:]
		}
	}
	for _, w := range worlds {
		if err := w.Until(ctx, h.Before); err != nil {
			return err
		}
	}
	return nil
}

// part reads what happened within a time of whole minutes.
func (h *History) part(ctx context.Context, from, before time.Time) (part []Happening, err error) {
	var entries []ledger.Entry
	err = h.Ledger.History(ctx, ledger.Query{Kinds: kinds, From: from, Before: before}, func(e ledger.Entry) error {
		if e.Kind == ledger.EntryAct {
			part = append(part, Happening{At: e.At, Act: e.Name})
		} else {
			entries = append(entries, e)
		}
		return nil
	})
	for minute := minuteOf(from); minute < minuteOf(before); minute++ {
		entries = append(entries, h.starts[minute]...)
	}
	slices.Reverse(part)
	slices.Reverse(entries)
	if err == nil {
		err = h.know(ctx, entries)
	}
	if err != nil {
		return nil, err
	}
	details, err := h.Ledger.Details(ctx, entries)
	for n, d := range details {
		at := Happening{InstanceID: entries[n].InstanceID, At: entries[n].At}
		switch {
		case len(d.Executions) > 0:
			at.Execution = &d.Executions[0]
			at.At = decide.Later(at.At, at.Execution.Received)
		case len(d.Boots) > 0:
			at.Boot = &d.Boots[0]
		case len(d.Runs) > 0:
			at.Start, at.At = &d.Runs[0], d.Runs[0].CreatedAt
			if kind := at.Start.Event.Kind; at.Start.RetryOf != "" || kind != flow.Manual && kind != flow.Scheduled {
				continue
			}
		default:
			h.Expired++
			continue
		}
		part = append(part, at)
	}
	return part, err
}

// know reads the instances that are new in these entries, side by side.
func (h *History) know(ctx context.Context, entries []ledger.Entry) error {
	var ids []string
	for _, e := range entries {
		if _, known := h.known[e.InstanceID]; !known {
			h.known[e.InstanceID] = decide.State{}
			ids = append(ids, e.InstanceID)
		}
	}
	found, errs := make([]decide.State, len(ids)), make([]error, len(ids))
	engine.SideBySide(len(ids), func(n int) { found[n], errs[n] = h.Ledger.Load(ctx, ids[n]) })
	for n, id := range ids {
		h.known[id] = h.before(found[n])
	}
	return cmp.Or(errs...)
}

// before is an instance before all that is played, as far as that is known, with the
// runs that are under way now. Its tags, name and operating system are those of today.
func (h *History) before(now decide.State) decide.State {
	i := now.Instance
	b := decide.Instance{
		ID: i.ID, Rev: 1, Boot: i.Boot, BootSeq: i.BootSeq, BootTime: i.BootTime, BootSince: h.From, AgentVersion: i.AgentVersion, OS: i.OS, Region: i.Region,
		Zone: i.Zone, Name: i.Name, Tags: i.Tags,
	}
	if first, booted := h.boots[i.ID]; booted {
		b.BootSeq, b.BootTime, b.Boot = first-1, time.Time{}, decide.BootUnknown
		if first > 1 {
			b.Boot = decide.BootBootable
		}
	}
	return decide.State{Instance: b, Runs: now.Runs}
}

// endedRun reads the record of a run, if runs of its flow are recorded at all.
func (h *History) endedRun(ctx context.Context, instanceID string, r decide.FlowRun) (*decide.FlowRun, error) {
	if !h.ran[r.Flow] {
		return nil, nil
	}
	return h.Ledger.EndedRun(ctx, instanceID, r.ID)
}
