package engine_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// table is the ledger's store: rows of JSON by instance and key, as the real
// one keeps them, with its conditions and its limits. Whoever uses it lets one
// operation happen at a time.
type table struct {
	rows    map[string]map[string][]byte // instance, then row key
	rev     map[string]int64
	records map[string]engine.Recorded // instance + "/" + once
	armed   map[engine.Wakeup]bool
	rooms   map[engine.Wakeup]engine.Wakeup // those of armed that wait for room
	// control and failures are what instances share; failures by flow and run.
	control  decide.Control
	failures map[string]map[string]time.Time
	marks    map[string]time.Time // from which a flow's failures count
	opened   int                  // breakers, ever
	// broken gets what no commit may do.
	broken func(format string, args ...any)
	// landed gets each commit that took effect, with the state after it.
	landed func(c engine.Commit)
}

func newTable() *table {
	return &table{
		rows: map[string]map[string][]byte{}, rev: map[string]int64{},
		records: map[string]engine.Recorded{}, armed: map[engine.Wakeup]bool{}, rooms: map[engine.Wakeup]engine.Wakeup{},
		control:  decide.NewControl(),
		failures: map[string]map[string]time.Time{}, marks: map[string]time.Time{},
		broken: func(string, ...any) {}, landed: func(engine.Commit) {},
	}
}

const instanceRow = "live/!"

func taskRow(t decide.Task) string {
	if t.State != decide.TaskQueued {
		return "live/task/" + t.ID
	}
	return fmt.Sprintf("live/~queue/%d/%013d/%s", 9-t.Priority, t.SubmittedAt.UnixMilli(), t.ID)
}

// scan reads at most n live rows behind a key, in key order, into s. It
// returns the last key read, empty at the end.
func (t *table) scan(s *decide.State, after string, n int) (last string) {
	id := s.Instance.ID
	for _, key := range slices.Sorted(maps.Keys(t.rows[id])) {
		if key <= after || !strings.HasPrefix(key, "live/") || strings.HasPrefix(key, "live/~") {
			continue
		}
		if n == 0 {
			return last
		}
		n--
		last = key
		data := t.rows[id][key]
		switch {
		case key == instanceRow:
			decode(data, &s.Instance)
			s.Instance.ID, s.Instance.Rev = id, t.rev[id]
			s.Unread = s.Instance.Waiting
		case strings.HasPrefix(key, "live/send/"):
			add(s.Sends, data, func(e decide.Send) string { return e.Key })
		case strings.HasPrefix(key, "live/message/"):
			add(s.Messages, data, decide.Message.Row)
		case strings.HasPrefix(key, "live/flow/"):
			add(s.Runs, data, func(r decide.FlowRun) string { return r.ID })
		case strings.HasPrefix(key, "live/limit/"):
			add(s.Limits, data, func(l decide.Limit) string { return l.Flow })
		case strings.HasPrefix(key, "live/failing/"):
			add(s.Failing, data, func(f decide.Failing) string { return f.Name })
		case strings.HasPrefix(key, "live/repair/"):
			add(s.Repairs, data, func(r decide.Repairs) string { return string(r.Kind) })
		case strings.HasPrefix(key, "live/alerted/"):
			add(s.Alerted, data, func(a decide.Alerted) string { return a.Alert.Fingerprint })
		case strings.HasPrefix(key, "live/unmatched/"):
			add(s.Unmatched, data, func(u decide.Unmatched) string { return u.Event.InvokeID })
		default:
			add(s.Tasks, data, func(t decide.Task) string { return t.ID })
		}
	}
	return ""
}

func add[T any](rows map[string]T, data []byte, key func(T) string) {
	var v T
	decode(data, &v)
	rows[key(v)] = v
}

