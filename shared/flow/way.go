package flow

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
)

const (
	// maxInputs bounds what one step is played with: it has at most 11 attempts.
	maxInputs = 100
	// maxWays is how many ways are followed that come to one step at different
	// times or boots. [93]
	maxWays = 16
)

// rehearsing is a rehearsal under way.
type rehearsing struct {
	Rehearsal
	ends func(step string, attempt int) StepEnd
	ways []way
	// fates are what becomes of each step, and own the unknown parts that decide it
	// in the step itself.
	fates map[string][]fate
	own   map[string][]unknownPart
	// text is the unknown of the texts of the step that is played. Marks stand for
	// such parts, until all is played.
	text  unknown
	marks map[string]string
	// lost is what it depends on which of too many ways the run takes.
	lost []string
}

// unknownPart is a part of a step that is unknown.
type unknownPart struct {
	text string
	of   []string
}

// way is a course that the run may take, up to the beginning of a step or its end.
type way struct {
	run Run
	m   Moment // with the fields of steps that are unknown on this way
	// of are the steps whose outputs led to this way and not to another one, and by
	// the last turns that it took. Both are empty for the only way.
	of, by []string
	// endings are the results that the run may have on it, once they are known.
	endings []ending
}

// ending is a result, and the turns that lead to it.
type ending struct {
	result, reason string
	of, by         []string
}

// place is where the way has come to, as a number that grows.
func (w way) place() int {
	sections := []Section{SectionSteps, SectionOnFailure, SectionFinally}
	if w.run.Ended {
		return 1000 * len(sections)
	}
	return 1000*slices.Index(sections, w.run.Section) + w.run.Index
}

// held is the way's moment, at which no step begins.
func (w way) held() Moment {
	m := w.m
	m.Hold = true
	return m
}

func (w way) clone() way {
	w.run = w.run.Clone()
	unknown := map[string]map[string]any{}
	for id, fields := range w.m.unknown {
		unknown[id] = maps.Clone(fields)
	}
	w.m.unknown = unknown
	return w
}

// next plays the first step that a way has come to, on all ways that have. It
// reports whether there was one.
func (h *rehearsing) next() bool {
	slices.SortStableFunc(h.ways, func(a, b way) int { return a.place() - b.place() })
	place := h.ways[0].place()
	n := 1
	for n < len(h.ways) && h.ways[n].place() == place {
		n++
	}
	if h.ways[0].run.Ended {
		return false
	}
	if n > maxWays {
		for _, w := range h.ways {
			h.lost = union(h.lost, w.of)
		}
		return false
	}
	here, r := h.ways[:n], h.ways[0].run
	h.ways = slices.Clone(h.ways[n:])
	s := r.list()[r.Index]
	for _, w := range h.ways {
		h.fates[s.ID] = append(h.fates[s.ID], w.fate(s.ID, false))
	}
	for _, w := range here {
		h.play(s, w)
	}
	if len(h.ways) == 1 {
		h.ways[0].of, h.ways[0].by = nil, nil
	}
	return true
}

// play plays a step on a way, in each manner that what is unknown leaves open.
func (h *rehearsing) play(s Step, w way) {
	var ways []way
	try := func(do func(r *Run, m Moment) []Action) {
		next := w.clone()
		h.finish(&next, do(&next.run, next.m))
		f := next.fate(s.ID, true)
		f.of, f.by = w.of, w.by
		h.fates[s.ID] = append(h.fates[s.ID], f)
		ways = append(ways, next)
	}
	invalid := func(why string) {
		try(func(r *Run, m Moment) []Action { r.invalid(s, why, m); return nil })
	}
	own := func(text string, of []string) { h.own[s.ID] = append(h.own[s.ID], unknownPart{text, of}) }
	h.text = unknown{}
	var open undecided
	if _, err := w.run.holds(s, w.m); errors.As(err, &open) {
		own(open.Error(), open.of)
		if !open.never {
			try(func(r *Run, m Moment) []Action { a, _ := r.take(s, m); return a })
		}
		try(func(r *Run, m Moment) []Action { r.pass(s, strings.Join(open.clauses, " && "), m); return nil })
		if open.fails {
			invalid("when could not be evaluated, which " + open.String())
		}
	} else {
		try(func(r *Run, m Moment) []Action { a, _ := r.begin(m); return a })
	}
	of := union(open.of, h.text.of)
	if h.text.fails || s.Invoke != nil && h.text.of != nil {
		own("what it sends "+h.text.String()+", and may be invalid", h.text.of)
		invalid("what it sends " + h.text.String())
	}
	h.part(s, w, ways, of)
}

// part adds the ways that a step led to. Those that meet are joined.
func (h *rehearsing) part(s Step, from way, ways []way, of []string) {
	var parted []way
	for _, next := range ways {
		if len(ways) > 1 {
			next.of = union(next.of, of)
			if turn := next.turn(s, from); turn != "" {
				next.by = []string{turn}
			}
		}
		if r := next.run; r.Result != from.run.Result || r.Reason != from.run.Reason {
			next.endings = []ending{{r.Result, r.Reason, next.of, next.by}}
		}
		parted = add(parted, next)
	}
	if len(parted) == 1 {
		parted[0].of, parted[0].by = from.of, from.by
	}
	for _, next := range parted {
		h.ways = add(h.ways, next)
	}
}

