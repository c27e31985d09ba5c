// Package flowtest makes flows for the tests of other packages. It knows nothing of
// what becomes of them.
package flowtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flow"
	"aftercare/shared/timetable"

	"github.com/goccy/go-yaml"
)

// Set reads flows as a file has them, but without its checks, so that a test can
// have some that a file may not: those that lead to themselves. It makes so many
// copies of each, whose scripts have so many bytes if they say nothing else.
func Set(t *testing.T, text string, copies, bytes int) *flow.Set {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var list []flow.Definition
	for n := range copies {
		var read []flow.Definition
		if err := json.Unmarshal(data, &read); err != nil {
			t.Fatal(err)
		}
		for _, d := range read {
			if copies > 1 {
				d.Name += fmt.Sprintf("-%02d", n)
			}
			complete(&d, bytes)
			list = append(list, d)
		}
	}
	return flow.NewSet(list)
}

// complete fills in defaults.
func complete(d *flow.Definition, bytes int) {
	if d.On == nil {
		d.On = []string{flow.TaskCompleted}
	}
	d.Mode, d.WhenBusy = cmp.Or(d.Mode, flow.ModeLive), cmp.Or(d.WhenBusy, flow.BusyQueue)
	d.Timeout = cmp.Or(d.Timeout, flow.Duration(24*time.Hour))
	d.Limits.PerInstance = cmp.Or(d.Limits.PerInstance, flow.InstanceLimit{Max: 30, Window: flow.Duration(time.Hour)})
	if d.Windows != nil {
		d.Windows.TimeZone, d.Windows.Outside = "UTC", cmp.Or(d.Windows.Outside, timetable.OutsideWait)
	}
	for _, steps := range [][]flow.Step{d.Steps, d.OnFailure, d.Finally} {
		for _, s := range steps {
			if r := s.Run; r != nil {
				r.Name, r.Type, r.Content = d.Name+"/"+s.ID, command.RunShellScript, cmp.Or(r.Content, strings.Repeat("<", bytes), "true")
			}
			if r := s.Retry; r != nil {
				r.Factor, r.MaxBackoff = cmp.Or(r.Factor, 1), cmp.Or(r.MaxBackoff, r.Backoff)
			}
		}
	}
}
