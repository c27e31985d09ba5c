package backtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// History reads what happened from the ledger, and writes nothing. It keeps as much
// in memory as there are instances, and a part of the records at a time.
type History struct {
	Ledger       *ledger.Ledger
	From, Before time.Time
	InstanceID   string // only this one's, if it is set

	// Rows counts the records, Events those of ends and boots, and Oldest is when the
	// first of them happened. Expired counts those that were listed, and are gone.
	Rows, Events int
	Oldest       time.Time
	Expired      int

	minutes map[int64]int            // records by their minute
	boots   map[string]int64         // the first boot of each instance
	ran     map[string]bool          // flows that have ended runs
	byHand  map[string]bool          // flows that people or clocks start
	starts  map[int64][]ledger.Entry // runs of those, by the minute in which they began
	known   map[string]decide.State
}

// kinds are the records that are counted; those of runs are read one by one.
var kinds = []ledger.EntryKind{ledger.EntryExecution, ledger.EntryBoot, ledger.EntryAct, ledger.EntryRun}

// Count reads the list of the records, which says how many there are.
// It keeps the runs of those flows that people can start.
func (h *History) Count(ctx context.Context, flows []flow.Definition) error {
	h.minutes, h.boots, h.ran, h.known = map[int64]int{}, map[string]int64{}, map[string]bool{}, map[string]decide.State{}
	h.byHand, h.starts = map[string]bool{}, map[int64][]ledger.Entry{}
	for _, d := range flows {
		h.byHand[d.Name] = h.byHand[d.Name] || slices.Contains(d.On, flow.Manual) || d.Schedule != nil
	}
	return h.list(ctx, h.From, h.Before, kinds, func(e ledger.Entry) {
		h.Rows++
		switch e.Kind {
		case ledger.EntryRun:
			h.ran[e.Name] = true
			if minute := cmp.Or(e.StartMS, e.At.UnixMilli()) / 60_000; h.byHand[e.Name] {
				h.starts[minute] = append(h.starts[minute], e)
				h.minutes[minute]++
			}
			return
		case ledger.EntryBoot:
			if n, err := strconv.ParseInt(e.ID, 10, 64); err == nil {
				h.boots[e.InstanceID] = n // the newest comes first
			}
		}
		if e.Kind != ledger.EntryAct {
			h.Events, h.Oldest = h.Events+1, e.At
		}
		h.minutes[e.At.Unix()/60]++
	})
}

