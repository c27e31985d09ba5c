package engine_test

import (
	"fmt"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// What one atomic batch may hold, and one column.
const (
	maxRows   = 200
	maxBytes  = 4 << 20
	maxColumn = 2 << 20
)

// batch is the rows of one commit.
type batch struct {
	before map[string][]byte // what the commit takes for the present row
	puts   map[string][]byte
	drops  map[string]bool
	twice  string
	bytes  int
}

// touch notes a row that changes twice.
func (b *batch) touch(key string) {
	if b.puts[key] != nil || b.drops[key] {
		b.twice = key
	}
}

func (b *batch) put(key string, v any) {
	b.touch(key)
	b.puts[key] = encode(v)
	b.bytes += len(key) + len(b.puts[key])
}

func replace[T any](b *batch, changes []decide.Change[T], key func(T) string) {
	for _, c := range changes {
		if c.Before != nil {
			b.before[key(*c.Before)] = encode(*c.Before)
			if c.After == nil || key(*c.After) != key(*c.Before) {
				b.touch(key(*c.Before))
				b.drops[key(*c.Before)] = true
			}
		}
		if c.After != nil {
			b.put(key(*c.After), *c.After)
		}
	}
}

func batchOf(c engine.Commit) *batch {
	b := &batch{before: map[string][]byte{}, puts: map[string][]byte{}, drops: map[string]bool{}}
	ch := c.Changes
	if ch.Instance != nil {
		b.put(instanceRow, ch.Instance)
	}
	replace(b, ch.Tasks, taskRow)
	for _, c := range ch.Tasks {
		switch {
		case c.Before == nil && c.After.Command.Name() != "":
			b.put("text/"+c.After.ID, c.After.Command)
		case c.Before != nil && c.After == nil:
			b.drops["text/"+c.Before.ID] = true
		}
	}
	replace(b, ch.Sends, func(e decide.Send) string { return "live/send/" + e.Key })
	replace(b, ch.Messages, func(m decide.Message) string { return "live/message/" + m.Row() })
	replace(b, ch.Runs, func(r decide.FlowRun) string { return "live/flow/" + r.ID })
	replace(b, ch.Unmatched, func(u decide.Unmatched) string { return "live/unmatched/" + u.Event.InvokeID })
	replace(b, ch.Limits, func(l decide.Limit) string { return "live/limit/" + l.Flow })
	replace(b, ch.Failing, func(f decide.Failing) string { return "live/failing/" + f.Name })
	replace(b, ch.Repairs, func(r decide.Repairs) string { return "live/repair/" + string(r.Kind) })
	replace(b, ch.Alerted, func(a decide.Alerted) string { return "live/alerted/" + a.Alert.Fingerprint })
	if e := ch.Execution; e != nil {
		b.put("log/exec/"+e.Event.InvokeID+"/"+e.Event.Suffix(), e)
	}
	if in := ch.Input; in != nil {
		b.put("log/input/"+in.Key, in)
	}
	for _, m := range ch.Matched {
		if key := "log/" + m.Execution; b.puts[key] != nil {
			b.twice = key
		}
	}
	for _, t := range ch.EndedTasks {
		b.put("log/task/"+t.ID, t)
	}
	for _, r := range ch.EndedRuns {
		b.put("log/flow/"+r.ID, r)
	}
	for _, boot := range ch.Boots {
		b.put(fmt.Sprintf("log/boot/%010d", boot.Seq), boot)
	}
	for _, a := range ch.Acts {
		b.put(fmt.Sprintf("log/act/%013d/%s", a.At.UnixMilli(), a.Key), a)
	}
	for _, e := range ch.Lost {
		b.put("log/message/"+e.Row(), e)
	}
	return b
}
