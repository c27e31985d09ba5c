package main_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/shared/alerting"
	"aftercare/shared/handler"
	"aftercare/tests/bench/budget"
	"aftercare/tests/bench/wire"
	"aftercare/tests/rig"
)

// spent is what one invocation costs.
type spent struct {
	calls         int // of Tablestore
	read, written int // capacity units of tables
	indexed       int // rows of indexes that it adds or changes
	stored        int // bytes of the rows that stay, with those of indexes
	logged        int // bytes
}

// site is a rig whose calls are recorded.
type site struct {
	*rig.Rig
	t        *testing.T
	recorder *wire.Recorder
	client   *tablestore.TableStoreClient
}

func newSite(t *testing.T) *site {
	s := &site{t: t, recorder: &wire.Recorder{}}
	t.Cleanup(s.recorder.Close)
	front := func(service wire.Service, target string) string {
		at, err := s.recorder.Front(service, target)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	s.Rig = rig.New(t, rig.Options{Settings: func(to *handler.Settings) {
		to.Ledger.Endpoint = front(wire.Tablestore, to.Ledger.Endpoint)
	}})
	s.client = tablestore.NewClientWithConfig(s.Tables.Endpoint(), s.Settings.Ledger.Instance, s.Key.ID, s.Key.Secret, s.Key.Token, nil)
	return s
}

// measure says what an invocation costs.
func (s *site) measure(do func() (handler.Outcome, error)) spent {
	s.t.Helper()
	_, before := s.rows("instances")
	rows, indexBytes := s.indexes()
	logged := len(s.Log.String())
	s.recorder.Reset()
	if out, err := do(); err != nil || len(out.Items) != 1 {
		s.t.Fatalf("answered %+v, %v; log:\n%s", out, err, s.Log)
	}
	var out spent
	for _, call := range s.recorder.Calls() {
		read, written := consumed(s.t, call)
		out.calls, out.read, out.written = out.calls+1, out.read+read, out.written+written
	}
	out.logged = len(s.Log.String()) - logged
	_, after := s.rows("instances")
	rowsNow, bytesNow := s.indexes()
	out.indexed, out.stored = rowsNow-rows, after-before+bytesNow-indexBytes
	return out
}

// indexes are the rows of all indexes, and their bytes.
func (s *site) indexes() (rows, size int) {
	for _, index := range []string{"fleet", "history", "timeline"} {
		n, bytes := s.rows(index)
		rows, size = rows+n, size+bytes
	}
	return rows, size
}

// rows counts the rows of a table or an index, and their bytes, as
// https://www.alibabacloud.com/help/doc-detail/27284.html counts them: names and values.
func (s *site) rows(table string) (rows, size int) {
	s.t.Helper()
	from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
	described, err := s.client.DescribeTable(&tablestore.DescribeTableRequest{TableName: "aftercare_" + table})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, column := range described.TableMeta.SchemaEntry {
		from.AddPrimaryKeyColumnWithMinValue(*column.Name)
		to.AddPrimaryKeyColumnWithMaxValue(*column.Name)
	}
	answer, err := s.client.GetRange(&tablestore.GetRangeRequest{RangeRowQueryCriteria: &tablestore.RangeRowQueryCriteria{
		TableName: "aftercare_" + table, StartPrimaryKey: from, EndPrimaryKey: to, Direction: tablestore.FORWARD, MaxVersion: 1,
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, row := range answer.Rows {
		for _, column := range row.PrimaryKey.PrimaryKeys {
			size += len(column.ColumnName) + sizeOf(column.Value)
		}
		for _, column := range row.Columns {
			size += len(column.ColumnName) + sizeOf(column.Value)
		}
	}
	return len(answer.Rows), size
}

func sizeOf(value any) int {
	switch v := value.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	}
	return 8
}

// consumed are the capacity units that the local Tablestore answers: of sizes, in steps
// of 4 KB.
func consumed(t *testing.T, call wire.Call) (read, written int) {
	add := func(c *otsprotocol.ConsumedCapacity) {
		read += int(c.GetCapacityUnit().GetRead())
		written += int(c.GetCapacityUnit().GetWrite())
	}
	answers := map[string]proto.Message{
		"GetRange": &otsprotocol.GetRangeResponse{}, "GetRow": &otsprotocol.GetRowResponse{}, "PutRow": &otsprotocol.PutRowResponse{},
		"DeleteRow": &otsprotocol.DeleteRowResponse{}, "BatchWriteRow": &otsprotocol.BatchWriteRowResponse{}, "BatchGetRow": &otsprotocol.BatchGetRowResponse{},
	}
	answer := answers[call.Name]
	if answer == nil {
		t.Fatalf("%s is not known", call)
	}
	if err := proto.Unmarshal(call.Answer, answer); err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	switch a := answer.(type) {
	case *otsprotocol.BatchWriteRowResponse:
		for _, table := range a.Tables {
			for _, row := range table.Rows {
				add(row.Consumed)
			}
		}
	case *otsprotocol.BatchGetRowResponse:
		for _, table := range a.Tables {
			for _, row := range table.Rows {
				add(row.Consumed)
			}
		}
	case interface {
		GetConsumed() *otsprotocol.ConsumedCapacity
	}:
		add(a.GetConsumed())
	}
	return read, written
}

// month is what one invocation of each kind costs: the end of a check that changes
// nothing, on an instance that has booted; a sweep and a round of alerts with nothing due.
func month(t *testing.T) (end, sweep, round spent) {
	s := newSite(t)
	s.Create("i-bp67acfmxazb4ph00001")
	if _, err := s.FirstHeartbeat(s.Boot("i-bp67acfmxazb4ph00001")); err != nil {
		t.Fatal(err)
	}
	check := func(n int) []byte {
		return budget.End(budget.Ended{
			Instance: "i-bp67acfmxazb4ph00001", Invoke: fmt.Sprintf("t-hz01zb4ph%05d", n), Name: "check-disk", Status: "Success", Exit: "0",
		})
	}
	if _, err := s.TaskCompleted(check(1)); err != nil {
		t.Fatal(err)
	}
	end = s.measure(func() (handler.Outcome, error) { return s.TaskCompleted(check(2)) })
	for range 2 { // the first does what the boot has left
		s.Advance(time.Hour)
		sweep = s.measure(s.Sweep)
	}
	settings := s.Settings
	settings.Alerts.Start = 0
	alerts, err := alerting.NewWith("alerts", settings, nil, s.Log, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		round = s.measure(func() (handler.Outcome, error) {
			ctx, cancel := s.Context()
			defer cancel()
			return alerts(ctx, []byte(`{}`))
		})
	}
	return end, sweep, round
}

// The month that scripts/README.md reckons: each of so many instances has one check a
// minute, for 30 days.
const (
	minutes = 30 * 24 * 60
	checked = 300
)

// TestWhatAMonthCosts measures what scripts/README.md says of one invocation, and
// reckons its month anew. Times and ids make rows and lines a little longer or shorter.
func TestWhatAMonthCosts(t *testing.T) {
	end, sweep, round := month(t)
	t.Logf("an end %+v, a sweep %+v, a round %+v", end, sweep, round)
	src, err := os.ReadFile("../../scripts/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(src), "<!-- month -->")
	text, _, found := strings.Cut(text, "<!-- /month -->")
	if !found {
		t.Fatal("scripts/README.md has no month")
	}
	says := func(row string) (each [3]int) {
		m := regexp.MustCompile(`(?m)^\| ` + row + ` \| ([0-9]+) \| ([0-9]+) \| ([0-9]+) \|$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("it has no row %q with three numbers", row)
		}
		for i := range each {
			each[i], _ = strconv.Atoi(m[i+1])
		}
		return each
	}
	sum := map[string]int{}
	for _, row := range []struct {
		name  string
		of    func(spent) int
		exact bool
	}{
		{"calls of Tablestore", func(s spent) int { return s.calls }, true},
		{"read units", func(s spent) int { return s.read }, true},
		{"write units", func(s spent) int { return s.written }, true},
		{"rows put into indexes", func(s spent) int { return s.indexed }, true},
		{"bytes that stay, with indexes", func(s spent) int { return s.stored }, false},
		{"bytes logged", func(s spent) int { return s.logged }, false},
	} {
		each := says(row.name)
		for i, measured := range []spent{end, sweep, round} {
			got, slack := row.of(measured), 0
			if !row.exact {
				slack = each[i] / 10
			}
			if got < each[i]-slack || got > each[i]+slack {
				t.Errorf("%s of input %d: measured %d, the page says %d", row.name, i, got, each[i])
			}
		}
		sum[row.name] = minutes * (checked*each[0] + each[1] + each[2])
	}
	for what, n := range map[string]string{
		"invocations":                        fmt.Sprintf("%.2f million", minutes*(checked+2)/1e6),
		"read units":                         fmt.Sprintf("%.1f million", float64(sum["read units"])/1e6),
		"write units":                        fmt.Sprintf("%.1f million", float64(sum["write units"])/1e6),
		"write units for indexes":            fmt.Sprintf("%.1f million", float64(sum["rows put into indexes"])/1e6),
		"read units for indexes, at most":    fmt.Sprintf("%.1f million", float64(sum["rows put into indexes"])/1e6),
		"stored, of each month that is kept": fmt.Sprintf("%.1f GB", float64(sum["bytes that stay, with indexes"])/1e9),
		"logged by the functions":            fmt.Sprintf("%.1f GB", float64(sum["bytes logged"])/1e9),
	} {
		if line := "| " + what + " | " + n + " |"; !strings.Contains(text, line) {
			t.Errorf("the page does not say %s", line)
		}
	}
}
