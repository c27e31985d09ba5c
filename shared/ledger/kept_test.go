package ledger_test

import (
	"encoding/json"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/tests/localcloud/tablestore"
)

// rawRows reads all instances' rows as they are stored.
func rawRows(t *testing.T, server *tablestore.Server) map[string]map[string]any {
	t.Helper()
	return rawTable(t, server, "aftercare_instances", "pk", "row")
}

// rawTable reads a table or an index whose key ends with the row, by that.
func rawTable(t *testing.T, server *tablestore.Server, table string, key ...string) map[string]map[string]any {
	t.Helper()
	from, to := new(sdk.PrimaryKey), new(sdk.PrimaryKey)
	for _, name := range key {
		from.AddPrimaryKeyColumnWithMinValue(name)
		to.AddPrimaryKeyColumnWithMaxValue(name)
	}
	page, err := rawClient(t, server).GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: &sdk.RangeRowQueryCriteria{
		TableName: table, StartPrimaryKey: from, EndPrimaryKey: to, Direction: sdk.FORWARD, MaxVersion: 1,
	}})
	must(t, err)
	out := map[string]map[string]any{}
	for _, row := range page.Rows {
		columns := map[string]any{}
		for _, k := range row.PrimaryKey.PrimaryKeys[:len(key)-1] {
			columns[k.ColumnName] = k.Value
		}
		for _, c := range row.Columns {
			columns[c.ColumnName] = c.Value
		}
		delete(columns, "pk")
		out[row.PrimaryKey.PrimaryKeys[len(key)-1].Value.(string)] = columns
	}
	return out
}

const future = "from the future"

// plant adds a field to each object in a JSON value.
func plant(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = plant(v[name])
		}
		v["later"] = future
	case []any:
		for i := range v {
			v[i] = plant(v[i])
		}
	}
	return v
}

// rewritten is a state with a change in each row; t1 moves from the queue to the
// running tasks.
func rewritten(s decide.State) decide.State {
	s.Instance.BootSeq++
	edit(s.Tasks, func(t *decide.Task) { t.Attempt, t.State, t.Cancel = 2, decide.TaskRunning, true })
	edit(s.Sends, func(e *decide.Send) { e.Claim.Commit = "c2" })
	edit(s.Messages, func(m *decide.Message) { m.Tries = 3 })
	edit(s.Runs, func(r *decide.FlowRun) { r.Waits = "a while" })
	edit(s.Unmatched, func(u *decide.Unmatched) { u.Received = start.AddDate(0, 0, 1) })
	edit(s.Limits, func(l *decide.Limit) { l.Refused = 0 })
	edit(s.Failing, func(f *decide.Failing) { f.Count = 3 })
	return s
}

func edit[T any](rows map[string]T, change func(*T)) {
	for key, row := range rows {
		change(&row)
		rows[key] = row
	}
}

// TestRowsKeepWhatThisVersionDoesNotKnow: another version adds a column, and a
// field to each object of each live row, and gives them its number.
// (ledger rules 1, 4, 21)
func TestRowsKeepWhatThisVersionDoesNotKnow(t *testing.T) {
	l, server, _ := open(t)
	mustCommit(t, l, creation("c1", full()))
	put := putter(t, server, "aftercare_instances", partition())
	planted := map[string]int{}
	for row, columns := range rawRows(t, server) {
		var data any
		must(t, json.Unmarshal([]byte(columns["data"].(string)), &data))
		if strings.Contains(row, "/t1") {
			data.(map[string]any)["cancel"] = false // as this version would not write it
		}
		text, _ := json.Marshal(plant(data))
		columns["data"], columns["column"], columns["v"] = string(text), future, int64(7)
		put(row, columns)
		planted[strings.Replace(row, "live/~queue/0/1772366400000/", "live/task/", 1)] = strings.Count(string(text), future)
	}
	mustCommit(t, l, ledgertest.Between("c2", whole(t, l), rewritten(whole(t, l))))
	wantKept := func(row string, want int) {
		t.Helper()
		columns := rawRows(t, server)[row]
		if text, _ := columns["data"].(string); columns["v"] != int64(7) || columns["column"] != future || strings.Count(text, future) != want {
			t.Errorf("row %s is %v, want version 7 with the column and %d fields kept", row, columns, want)
		}
	}
	for row, want := range planted {
		wantKept(row, want)
	}
	s := whole(t, l)
	if s.Tasks["t1"].Attempt != 2 || !s.Tasks["t1"].Cancel || s.Sends["s1"].Claim.Commit != "c2" || s.Limits["f"].Refused != 0 {
		t.Errorf("what was kept hides what was changed: %+v", s)
	}

	// What ends moves to the log. A known part that is dropped takes what is
	// unknown in it along.
	task, run, lost := s.Tasks["t1"], s.Runs["r1"], s.Messages["m1/2"]
	ended := task
	ended.State, ended.Command = decide.TaskFailed, decide.Task{}.Command
	mustCommit(t, l, engine.Commit{ID: "c3", InstanceID: instanceID, At: start, Changes: decide.Changes{
		Instance: &s.Instance, EndedTasks: []decide.Task{ended}, EndedRuns: []decide.FlowRun{run}, Lost: []decide.Message{lost},
		Tasks: []decide.Change[decide.Task]{{Before: &task}},
	}})
	wantKept("log/task/t1", 1)
	wantKept("log/flow/r1", planted["live/flow/r1"])
	wantKept("log/message/m1/2", planted["live/message/m1/2"])
	if text := rawRows(t, server)["log/task/t1"]["data"].(string); strings.Contains(text, "command") {
		t.Errorf("the ended task has its command still: %s", text)
	}
}