// turn says in words how a way parts from the one on which a step is skipped or
// succeeds; empty if it does not.
func (w way) turn(s Step, from way) string {
	status := w.fate(s.ID, true).Status
	switch straight := w.run.Section == from.run.Section && w.run.Index == from.run.Index+1; {
	case status == StepSucceeded && s.Stop != "":
		return "step " + s.ID + " ends the run"
	case straight:
		return ""
	case status != StepSucceeded && status != StepSkipped:
		return "step " + s.ID + " ends as " + status
	case w.run.Result == ResultTimedOut:
		return w.run.Reason
	}
	return ""
}

// finish plays what follows from the beginning of a step, until the next one can
// begin or the run has ended.
func (h *rehearsing) finish(w *way, todo []Action) {
	r := &w.run
	for range maxInputs {
		switch {
		case len(todo) > 0:
			a := todo[0]
			todo = todo[1:]
			if a.Cancel {
				end := StepEnd{Status: StepTerminated, InvocationStatus: "Terminated", Reason: "it was stopped", Unprinted: true}
				todo = append(todo, h.ended(w, a, end)...)
				continue
			}
			h.ask(*w, a)
			if a.Alert != "" {
				continue
			}
			if end := h.ends(a.Step, a.Attempt); end.Status != "" {
				todo = append(todo, h.ended(w, a, end)...)
			}
		case r.Ended || r.Pending.State == "":
			r.Advance(w.held())
			return
		case r.Pending.State == PendingBoot && h.ends(r.Current().ID, 1).Status != "":
			w.m.Instance.BootSeq++
			w.m.Instance.BootTime = w.m.Now
			todo, _ = r.once(w.m)
		default:
			w.m.Now = r.Due()
			todo, _ = r.once(w.m)
		}
	}
	r.Ended, r.Reason = true, "it does not end"
}

// ended ends an attempt on a way.
func (h *rehearsing) ended(w *way, a Action, end StepEnd) []Action {
	delete(w.m.unknown, a.Step)
	if s := w.run.Current(); end.Unprinted && s != nil && s.Capture {
		w.m.unknown[a.Step] = map[string]any{"output": unknown{of: []string{a.Step}, like: ""}}
	}
	return w.run.CommandEnded(a.Step, a.Attempt, end, w.held())
}

// guess returns what stands for an unknown part of a text.
func (h *rehearsing) guess(u unknown) string {
	h.text = h.text.with(u)
	if _, float := u.like.(float64); float || u.like == nil { // it may be no text
		h.text.fails = true
	}
	return h.mark(u.of)
}

// mark returns what stands for something that depends on what steps print. It may
// stand in the parameters of an invoke.
func (h *rehearsing) mark(of []string) string {
	mark := "@@" + strings.Join(of, ",") + "@@"
	h.marks[mark] = dependsOn(of)
	return mark
}

// ask keeps what the run asks for on a way. Texts in which another way differs are
// unknown.
func (h *rehearsing) ask(w way, a Action) {
	for i := range h.Actions {
		known := &h.Actions[i]
		if known.Step != a.Step || known.Attempt != a.Attempt {
			continue
		}
		if known.Alert != a.Alert {
			known.Alert = h.mark(w.of)
		}
		for name, value := range a.parameters() {
			if p := known.parameters(); p[name] != value {
				p[name] = h.mark(w.of)
			}
		}
		return
	}
	h.Actions = append(h.Actions, a)
}

// add adds a way, and joins it with one that has come to the same point.
func add(ways []way, next way) []way {
	for i := range ways {
		if ways[i].meets(next) {
			ways[i] = ways[i].join(next)
			return ways
		}
	}
	return append(ways, next)
}

// meets reports whether two ways differ only in what became of steps.
func (w way) meets(other way) bool {
	a, b := w.run, other.run
	return w.place() == other.place() && a.BootSeq == b.BootSeq && w.m.Instance.BootSeq == other.m.Instance.BootSeq &&
		w.m.Instance.BootTime.Equal(other.m.Instance.BootTime) && w.m.Now.Equal(other.m.Now) && a.Deadline.Equal(b.Deadline)
}

// join joins a way with one that it meets. Where steps differ, they are unknown.
// [93]
func (w way) join(other way) way {
	w = w.clone()
	w.of = union(w.of, other.of)
	seen, others := w.run.environment(w.m)["steps"].(map[string]any), other.run.environment(other.m)["steps"].(map[string]any)
	for id := range seen {
		for name, v := range seen[id].(map[string]any) {
			also := others[id].(map[string]any)[name]
			if reflect.DeepEqual(v, also) {
				continue
			}
			u := unknown{of: w.of, like: zero(v)}
			for _, v := range []any{v, also} {
				if inner, ok := v.(unknown); ok {
					u = u.with(inner)
					u.like = inner.like
				}
			}
			if w.m.unknown[id] == nil {
				w.m.unknown[id] = map[string]any{}
			}
			w.m.unknown[id][name] = u
		}
	}
	for _, rec := range other.run.Steps {
		if w.fate(rec.ID, true).ID == "" {
			w.run.Steps = append(w.run.Steps, rec)
		}
	}
	for _, e := range other.endings {
		if !slices.ContainsFunc(w.endings, func(known ending) bool { return reflect.DeepEqual(known, e) }) {
			w.endings = append(slices.Clone(w.endings), e)
		}
	}
	if other.by == nil {
		w.by = nil
	} else if w.by != nil {
		w.by = union(w.by, other.by)
	}
	return w
}
