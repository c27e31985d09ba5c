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
	// Rows counts the records, Events those of ends and boots, and Oldest is when the
	// first of them happened. Expired counts those that were listed, and are gone.
	Rows    int       `json:"records"`
	Events  int       `json:"events"`
	Oldest  time.Time `json:"oldest"`
	Expired int       `json:"expired"`

	known  map[string]decide.State // instances before all that is played, with the runs that are under way now
	boots  map[string]int64        // the first boot of each instance
	starts []happening             // by people and schedules
}

// happening is an end, a boot, a start by hand or a tick, or what a person did.
type happening struct {
	at         time.Time // when it became known
	instanceID string
	execution  *decide.Execution
	boot       *decide.Boot
	act        *decide.Act
	started    []string         // the ids of the runs that it started or made wait
	runs       []decide.FlowRun // their records
}

// list lists the records that are played, the oldest first.
func (h *History) list(ctx context.Context, each func(ledger.Entry) error) error {
	kinds := []ledger.EntryKind{ledger.EntryExecution, ledger.EntryBoot, ledger.EntryAct, ledger.EntryRun}
	return h.Ledger.History(ctx, ledger.Query{Kinds: kinds, From: h.From, Before: h.Before, OldestFirst: true}, each)
}

// Count reads the list of the records, which says how many there are.
func (h *History) Count(ctx context.Context) error {
	h.known, h.boots = map[string]decide.State{}, map[string]int64{}
	err := h.list(ctx, func(e ledger.Entry) error {
		h.Rows++
		if e.Kind == ledger.EntryAct {
			return nil
		}
		h.known[e.InstanceID] = decide.State{}
		h.started(e.InstanceID, e.ID, e.Asked())
		if n, err := strconv.ParseInt(e.ID, 10, 64); e.Kind == ledger.EntryBoot && err == nil && h.boots[e.InstanceID] == 0 {
			h.boots[e.InstanceID] = n
		}
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

// started notes a run that a person or a schedule started; others have no time.
func (h *History) started(instanceID, runID string, at time.Time) {
	if !at.IsZero() && !at.Before(h.From) {
		h.starts = append(h.starts, happening{at: at, instanceID: instanceID, started: []string{runID}})
	}
}

// load reads the instances, side by side, and finds the starts whose runs are under way.
func (h *History) load(ctx context.Context) error {
	ids := slices.Sorted(maps.Keys(h.known))
	found, errs := make([]decide.State, len(ids)), make([]error, len(ids))
	engine.SideBySide(len(ids), func(n int) { found[n], errs[n] = h.Ledger.Load(ctx, ids[n]) })
	for n, id := range ids {
		for _, r := range found[n].Runs {
			if r.Asked() {
				h.started(id, r.ID, r.CreatedAt)
			}
		}
		h.known[id] = decide.State{Instance: h.before(found[n].Instance), Runs: found[n].Runs}
	}
	slices.SortFunc(h.starts, func(a, b happening) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.started[0], b.started[0])) })
	return cmp.Or(errs...)
}

// before is an instance before all that is played, as far as that is known. Its tags,
// name and operating system are those of today.
func (h *History) before(i decide.Instance) decide.Instance {
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
	return b
}

const (
	// atOnce is how many records are read in one part.
	atOnce = 1000
	// mostLate is how many records may wait for others that became known before them.
	mostLate = 20_000
)

// each calls play with what happened, in the order in which it became known, which is
// never before it happened.
func (h *History) each(ctx context.Context, play func(happening)) error {
	if err := h.load(ctx); err != nil {
		return err
	}
	var part []ledger.Entry
	var waiting []happening
	playBefore := func(t time.Time) error {
		found, err := h.read(ctx, part, t)
		part, waiting = nil, append(waiting, found...)
		slices.SortStableFunc(waiting, func(a, b happening) int { return a.at.Compare(b.at) })
		for len(waiting) > 0 && (waiting[0].at.Before(t) || len(waiting) > mostLate) {
			play(waiting[0])
			waiting = waiting[1:]
		}
		return err
	}
	err := h.list(ctx, func(e ledger.Entry) error {
		if e.Kind != ledger.EntryRun { // what started it is played
			part = append(part, e)
		}
		if len(part) < atOnce {
			return nil
		}
		return playBefore(e.At)
	})
	if err != nil {
		return err
	}
	return playBefore(forever)
}

// read reads the records of a part of the list, and the starts before a time.
func (h *History) read(ctx context.Context, part []ledger.Entry, before time.Time) (found []happening, err error) {
	details, err := h.Ledger.Details(ctx, part)
	for n, d := range details {
		x := happening{at: part[n].At, instanceID: part[n].InstanceID}
		switch {
		case len(d.Executions) > 0:
			x.execution, x.started = &d.Executions[0], startedBy(d.Executions[0].Decided)
			x.at = decide.Later(x.at, x.execution.Received)
		case len(d.Boots) > 0:
			x.boot, x.started = &d.Boots[0], startedBy(d.Boots[0].Decided)
		case len(d.Acts) > 0:
			x.act = &d.Acts[0]
		default:
			h.Expired++
			continue
		}
		if x.act == nil {
			if h.Events++; h.Events == 1 {
				h.Oldest = part[n].At
			}
		}
		found = append(found, x)
	}
	for len(h.starts) > 0 && h.starts[0].at.Before(before) {
		found, h.starts = append(found, h.starts[0]), h.starts[1:]
	}
	errs := make([]error, len(found))
	engine.SideBySide(len(found), func(n int) { errs[n] = h.addRuns(ctx, &found[n]) })
	return found, cmp.Or(err, cmp.Or(errs...))
}

// startedBy are the runs that a decision started or made wait.
func startedBy(d decide.Decided) (ids []string) {
	for _, f := range d.Flows {
		if f.What == decide.FlowStarted || f.What == decide.FlowWaits {
			ids = append(ids, f.RunID)
		}
	}
	return ids
}

// addRuns reads the records of the runs that something started.
func (h *History) addRuns(ctx context.Context, x *happening) error {
	for _, id := range x.started {
		if r, underWay := h.known[x.instanceID].Runs[id]; underWay {
			x.runs = append(x.runs, r)
			continue
		}
		r, err := h.Ledger.EndedRun(ctx, x.instanceID, id)
		if err != nil {
			return err
		}
		if r != nil {
			x.runs = append(x.runs, *r)
		}
	}
	return nil
}