// list hands over the entries of a time, the newest first; people's acts on all
// instances, too.
func (h *History) list(ctx context.Context, from, before time.Time, kinds []ledger.EntryKind, each func(ledger.Entry)) error {
	acts, others := []ledger.EntryKind{ledger.EntryAct}, slices.DeleteFunc(slices.Clone(kinds), func(k ledger.EntryKind) bool { return k == ledger.EntryAct })
	for _, q := range []ledger.Query{{Kinds: acts}, {Kinds: others, InstanceID: h.InstanceID}} {
		q.From, q.Before = from, before
		err := h.Ledger.History(ctx, q, func(e ledger.Entry) error {
			if h.InstanceID == "" || e.InstanceID == h.InstanceID || e.InstanceID == decide.ActsID {
				each(e)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	// atOnce is how many records are read in one part, unless one minute has more.
	atOnce = 4000
	// sideBySide is how many instances are read at once.
	sideBySide = 16
	// mostLate is how many records may wait for others that became known before them.
	mostLate = 20_000
)

// Each hands over what happened, in the order in which it became known.
func (h *History) Each(ctx context.Context, play func(Happening) error) error {
	var waiting []Happening
	minutes := slices.Sorted(maps.Keys(h.minutes))
	for len(minutes) > 0 {
		n, sum := 0, 0
		for n < len(minutes) && (n == 0 || sum+h.minutes[minutes[n]] <= atOnce) {
			sum += h.minutes[minutes[n]]
			n++
		}
		from, before := time.Unix(minutes[0]*60, 0), time.Unix(minutes[n-1]*60+60, 0)
		minutes = minutes[n:]
		part, err := h.part(ctx, from, before)
		if err != nil {
			return err
		}
		waiting = append(waiting, part...)
		slices.SortStableFunc(waiting, func(a, b Happening) int { return a.At.Compare(b.At) })
		for len(waiting) > 0 && (len(minutes) == 0 || waiting[0].At.Before(before) || len(waiting) > mostLate) {
			if err := play(waiting[0]); err != nil {
				return err
			}
			waiting = waiting[1:]
		}
	}
	return nil
}

// part reads what happened within a time.
func (h *History) part(ctx context.Context, from, before time.Time) (part []Happening, err error) {
	var entries []ledger.Entry
	err = h.list(ctx, later(from, h.From), earlier(before, h.Before), []ledger.EntryKind{ledger.EntryExecution, ledger.EntryBoot, ledger.EntryAct}, func(e ledger.Entry) {
		if e.Kind == ledger.EntryAct {
			part = append(part, Happening{InstanceID: e.InstanceID, At: e.At, Act: e.Name})
			return
		}
		entries = append(entries, e)
	})
	if err != nil {
		return nil, err
	}
	for minute := from.Unix() / 60; minute < before.Unix()/60; minute++ {
		entries = append(entries, h.starts[minute]...)
	}
	slices.Reverse(part)
	slices.Reverse(entries)
	if err := h.know(ctx, entries); err != nil {
		return nil, err
	}
	details, err := h.Ledger.Details(ctx, entries)
	for n, d := range details {
		at := Happening{InstanceID: entries[n].InstanceID, At: entries[n].At}
		switch {
		case len(d.Executions) > 0:
			at.Execution = &d.Executions[0]
			at.At = later(at.At, at.Execution.Received)
		case len(d.Boots) > 0:
			at.Boot = &d.Boots[0]
		case len(d.Runs) > 0:
			if at.Start = &d.Runs[0]; at.Start.RetryOf != "" || at.Start.Event.Kind != flow.Manual && at.Start.Event.Kind != flow.Scheduled {
				continue
			}
			at.At = at.Start.CreatedAt
		default:
			h.Expired++
			continue
		}
		part = append(part, at)
	}
	return part, err
}

// Start is the instance as it was, as far as that is known: its tags, name and
// operating system are those of today.
func (h *History) Start(_ context.Context, id string) (decide.State, error) { return h.known[id], nil }

// know reads the instances that are new in these entries, some side by side.
func (h *History) know(ctx context.Context, entries []ledger.Entry) error {
	var ids []string
	for _, e := range entries {
		if _, known := h.known[e.InstanceID]; !known {
			h.known[e.InstanceID] = decide.State{}
			ids = append(ids, e.InstanceID)
		}
	}
	found, errs := make([]decide.State, len(ids)), make([]error, len(ids))
	room := make(chan struct{}, sideBySide)
	var all sync.WaitGroup
	for n, id := range ids {
		room <- struct{}{}
		all.Go(func() {
			found[n], errs[n] = h.Ledger.Load(ctx, id)
			<-room
		})
	}
	all.Wait()
	for n, id := range ids {
		h.known[id] = h.before(found[n])
	}
	return cmp.Or(errs...)
}

// before is an instance before all that is played.
func (h *History) before(now decide.State) decide.State {
	i := now.Instance
	s := decide.NewState(i.ID)
	s.Runs = now.Runs
	s.Instance = decide.Instance{
		ID: i.ID, Rev: 1, Boot: i.Boot, BootSeq: i.BootSeq, BootTime: i.BootTime, BootSince: h.From, AgentVersion: i.AgentVersion, OS: i.OS, Region: i.Region,
		Zone: i.Zone, Name: i.Name, Tags: i.Tags,
	}
	if first, booted := h.boots[i.ID]; booted {
		s.Instance.BootSeq, s.Instance.BootTime, s.Instance.Boot = first-1, time.Time{}, decide.BootUnknown
		if first > 1 {
			s.Instance.Boot = decide.BootBootable
		}
	}
	return s
}

// EndedRun reads the record of a run, if runs of its flow are recorded at all.
func (h *History) EndedRun(ctx context.Context, instanceID, flow, runID string) (*decide.FlowRun, error) {
	if !h.ran[flow] {
		return nil, nil
	}
	return h.Ledger.EndedRun(ctx, instanceID, runID)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
