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
	"aftercare/shared/ledger"
)

// History reads what happened from the ledger, and writes nothing. It keeps in memory
// the state of each instance, the ids of the runs that people and schedules started,
// and a part of the records at a time.
type History struct {
	Ledger *ledger.Ledger `json:"-"`
	From   time.Time      `json:"from"`
	Before time.Time      `json:"before"`
	// Rows counts the records, Oldest is the time of the first one.
	Rows   int       `json:"records"`
	Oldest time.Time `json:"oldest"`

	known  map[string]decide.State // instances before all that is played, with the runs that are under way now
	boots  map[string]int64        // the first boot of each instance
	ran    map[string]bool         // flows that have ended runs
	starts []ledger.Entry          // runs that people and schedules started, in order
	failed error                   // why a run could not be read
}

// happening is an end, a boot, what a person did, or a run that a person or a schedule
// started.
type happening struct {
	at         time.Time // when it became known
	instanceID string
	ledger.Records
}

// list lists the records, the oldest first.
func (h *History) list(ctx context.Context, each func(ledger.Entry) error) error {
	kinds := []ledger.EntryKind{ledger.EntryExecution, ledger.EntryBoot, ledger.EntryAct, ledger.EntryRun}
	return h.Ledger.History(ctx, ledger.Query{Kinds: kinds, From: h.From, Before: h.Before, OldestFirst: true}, each)
}

// Count lists the records, which says how many there are.
func (h *History) Count(ctx context.Context) error {
	h.known, h.boots, h.ran = map[string]decide.State{}, map[string]int64{}, map[string]bool{}
	err := h.list(ctx, func(e ledger.Entry) error {
		h.Rows++
		h.Oldest = cmp.Or(h.Oldest, e.At)
		if e.Kind == ledger.EntryAct {
			return nil
		}
		if e.Kind == ledger.EntryRun {
			h.ran[e.Name] = true
			h.begun(e.InstanceID, e.ID, e.Name, e.Asked())
		}
		if n, err := strconv.ParseInt(e.ID, 10, 64); e.Kind == ledger.EntryBoot && err == nil && h.boots[e.InstanceID] == 0 {
			h.boots[e.InstanceID] = n
		}
		h.known[e.InstanceID] = decide.State{}
		return nil
	})
	if err != nil {
		return err
	}
	return h.Ledger.Fleet(ctx, func(id string, s ledger.Summary) error {
		if s.Runs > 0 { // a person may have started one
			h.known[id] = decide.State{}
		}
		return nil
	})
}

// begun notes a run, if a person or a schedule started it.
func (h *History) begun(instanceID, runID, name string, asked time.Time) {
	if !asked.IsZero() && !asked.Before(h.From) {
		h.starts = append(h.starts, ledger.Entry{InstanceID: instanceID, ID: runID, At: asked, Brief: ledger.Brief{Name: name}})
	}
}

// load reads the instances, side by side, and notes the runs that are under way.
func (h *History) load(ctx context.Context) error {
	ids := slices.Sorted(maps.Keys(h.known))
	found, errs := make([]decide.State, len(ids)), make([]error, len(ids))
	engine.SideBySide(len(ids), func(n int) { found[n], errs[n] = h.Ledger.Load(ctx, ids[n]) })
	for n, id := range ids {
		for _, r := range found[n].Runs {
			if r.Asked() {
				h.begun(id, r.ID, r.Flow, r.CreatedAt)
			}
		}
		h.known[id] = decide.State{Instance: h.before(found[n].Instance), Runs: found[n].Runs}
	}
	slices.SortFunc(h.starts, func(a, b ledger.Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return cmp.Or(errs...)
}

// before is an instance before all that is played, as far as that is known. Its tags,
// name and operating system are those of today.
func (h *History) before(i decide.Instance) decide.Instance {
	b := decide.Instance{
		ID: i.ID, Rev: 1, Boot: i.Boot, BootSeq: i.BootSeq, BootTime: i.BootTime, BootSince: h.From, AgentVersion: i.AgentVersion, OS: i.OS, Region: i.Region,
		Zone: i.Zone, Name: i.Name, Tags: i.Tags,
	}
	if first := h.boots[i.ID]; first > 0 {
		b.BootSeq, b.BootTime, b.Boot = first-1, time.Time{}, decide.BootUnknown
		if first > 1 {
			b.Boot = decide.BootBootable
		}
	}
	return b
}

// record reads that of a run; its id is empty without one.
func (h *History) record(ctx context.Context, instanceID, runID, name string) decide.FlowRun {
	if r, underWay := h.known[instanceID].Runs[runID]; underWay || !h.ran[name] || h.failed != nil {
		return r
	}
	r, err := h.Ledger.EndedRun(ctx, instanceID, runID)
	if h.failed = err; r == nil {
		return decide.FlowRun{}
	}
	return *r
}

// atOnce is how many records are read in one part.
var atOnce = 1000

// mostLate is how many records may wait for others that became known before them.
const mostLate = 20_000

// each calls play with what happened, in the order in which it became known: that may be
// long after the time under which it is listed, but not long before.
func (h *History) each(ctx context.Context, play func(happening)) error {
	if err := h.load(ctx); err != nil {
		return err
	}
	var part []ledger.Entry
	var waiting []happening
	playBefore := func(t time.Time) error {
		details, err := h.Ledger.Details(ctx, part)
		for n, d := range details {
			at := part[n].At
			for _, e := range d.Executions {
				at = e.Received
			}
			waiting = append(waiting, happening{at, part[n].InstanceID, d})
		}
		for ; len(h.starts) > 0 && h.starts[0].At.Before(t); h.starts = h.starts[1:] {
			e := h.starts[0]
			r := h.record(ctx, e.InstanceID, e.ID, e.Name)
			waiting = append(waiting, happening{e.At, e.InstanceID, ledger.Records{Runs: []decide.FlowRun{r}}})
		}
		part = nil
		slices.SortStableFunc(waiting, func(a, b happening) int { return a.at.Compare(b.at) })
		for len(waiting) > 0 && (waiting[0].at.Before(t) || len(waiting) > mostLate) {
			play(waiting[0])
			waiting = waiting[1:]
		}
		return cmp.Or(err, h.failed)
	}
	err := h.list(ctx, func(e ledger.Entry) error {
		if e.Kind != ledger.EntryRun { // what started it is played
			part = append(part, e)
		}
		if len(part) < atOnce {
			return nil
		}
		return playBefore(e.At.Add(-decide.MaxAhead))
	})
	if err != nil {
		return err
	}
	return playBefore(forever)
}
