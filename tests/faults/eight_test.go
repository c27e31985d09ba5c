package faults_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/rig"
)

const eight = "../testdata/flows/eight/"

// TestEightFlowsRunAsTheirCasesSay plays every case of the eight flows twice: as
// 'aftercare flows test' does, and live on the local cloud, where each command prints
// and ends as the case says. Both must be what the case expects.
func TestEightFlowsRunAsTheirCasesSay(t *testing.T) {
	src, err := os.ReadFile(eight + "flows.yaml")
	mustDo(err)
	found := flowfile.Inspect(nil, "flows.yaml", src, nil, time.Time{})
	for _, m := range slices.Concat(found.Mistakes, found.Warnings) {
		t.Error(m)
	}
	src, err = os.ReadFile(eight + "flows_test.yaml")
	mustDo(err)
	cases, err := flowfile.ReadCases("flows_test.yaml", src)
	mustDo(err)
	for _, d := range found.Flows {
		if !slices.ContainsFunc(cases, func(c flowfile.Case) bool { return c.Expect.Flow == d.Name }) {
			t.Errorf("no case has the flow %s", d.Name)
		}
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			for _, difference := range c.Run(found.Flows) {
				t.Errorf("rehearsed: %s", difference)
			}
			playLive(t, found.Flows, c)
		})
	}
}

// playLive plays a case on the local cloud.
func playLive(t *testing.T, flows []flow.Definition, c flowfile.Case) {
	scripts := map[string]string{}
	for _, d := range flows {
		for id, ends := range c.Ends {
			scripts[d.Name+"/"+id] = scriptOf(id, ends)
		}
	}
	var definitions []flow.Definition
	for _, d := range flows {
		definitions = append(definitions, harmless(d, scripts))
	}
	r := rig.New(t, rig.Options{Definitions: definitions, Timeout: patience})
	mustDo(r.ECS.CreateInstance(ecs.Instance{
		ID: instanceID, Name: cmp.Or(c.Instance.Name, instanceID), OSType: c.Instance.OS, Tags: c.Instance.Tags,
	}))
	l := &life{Rig: r, t: t, comes: []happening{
		{begin: func(l *life) act {
			mustDo(l.ECS.Boot(instanceID))
			return l.beat()
		}},
		starts(c),
		{ready: pendingAt(flow.PendingBoot), begin: func(l *life) act {
			mustDo(l.ECS.Reboot(instanceID))
			return l.beat()
		}},
	}}
	l.rest()

	v := look(t, r)
	var began, skipped, alerts []string
	result, fired := "", []string{}
	for _, run := range v.records.Runs {
		fired = append(fired, run.Flow)
		result = run.Result
		for _, s := range run.Steps {
			if s.Status == flow.StepSkipped {
				skipped = append(skipped, s.ID)
				continue
			}
			began = append(began, slices.Repeat([]string{s.ID}, max(s.Attempts, 1))...)
		}
	}
	for _, a := range r.Alerts() {
		if a.Kind == decide.AlertFlow {
			severity := strings.TrimPrefix(string(a.Severity), string(decide.SeverityError)) // the default
			alerts = append(alerts, flow.Action{Alert: a.Summary, Severity: severity, Route: a.Route}.Announced())
		}
	}
	compare := func(what string, got, want any) {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			t.Errorf("live: %s: %s, want %s", what, g, w)
		}
	}
	compare("fires", fired, c.Expect.Fires)
	if c.Expect.Plan != nil {
		compare("plan", began, c.Expect.Plan)
	}
	if c.Expect.Skipped != nil {
		compare("skipped", skipped, c.Expect.Skipped)
	}
	if c.Expect.Result != "" {
		compare("result", result, c.Expect.Result)
	}
	compare("alerts", len(alerts), max(c.Expect.AlertCount, len(c.Expect.Alerts)))
	for _, want := range c.Expect.Alerts {
		if !slices.ContainsFunc(alerts, func(got string) bool { return strings.Contains(got, want) }) {
			t.Errorf("live: alerts %q, want %q among them", alerts, want)
		}
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.Log)
	}
}

// scriptOf prints and ends as the case says, one way for each attempt, the last one
// for all further ones.
func scriptOf(id string, ends []flowfile.CommandEnd) string {
	text := "echo >>count." + id + "; n=$(wc -l <count." + id + "); case $n in\n"
	for i, e := range ends {
		n := fmt.Sprint(i + 1)
		if i == len(ends)-1 {
			n = "*"
		}
		text += fmt.Sprintf("%s) printf '%%s' '%s'; exit %d ;;\n", n, strings.ReplaceAll(e.Output, "'", `'\''`), e.ExitCode)
	}
	return text + "esac\n"
}

// starts makes the case's event happen. A first heartbeat has.
func starts(c flowfile.Case) happening {
	switch c.Event.Kind {
	case flow.FirstHeartbeat:
		return happening{begin: func(l *life) act { return act{"a sweep", l.Sweep} }}
	case flow.TaskCompleted:
		if c.Instance.OS == "windows" { // where the local cloud runs no script
			return ends(c.Event.CommandName, c.Event.InvocationStatus, fmt.Sprint(c.Event.ExitCode))
		}
		return submits(c.Event.CommandName, fmt.Sprintf("printf '%%s' '%s'; exit %d", c.Event.Output, c.Event.ExitCode))
	}
	return happening{begin: func(l *life) act {
		if c.Event.Kind == flow.Scheduled {
			again(l.t, l.Sweep) // from here on, ticks count
			l.Advance(24 * time.Hour)
			return act{"tick", l.Sweep}
		}
		l.Advance(2 * time.Minute)
		payload := encode(map[string]any{"flow": c.Event.Flow, "inputs": c.Event.Inputs, "instanceId": instanceID, "dedupeKey": "eight"})
		return act{"start of " + c.Event.Flow, func() (handler.Outcome, error) { return l.SubmitTask(payload) }}
	}}
}
