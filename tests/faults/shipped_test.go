package faults_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// savedID is the saved command that the shipped flow retry-undelivered sends
// again.
const savedID = "c-hz01example"

// shippedCase is a life in which a shipped flow runs, and the expected result.
type shippedCase struct {
	// flows are the flows of the shipped file in this life, beside others.
	flows   []string
	beside  []flow.Definition
	scripts map[string]string
	comes   []happening
	// fails are the acts in which crashes strike calls: the one that starts
	// the flow, and a later one. The act thorough fails in every mode.
	fails    []string
	thorough string

	ran    map[string]int // scripts that ran, by the command's name
	runs   []string       // in the form of endings
	alerts int
	ends   int
	boots  int64
}

// doomed is a flow whose runs fail at once, without a command.
func doomed() flow.Definition {
	d := flowsOn([2]string{"doomed", `event.commandName startsWith "doomed-"`})[0]
	d.Steps = []flow.Step{{ID: "end", Stop: flow.ResultFailed}}
	return d
}

func shippedCases() map[string]shippedCase {
	// countTo succeeds when it runs for the n-th time on the instance.
	countTo := func(n int, output string) string {
		return fmt.Sprintf("echo >>count; echo %s; [ $(wc -l <count) -ge %d ] || exit 3", output, n)
	}
	return map[string]shippedCase{
		"collect-diagnostics": {
			flows: []string{"collect-diagnostics"},
			scripts: map[string]string{
				"collect-diagnostics/system": `[ "$command $status $code" = "deploy Failed 7" ] && [ -n "$invocation" ]`,
				"collect-diagnostics/logs":   `[ "$lines" = 50 ]`,
			},
			comes: []happening{boots(), submits("deploy", "exit 7")},
			fails: []string{"end of deploy", "end of collect-diagnostics/system"},
			ran:   map[string]int{"deploy": 1, "collect-diagnostics/system": 1, "collect-diagnostics/logs": 1},
			runs:  []string{"collect-diagnostics succeeded: system succeeded, logs succeeded, windows skipped"},
			ends:  3, alerts: 1, boots: 1,
		},
		"retry-undelivered": {
			flows: []string{"retry-undelivered"},
			comes: []happening{
				boots(),
				{begin: func(l *life) act {
					save(l.Rig, "true")
					mustDo(l.ECS.Stop(instanceID))
					callECS(l.Rig, "InvokeCommand", "InvokeId", map[string]string{"CommandId": savedID, "InstanceId.1": instanceID})
					l.Advance(2 * time.Minute)
					return l.end()
				}},
				{ready: pendingAt(flow.PendingBackoff), begin: func(l *life) act {
					mustDo(l.ECS.Boot(instanceID))
					l.Advance(2 * time.Minute)
					return l.beat()
				}},
			},
			fails: []string{"end of saved", "second heartbeat"},
			ran:   map[string]int{"saved": 1},
			runs:  []string{"retry-undelivered succeeded: again succeeded 2 times"},
			ends:  3, alerts: 1, boots: 2,
		},
		"restart-service": {
			flows: []string{"collect-diagnostics", "restart-service"},
			scripts: map[string]string{
				"restart-service/look":    `[ "$service" = nginx ] && exit 3`,
				"restart-service/restart": `[ "$service" = nginx ]`,
				"restart-service/verify":  countTo(2, "active"),
			},
			comes: []happening{boots(), submits("check-service", "exit 3")},
			fails: []string{"end of check-service", "sweep, restart-service at backoff"},
			ran: map[string]int{
				"check-service": 1, "collect-diagnostics/system": 1, "collect-diagnostics/logs": 1,
				"restart-service/look": 1, "restart-service/restart": 1, "restart-service/verify": 2,
			},
			runs: []string{
				"collect-diagnostics succeeded: system succeeded, logs succeeded, windows skipped",
				"restart-service succeeded: look failed, up-again skipped, restart succeeded, verify succeeded 2 times",
			},
			ends: 7, alerts: 2, boots: 1,
		},
		"bootstrap": {
			flows: []string{"bootstrap"},
			scripts: map[string]string{
				"bootstrap/install": `[ "$package" = collectd ]`,
				"bootstrap/verify":  `echo "$service 5.12.0"`,
				// The captured output must have arrived here.
				"bootstrap/register": `[ "$version" = "collectd 5.12.0" ] && [ "$instance" = i-sweep ]`,
			},
			comes:    []happening{boots()},
			fails:    []string{"heartbeat", "end of bootstrap/verify"},
			thorough: "end of bootstrap/verify",
			ran:      map[string]int{"bootstrap/install": 1, "bootstrap/verify": 1, "bootstrap/register": 1},
			runs:     []string{"bootstrap succeeded: install succeeded, verify succeeded, register succeeded"},
			ends:     3, boots: 1,
		},
		"clean-disk": {
			flows: []string{"clean-disk"},
			scripts: map[string]string{
				"clean-disk/packages": "exit 100",
				"clean-disk/verify":   "echo 97; exit 1",
			},
			comes: []happening{boots(), submits("check-disk", "exit 90")},
			fails: []string{"end of check-disk", "end of clean-disk/verify"},
			ran: map[string]int{
				"check-disk": 1, "clean-disk/packages": 1, "clean-disk/journal": 1, "clean-disk/temporary": 1, "clean-disk/verify": 1,
			},
			runs: []string{"clean-disk failed: packages failed, journal succeeded, temporary succeeded, verify failed, tell succeeded"},
			ends: 5, alerts: 4, boots: 1,
		},
		"patch-and-reboot": {
			flows:   []string{"patch-and-reboot"},
			scripts: map[string]string{"patch-and-reboot/look": "echo reboot=yes"},
			comes: []happening{
				boots(),
				{begin: func(l *life) act {
					// On a Monday, far from any window.
					now := l.Now()
					days := (int(time.Monday-now.Weekday())+7)%7 + 7
					l.Advance(now.Truncate(24*time.Hour).AddDate(0, 0, days).Add(4 * time.Hour).Sub(now))
					return submits("patch", "true").begin(l)
				}},
				{ready: pendingAt(flow.PendingBoot), begin: func(l *life) act {
					mustDo(l.ECS.Reboot(instanceID))
					return l.beat()
				}},
			},
			fails: []string{"end of patch", "sweep, patch-and-reboot has not begun", "second heartbeat"},
			ran:   map[string]int{"patch": 1, "patch-and-reboot/look": 1, "patch-and-reboot/reboot": 1, "patch-and-reboot/healthy": 1},
			runs:  []string{"patch-and-reboot succeeded: look succeeded, reboot succeeded, back succeeded, healthy succeeded"},
			ends:  4, boots: 2,
		},
		"quarantine": {
			flows:  []string{"quarantine"},
			beside: []flow.Definition{doomed()},
			scripts: map[string]string{
				"quarantine/flag":         `[ "$failures" = 3 ] && [ -n "$since" ]`,
				"quarantine/stop-service": "exit 5",
			},
			comes: []happening{
				boots(), ends("doomed-1", "Success", "0"), ends("doomed-2", "Success", "0"), ends("doomed-3", "Success", "0"),
				ends("deploy", "Success", "0"),
				// Events in the meantime are dropped.
				{ready: pendingAt(flow.PendingWait), begin: ends("deploy", "Success", "0").begin},
			},
			fails: []string{"end of deploy", "sweep, quarantine at wait"},
			ran:   map[string]int{"quarantine/flag": 1, "quarantine/stop-service": 1},
			runs: []string{
				"doomed failed: end succeeded", "doomed failed: end succeeded", "doomed failed: end succeeded",
				"quarantine dropped",
				"quarantine succeeded: flag succeeded, stop-service failed, tell succeeded, rest succeeded",
			},
			ends: 7, alerts: 3, boots: 1,
		},
		"notify-recovery": {
			flows: []string{"notify-recovery"},
			comes: []happening{
				boots(), ends("check-web", "Failed", "1"),
				{begin: func(l *life) act {
					// The first try of its alert is refused, so that a sweep makes
					// the next. The put before it arms the wake-up.
					l.Faults.Add(fault.Fault{Call: "PutRow", Nth: 2, Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"})
					a := ends("check-web", "Success", "0").begin(l)
					a.name = "recovery"
					return a
				}},
			},
			fails:    []string{"recovery", "sweep, no run"},
			thorough: "recovery",
			runs:     []string{"notify-recovery succeeded: tell succeeded"},
			ends:     2, alerts: 2, boots: 1,
		},
	}
}

// TestEveryFailedCallOfAShippedFlowIsMadeGood fails call after call of the
// invocation that starts a flow, and of a later one, until a life meets no
// fault.
// [21] [22] [27] [30] [33] [42] [53] [56]
func TestEveryFailedCallOfAShippedFlowIsMadeGood(t *testing.T) {
	for name := range shippedFlows() {
		if _, ok := shippedCases()[name]; !ok {
			t.Errorf("no life has the shipped flow %s", name)
		}
	}
	for _, name := range fifth(t, shippedCases()) {
		c := shippedCases()[name]
		for _, point := range some(t, name, c.fails) {
			in := crashes
			if point == c.thorough {
				in = modes
			}
			for _, m := range some(t, name+point, in) {
				t.Run(name+"/"+point+"/"+m.name, func(t *testing.T) {
					t.Parallel()
					step := 1
					if m.crash {
						step = stride
					}
					each(t, "call", step, func(t *testing.T, n int) bool {
						return liveWithFault(t, shippedCases()[name], point, n, m) // with its own happenings
					})
				})
			}
		}
	}
}

func newLife(t *testing.T, c shippedCase) *life {
	t.Helper()
	definitions := slices.Clone(c.beside)
	for _, name := range c.flows {
		definitions = append(definitions, harmless(shippedFlows()[name], c.scripts))
	}
	r := rig.New(t, rig.Options{
		Definitions: definitions, Timeout: patience, Impatient: true,
		ECS: func(o *ecs.Options) {
			o.Delays.AbortAfter = 300 * time.Millisecond
			o.NewCommandID = func() string { return savedID }
		},
	})
	return &life{Rig: r, t: t, comes: c.comes}
}

// liveWithFault reports whether the fault struck.
func liveWithFault(t *testing.T, c shippedCase, point string, n int, m mode) bool {
	l := newLife(t, c)
	wanted, name := 1, point
	if second, ok := strings.CutPrefix(point, "second "); ok {
		wanted, name = 2, second
	}
	struck, met := false, 0
	for range 60 {
		a := l.next()
		if a.invoke == nil {
			break
		}
		if a.name == name {
			met++
		}
		if a.name != name || met != wanted {
			again(t, a.invoke)
			continue
		}
		var err error
		struck, err = m.strike(l.Rig, n, a.invoke)
		if err != nil && !strings.HasPrefix(name, "sweep") {
			again(t, a.invoke)
		}
	}
	if met < wanted {
		t.Errorf("there was no %s", point)
	}
	checkLife(t, l, c)

	before := all(t, l.Rig)
	for _, a := range l.given {
		again(t, a.invoke)
	}
	again(t, l.Sweep)
	l.rest()
	if after := all(t, l.Rig); after != before {
		t.Errorf("one more delivery of everything changed\n%s\nto\n%s", before, after)
	}
	if t.Failed() {
		t.Logf("log:\n%s", l.Log)
	}
	return struck
}

func checkLife(t *testing.T, l *life, c shippedCase) {
	t.Helper()
	v := look(t, l.Rig)
	if len(c.ran) != len(v.ran) || len(c.ran) > 0 && !maps.Equal(v.ran, c.ran) {
		t.Errorf("ran %v, want %v", v.ran, c.ran)
	}
	if got := endings(v.records.Runs); !slices.Equal(got, c.runs) {
		t.Errorf("runs ended as\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.runs, "\n"))
	}
	if got := len(v.records.Executions); got != c.ends || v.history != c.ends {
		t.Errorf("%d executions are recorded and %d are in the history, want %d", got, v.history, c.ends)
	}
	if got := v.state.Instance.BootSeq; got != c.boots {
		t.Errorf("%d boots are counted, want %d", got, c.boots)
	}
	wanted := calledFor(v)
	if len(wanted) != c.alerts {
		t.Errorf("the records call for %d alerts, want %d", len(wanted), c.alerts)
	}
	sameAlerts(t, v, wanted)
	nothingLeft(t, l.Rig)
	for _, task := range v.records.Tasks {
		if task.State == decide.TaskQueued {
			t.Errorf("task %+v has not ended", task)
		}
	}
}
