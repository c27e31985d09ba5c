package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/tests/bench/budget"
	"aftercare/tests/bench/wire"
)

// The goals of DESIGN.md, section 8.
const (
	goalCPU      = 1.15 // times the bare handler's, for each event
	goalPoll     = 1.6  // times a no-op's, from the start to the first poll
	goalSizeMB   = 11.5 // of a stripped binary
	goalAlertsMB = 15   // of the function alerts, with its templates
	goalDials    = 10   // in 1,000 invocations
	goalResident = 1.5  // times a no-op's
	goalMany     = 1.2  // times the shipped flows', to the first poll with 500 flows
)

func (r *results) eventCosts() *table {
	t := &table{
		title: "Events, one at a time: CPU of the process, in user and kernel mode",
		head: []string{
			"input", "CPU", "bare", "ratio", fmt.Sprintf("goal ≤ %.2f", goalCPU),
			"p50", "bare", "p99", "bare", "events/s", "bare", "bytes sent / bare",
		},
	}
	for _, row := range r.rows {
		f, b := r.functions[row.Name], r.bares[row.Name]
		ratio := f.ratio(b)
		if b.differing > 0 {
			t.notes = append(t.notes, fmt.Sprintf("%s: the bare handler's calls differed %d times: %s.", row.Name, b.differing, b.difference))
		}
		t.add(row.Name, us(f.cpu()), us(b.cpu()), times(ratio), r.judge(ratio, atMost(goalCPU)),
			ms(f.p50()), ms(b.p50()), ms(f.p99()), ms(b.p99()),
			whole(f.perSecond()), whole(b.perSecond()), times(float64(f.bytes())/float64(b.bytes())))
	}
	for _, idle := range []struct {
		name string
		s    *series
	}{{"no work, on the FC SDK (no-op)", &r.noop}, {"no work, without an SDK (raw)", &r.raw}} {
		t.add(idle.name, us(idle.s.cpu()), "", "", "", ms(idle.s.p50()), "", ms(idle.s.p99()), "", whole(idle.s.perSecond()), "", "")
	}
	return t
}

func (r *results) calls() *table {
	t := &table{
		title: "Calls for each event, as the stand-ins saw them",
		head:  []string{"input", "Tablestore, in order", "budget", "", "in parallel", "ECS", "budget", ""},
		notes: []string{"The function sweep also reads the 8 shards of wake-ups, once for all inputs of an invocation."},
	}
	for _, row := range r.rows {
		f := r.functions[row.Name]
		tables, sent := r.judge(float64(len(f.calls.Path)), atMost(float64(row.Tablestore))), r.judge(float64(len(f.calls.Sent)), atMost(float64(row.ECS)))
		if f.differing > 0 {
			tables = fmt.Sprintf("%s, but %d of %d events differed", tables, f.differing, f.events)
			t.notes = append(t.notes, fmt.Sprintf("%s differed: %s.", row.Name, f.difference))
		}
		t.add(row.Name, fmt.Sprintf("%d: %s", len(f.calls.Path), short(f.calls.Path)), fmt.Sprint(row.Tablestore), tables,
			short(f.calls.Beside), short(f.calls.Sent), fmt.Sprint(row.ECS), sent)
	}
	return t
}

