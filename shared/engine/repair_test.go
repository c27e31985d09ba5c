package engine_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// Each of 12 ends that no event reported is made good, and one alert says so, whichever
// sweeps see them. (decide rule 96)
func TestSweepsCountTheirRepairsTogether(t *testing.T) {
	d := fleetDesk(12, func(s *decide.State) { task("a-"+s.Instance.ID, running("t-"+s.Instance.ID), overdue)(s) })
	for n := range 12 {
		id := fmt.Sprint("i-", n)
		i := d.cloud.invoke(id, now.Add(-time.Minute), 0)
		i.InvokeID, i.Status, i.FinishTime = "t-"+id, string(event.StatusSuccess), now.Add(-time.Second)
	}
	all := maps.Clone(d.table.armed)
	maps.DeleteFunc(d.table.armed, func(w engine.Wakeup, _ bool) bool { return w.InstanceID > "i-2" }) // the first sweep finds five
	sweep := func(repairs, alerts int) {
		t.Helper()
		s, err := d.engine(policy()).Sweep(t.Context(), 4)
		if err != nil || s.Repairs[decide.RepairEnd] != repairs || len(d.alerts) != alerts {
			t.Fatalf("sweep %+v, %v, and %d alerts; want %d ends and %d alerts", s, err, len(d.alerts), repairs, alerts)
		}
	}
	sweep(5, 0)
	maps.Copy(d.table.armed, all)
	sweep(7, 1)
	if a := d.alerts[0]; a.Kind != decide.AlertRepairs || a.InstanceID != "" {
		t.Errorf("the alert is %+v, want one of repairs that is about no instance", a)
	}
	sweep(0, 1)
}