func decode(data []byte, v any) {
	if err := json.Unmarshal(data, v); err != nil {
		panic(err)
	}
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// state reads everything at once.
func (t *table) state(id string) decide.State {
	s := decide.NewState(id)
	t.scan(&s, "", -1)
	s.AddQueue(t.queue(id))
	for id, task := range s.Tasks {
		task.Command, _ = t.text(s.Instance.ID, id)
		s.Tasks[id] = task
	}
	return s
}

// queue reads the queued tasks.
func (t *table) queue(id string) []decide.Task {
	rows := map[string]decide.Task{}
	for key, data := range t.rows[id] {
		if strings.HasPrefix(key, "live/~queue/") {
			add(rows, data, func(t decide.Task) string { return t.ID })
		}
	}
	return slices.Collect(maps.Values(rows))
}

// text reads a task's command.
func (t *table) text(id, taskID string) (c command.Command, ok bool) {
	data, ok := t.rows[id]["text/"+taskID]
	if ok {
		decode(data, &c)
	}
	return c, ok
}

// record reads a record by its kind, such as "task", and its id; nil if it is not
// there.
func record[T any](t *table, id, kind, recordID string) *T {
	data, ok := t.rows[id]["log/"+kind+"/"+recordID]
	if !ok {
		return nil
	}
	v := new(T)
	decode(data, v)
	return v
}

// recorded reads the row of an input; nil if it was not handled.
func (t *table) recorded(id, once string) *engine.Recorded {
	if r, ok := t.records[id+"/"+once]; ok {
		return &r
	}
	return nil
}

// logged reads the records of a kind, such as "task".
func logged[T any](t *table, id, kind string) []T {
	var out []T
	for _, key := range slices.Sorted(maps.Keys(t.rows[id])) {
		if strings.HasPrefix(key, "log/"+kind+"/") {
			var v T
			decode(t.rows[id][key], &v)
			out = append(out, v)
		}
	}
	return out
}

// commit is one atomic write under its conditions.
func (t *table) commit(c engine.Commit) error {
	id, ch := c.InstanceID, c.Changes
	b := batchOf(c)
	if n := len(b.puts) + len(b.drops); n > maxRows || b.bytes > maxBytes || b.twice != "" {
		t.broken("a commit has %d rows and %d bytes, twice %q", n, b.bytes, b.twice)
		return engine.ErrInvalid
	}
	for key, data := range b.puts {
		if len(data) > maxColumn {
			t.broken("row %s of a commit has %d bytes in one column", key, len(data))
			return engine.ErrInvalid
		}
	}
	// once are the records that only the first commit can write.
	once := map[string]engine.Recorded{}
	if e := ch.Execution; e != nil {
		once[id+"/exec/"+e.Event.InvokeID+"/"+e.Event.Suffix()] = engine.Recorded{CommitID: c.ID}
	}
	if in := ch.Input; in != nil {
		once[id+"/input/"+in.Key] = engine.Recorded{CommitID: c.ID, Answer: in.Answer, Hash: in.Hash}
	}
	conflict := ch.Instance != nil && ch.Instance.Rev != t.rev[id]
	for key := range once {
		_, there := t.records[key]
		conflict = conflict || there
	}
	if conflict {
		return engine.ErrConflict
	}
	rows := t.rows[id]
	if rows == nil {
		rows = map[string][]byte{}
		t.rows[id] = rows
	}
	for key, data := range b.before {
		if string(rows[key]) != string(data) {
			t.broken("a commit passed its guard with a row that it had read wrongly: %s is %s, it took it for %s", key, rows[key], data)
		}
	}
	for key := range b.drops {
		delete(rows, key)
	}
	maps.Copy(rows, b.puts)
	for _, m := range ch.Matched {
		var e decide.Execution
		decode(rows["log/"+m.Execution], &e)
		e.TaskID, e.RunID, e.Step, e.Decided = m.TaskID, m.RunID, m.Step, m.Decided
		rows["log/"+m.Execution] = encode(e)
	}
	if ch.Instance != nil {
		t.rev[id] = ch.Instance.NextRev(c.At)
		for prefix, n := range map[string]int{"live/flow/": len(c.Next.Runs), "live/failing/": len(c.Next.Failing)} {
			for key := range rows {
				if strings.HasPrefix(key, prefix) {
					n--
				}
			}
			if n != 0 {
				t.broken("a commit says that there are %d more rows %s than there are", n, prefix)
			}
		}
	} else if len(b.before) > 0 || len(ch.Tasks)+len(ch.Sends)+len(ch.Messages)+len(ch.Runs)+len(ch.Unmatched)+len(ch.Limits)+len(ch.Failing) > 0 {
		t.broken("a commit changes live rows without the guard")
	}
	maps.Copy(t.records, once)
	t.landed(c)
	return nil
}

// due lists the wake-ups that are due, in the order of the real table's keys.
func (t *table) due(now time.Time) []engine.Wakeup {
	var out []engine.Wakeup
	for w := range t.armed {
		if !w.Due.After(now) {
			if room, ok := t.rooms[w]; ok {
				w = room
			}
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b engine.Wakeup) int {
		return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.InstanceID, b.InstanceID))
	})
	return out
}

