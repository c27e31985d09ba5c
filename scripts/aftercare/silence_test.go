package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
)

// TestAnAlertsIdIsFoundInWhatPeopleCopy, with what chats and mails put around it.
func TestAnAlertsIdIsFoundInWhatPeopleCopy(t *testing.T) {
	const id = "4a63377c0d4de5af79a0e64b2fbc0ec5"
	for text, want := range map[string]string{
		id: id, "  " + id + "\n": id, "`" + id + "`": id, "“" + id + "”": id, strings.ToUpper(id): id, id + ".": id, id + "-12": id,
		"aftercare silence add --alert " + id: id, "\u200b" + id[:9] + "\u00ad" + id[9:] + "\ufeff": id, "<" + id + ">": id, "group=" + id: id,
		id[:8]: id[:8], "`" + id[:8] + "`": id[:8],
		"": "", "abc": "", id + "0": "", "aftercare silence add --alert ": "", "not an id": "", id[:8] + "…": id[:8],
	} {
		if got := alertID(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestAMessagesLineAcknowledgesItsAlert: the beginning of the id is enough. The list says
// what it covers, and that it ends with the recovery.
func TestAMessagesLineAcknowledgesItsAlert(t *testing.T) {
	r := alerted(t)
	getenv := variablesOf(t, r)
	groups := map[string]string{}
	if err := r.Ledger().EachMember(t.Context(), func(group string, m dispatch.Member) error {
		groups[m.Key] = group
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for command, id := range map[string]string{"install": "`" + groups["install"] + "`", "backup-db": groups["backup-db"][:12]} {
		out, errOut, code := played(t, getenv, "silence", "add", "--alert", id, "--by", "Ann")
		if code != 0 || !strings.HasPrefix(out, "acknowledged alert "+groups[command]+": 1 open alert of it will not\nbe repeated until recovery\n") {
			t.Errorf("%s: exit code %d\n%s%s", id, code, out, errOut)
		}
	}
	out, _, code := played(t, getenv, "silence", "add", "--alert", groups["install"], "--dry-run")
	if code != 0 || !strings.HasPrefix(out, "would be acknowledged: alert "+groups["install"]) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	list := func() (rows []silenced) {
		out, errOut, code := played(t, getenv, "silence", "list", "-o", "json", "--all")
		if err := json.Unmarshal([]byte(out), &rows); code != 0 || err != nil {
			t.Errorf("exit code %d, %v %s", code, err, errOut)
		}
		return rows
	}
	for _, s := range list() {
		if s.Hits != 1 || s.State != stateActive || !s.Until.IsZero() || s.By != "Ann" {
			t.Errorf("the list has %+v", s)
		}
	}
	if out, _, _ := played(t, getenv, "silence", "list"); strings.Count(out, "its recovery") != 2 {
		t.Errorf("the list is\n%s", out)
	}
	a := decide.Alert{Kind: decide.AlertExecution, Lasting: true, Recovered: true, Fingerprint: "install", InstanceID: "i-web-1", CommandName: "install", Labels: map[string]string{"both": "both"}, At: r.Now()}
	if err := r.Ledger().Post(t.Context(), "install", r.Now().UnixMilli()+1, a); err != nil {
		t.Fatal(err)
	}
	round := alertsFor(t, r, r.Now)
	for range 2 {
		must(t)(round([]byte("{}")))
	}
	states := map[string]int{}
	for _, s := range list() {
		states[s.State] += 1 + 10*s.Hits
	}
	if states["active"] != 11 || states["recovered"] != 1 {
		t.Errorf("the states are %v", states)
	}
	_, errOut, code := played(t, getenv, "silence", "add", "--alert", groups["install"])
	if code != 4 || !strings.Contains(errOut, "refused: nothing of this alert is open: it has recovered") {
		t.Errorf("exit code %d\n%s", code, errOut)
	}
}

// TestASilencesListCountsWhatItHolds, each alert once, in however many groups it is.
func TestASilencesListCountsWhatItHolds(t *testing.T) {
	r := alerted(t)
	getenv := variablesOf(t, r)
	if _, errOut, code := played(t, getenv, "silence", "add", "--command", "b*", "--for", "1h", "--reason", "a move", "--yes"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, errOut)
	}
	round := alertsFor(t, r, r.Now)
	for _, command := range []string{"backup-etc", "build", "install"} {
		a := decide.Alert{Kind: decide.AlertExecution, Lasting: true, Fingerprint: command, InstanceID: "i-web-2", CommandName: command, Labels: map[string]string{"twice": "twice"}, At: r.Now().Add(time.Second)}
		if err := r.Ledger().Post(t.Context(), "web-2/"+command, r.Now().UnixMilli(), a); err != nil {
			t.Fatal(err)
		}
	}
	must(t)(round([]byte("{}")))
	var rows []silenced
	out, _, _ := played(t, getenv, "silence", "list", "-o", "json")
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 1 || rows[0].Hits != 2 {
		t.Errorf("the list is %s, %v", out, err)
	}
}
