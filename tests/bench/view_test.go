package main

import (
	"fmt"
	"testing"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/bench/plan"
	"aftercare/tests/localcloud/access"
	local "aftercare/tests/localcloud/tablestore"
)

func TestTheRowsOfAnExecutionAreCopiedUnderOtherIDs(t *testing.T) {
	server, err := local.Start(local.Options{Keys: access.NewKeys(benchKey)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := tablestore.NewClientWithConfig(server.Endpoint(), "bench", benchKey.ID, benchKey.Secret, benchKey.Token, nil)
	if err := createTable(client, "aftercare_t"); err != nil {
		t.Fatal(err)
	}
	row := func(key, data string) plan.Change {
		return plan.Change{
			Key:     []plan.Column{{Name: "pk", Text: "i"}, {Name: "row", Text: key}},
			Columns: []plan.Column{{Name: "data", Text: data}, {Name: "n", Number: 5, IsNumber: true}},
		}
	}
	const n = 45_000 // executions, so 450 copies of each of the first 100
	for _, r := range []plan.Change{row("log/"+copied(7)+"/once", "of "+copied(7)), row("live/!", copied(7))} {
		if err := copyRow(client, "t", r, n); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	from, to := plan.Change{}.PrimaryKey(), plan.Change{}.PrimaryKey()
	from.AddPrimaryKeyColumn("pk", "i")
	from.AddPrimaryKeyColumnWithMinValue("row")
	to.AddPrimaryKeyColumn("pk", "i")
	to.AddPrimaryKeyColumnWithMaxValue("row")
	answer, err := client.GetRange(&tablestore.GetRangeRequest{RangeRowQueryCriteria: &tablestore.RangeRowQueryCriteria{
		TableName: "aftercare_t", StartPrimaryKey: from, EndPrimaryKey: to, Direction: tablestore.FORWARD, MaxVersion: 1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.Rows {
		got[r.PrimaryKey.PrimaryKeys[1].Value.(string)] = fmt.Sprint(r.Columns[0].Value, r.Columns[1].Value)
	}
	for i := 107; i < n; i += 100 {
		if key := "log/" + copied(i) + "/once"; got[key] != "of "+copied(i)+"5" {
			t.Fatalf("the row %s has %q", key, got[key])
		}
	}
	if len(got) != n/100-1 {
		t.Errorf("%d rows were written, want %d: one for each other execution", len(got), n/100-1)
	}
}