func (t *table) arm(w engine.Wakeup) {
	key := wakeupKey(w)
	delete(t.rooms, key)
	if t.armed[key] = true; w.Commands > 0 {
		w.Due = key.Due
		t.rooms[key] = w
	}
}

func (t *table) disarm(w engine.Wakeup) {
	delete(t.armed, wakeupKey(w))
	delete(t.rooms, wakeupKey(w))
}

// key is how a wake-up is stored: by the millisecond.
func wakeupKey(w engine.Wakeup) engine.Wakeup {
	return engine.Wakeup{InstanceID: w.InstanceID, Due: time.UnixMilli(w.Due.UnixMilli()).UTC()}
}

// count records a failed run and counts those of its flow since a time.
func (t *table) count(f decide.FleetFailure, since time.Time) int {
	if t.failures[f.Flow] == nil {
		t.failures[f.Flow] = map[string]time.Time{}
	}
	run := f.InstanceID + "/" + f.RunID
	t.failures[f.Flow][run] = decide.Later(f.At, t.failures[f.Flow][run])
	n := 0
	for _, at := range t.failures[f.Flow] {
		if at.UnixMilli() >= since.UnixMilli() && (t.marks[f.Flow].IsZero() || at.UnixMilli() > t.marks[f.Flow].UnixMilli()) {
			n++
		}
	}
	return n
}

// open opens a breaker unless one is open.
func (t *table) open(b decide.Breaker) decide.Breaker {
	old, ok := t.control.Breakers[b.Flow]
	if ok && (old.Key == b.Key || old.ResumeAt.After(b.OpenedAt)) {
		return old
	}
	t.control.Breakers[b.Flow] = b
	t.opened++
	return b
}

// closeBreaker removes a breaker.
func (t *table) closeBreaker(flow, key string) bool {
	b, ok := t.control.Breakers[flow]
	if !ok || b.Key != key {
		return false
	}
	delete(t.control.Breakers, flow)
	t.marks[flow] = decide.Later(t.marks[flow], b.ResumeAt)
	return true
}

// stop stores a stop.
func (t *table) stop(s decide.Stop) { t.control.Stops[s.Scope] = s }

// resume ends a stop, and a flow's breaker with it.
func (t *table) resume(s decide.Scope, at time.Time) {
	t.marks[s.Flow] = decide.Later(t.marks[s.Flow], at)
	delete(t.control.Stops, s)
	delete(t.control.Breakers, s.Flow)
}

// succeeded reports whether a success like this is recorded.
func (t *table) succeeded(id string, s decide.Success) bool {
	return slices.ContainsFunc(logged[decide.Execution](t, id, "exec"), func(e decide.Execution) bool {
		return e.Event.Status == event.StatusSuccess && e.Name == s.Name && (s.Step == "" || e.Step == s.Step) && e.Event.FinishTime.After(s.After)
	})
}
