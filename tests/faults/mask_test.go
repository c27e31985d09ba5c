package faults_test

import (
	"encoding/json"
	"strings"
	"testing"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/mask"
	"aftercare/tests/rig"
)

// hush is in every secret of this test, which have the form of one or that of
// AFTERCARE_MASK.
const hush = "hush"

// hushed is a flow that captures secrets, tells them, and keeps them for an hour. What
// it compares is what people see.
const hushed = `
version: 1
flows:
  - name: look
    on: task-completed
    when: event.commandName == "look password=[masked]"
    steps:
      - id: ask
        run: {type: RunShellScript, content: 'x=hu; echo "token=${x}sh-1 badge ${x}sh2"'}
        capture: true
      - id: tell
        when: steps.ask.output == "token=[masked] [masked]"
        alert: 'it said ${{ steps.ask.output }}, password: hu${{ "sh-9" }}'
      - id: rest
        wait: 1h
`

// (decide rule 113) What looks like a secret is masked before it is kept, wherever it came from.
func TestSecretsAreMaskedInRowsAndAlerts(t *testing.T) {
	more, err := mask.New(`badge\shush\d`)
	if err != nil {
		t.Fatal(err)
	}
	r := rig.New(t, rig.Options{Flows: hushed, Timeout: patience, Settings: func(s *handler.Settings) { s.Policy.Mask = more }})
	e := &ear{t: t}
	boot(r)
	o := submissionOf("look password=hush-3", "true", 5)
	o["submittedBy"], o["reason"] = "badge hush4", "AccessKeySecret: hush-5"
	e.hear(r.SubmitTask(encode(o)))
	for range 2 {
		e.hear(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
	}
	var bad map[string]any
	if err := json.Unmarshal(stranger("Failed", "ExitCodeNonzero", "3"), &bad); err != nil {
		t.Fatal(err)
	}
	data := bad["data"].(map[string]any)
	data["commandName"], data["errorDesc"] = "dump --password hush-6", "badge hush7 is refused, password: hush-8"
	e.hear(r.TaskCompleted(encode(bad)))
	e.hear(r.SubmitTask(encode(map[string]any{"stop": map[string]any{"label": "a"}, "dedupeKey": "stop", "submittedBy": "me", "reason": "secret=hush-9"})))

	found := func(where, text string) {
		if strings.Contains(text, hush) {
			t.Errorf("%s holds a secret: %s", where, text)
		}
	}
	found("the log", r.Log.String())
	found("an answer", e.b.String())
	marked := map[string]int{}
	for table := range keys {
		for _, row := range rows(t, r, table) {
			found("a row of "+table, row.String())
			marked[table] += strings.Count(row.String(), mask.Mark)
		}
	}
	for _, table := range []string{"aftercare_instances", "aftercare_history", "aftercare_shared", "aftercare_alerts"} {
		if marked[table] == 0 {
			t.Errorf("no row of %s has %s: the test shows nothing", table, mask.Mark)
		}
	}
	told := ""
	for _, a := range r.Alerts() {
		told += a.Summary + "|" + a.CommandName + "|" + a.ErrorDesc + "\n"
	}
	for _, want := range []string{"it said token=[masked] [masked], password: [masked]|", "|dump --password [masked]|[masked] is refused, password: [masked]\n"} {
		if !strings.Contains(told, want) {
			t.Errorf("the alerts are %q, want %q among them; log:\n%s", told, want, r.Log)
		}
	}
	if run := r.ECS.Runs(instanceID); len(run) != 2 || strings.Contains(run[0].Name, hush) {
		t.Errorf("the commands are %+v", run)
	}
}