// short joins calls, and counts those that repeat in a row.
func short(calls []string) string {
	var parts []string
	for i := 0; i < len(calls); {
		n := 1
		for i+n < len(calls) && calls[i+n] == calls[i] {
			n++
		}
		part := calls[i]
		if n > 1 {
			part = fmt.Sprintf("%d × %s", n, part)
		}
		parts = append(parts, part)
		i += n
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (r *results) processes() *table {
	t := &table{
		title: fmt.Sprintf("Processes: %d starts with the deployed flows; memory and dials after %d invocations", r.options.starts, r.options.settle),
		head: []string{
			"program", "to the first poll", "of no-op", fmt.Sprintf("goal ≤ %.1f", goalPoll), "to the first answer",
			"binary", fmt.Sprintf("goal ≤ %.1f MB", goalSizeMB),
			"resident", "without files", "of no-op", fmt.Sprintf("goal ≤ %.1f", goalResident),
			"dials", fmt.Sprintf("goal ≤ %d", goalDials),
		},
	}
	for _, name := range compared() {
		size, err := r.sizeMB(name)
		if err != nil {
			size = -1
		}
		f := r.footprints[name]
		starts := r.starts[name]
		ratio, memory := r.pollRatio(name), r.residentRatio(name)
		verdict := func(x, most float64) string {
			if slices.Contains(budget.Functions, name) {
				return r.judge(x, atMost(most))
			}
			return ""
		}
		t.add(name, ms(of(starts, func(s startTimes) time.Duration { return s.poll })), times(ratio), verdict(ratio, goalPoll),
			ms(of(starts, func(s startTimes) time.Duration { return s.answer })),
			fmt.Sprintf("%.1f MB", size), verdict(size, goalSizeMB),
			mb(f.residentKB), mb(f.ownKB), times(memory), verdict(memory, goalResident),
			fmt.Sprint(f.dials), verdict(float64(f.dials), goalDials))
	}
	return t
}

// pollRatio is a program's time to its first poll, compared with the no-op's.
func (r *results) pollRatio(name string) float64 {
	return of(r.starts[name], func(s startTimes) float64 { return float64(s.poll) / float64(s.idle) })
}

// residentRatio is a program's resident memory, compared with the no-op's.
func (r *results) residentRatio(name string) float64 {
	return float64(r.footprints[name].residentKB) / float64(r.footprints[noop].residentKB)
}

func (r *results) many() *table {
	t := &table{
		title: "Many processes at once, without goals: the go1 runtime runs one event at a time in each",
		head:  []string{"input"},
	}
	for _, size := range r.crowdSizes() {
		t.head = append(t.head, fmt.Sprintf("%d: events/s", size), "p50", "p99")
	}
	for _, row := range r.rows {
		cells := []string{row.Name}
		for _, size := range r.crowdSizes() {
			s := r.crowds[row.Name][size]
			cells = append(cells, whole(s.perSecond), ms(s.p50), ms(s.p99))
		}
		t.add(cells...)
	}
	return t
}

// million is the table of what a million events of each kind cost.
func (r *results) million() *table {
	t := &table{
		title: "One million events of each kind: millions of calls, and CPU-seconds",
		head:  []string{"input", "Tablestore reads", "Tablestore writes", "rows written", "ECS calls", "CPU-seconds", "bare"},
	}
	for _, row := range r.rows {
		var reads, writes, rows int
		for _, c := range r.seen[row.Name].Calls {
			switch {
			case c.Service != wire.Tablestore:
			case strings.HasPrefix(c.Name, "Get"):
				reads++
			default:
				writes++
				changes, err := changesOf(c)
				if err == nil {
					rows += len(changes)
				}
			}
		}
		f := r.functions[row.Name]
		t.add(row.Name, fmt.Sprint(reads), fmt.Sprint(writes), fmt.Sprint(rows), fmt.Sprint(len(f.calls.Sent)),
			whole(f.cpu().Seconds()*1e6), whole(r.bares[row.Name].cpu().Seconds()*1e6))
	}
	return t
}

func (r *results) local() *table {
	t := &table{
		title: "The local Tablestore itself, one operation through the SDK, without added time",
		head:  []string{"operation", "in memory", "in a file, no fsync", "in a file, fsync"},
	}
	for _, o := range r.tablestore {
		t.add(o.name, us(o.memory), us(o.noSync), us(o.synced))
	}
	return t
}

func us(d time.Duration) string { return fmt.Sprintf("%.0f µs", micros(d)) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", millis(d)) }

func mb(kb int) string { return fmt.Sprintf("%.1f MB", float64(kb)/1024) }

func times(x float64) string { return fmt.Sprintf("%.2f", x) }

func whole(x float64) string { return fmt.Sprintf("%.0f", x) }
