package main

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the commands print into scripts/README.md")

var (
	// block is a command and its output in scripts/README.md.
	block = regexp.MustCompile("(?s)```console\n\\$ aftercare ([^\n]*)\n(.*?)```")
	// argument is one of a command line, with or without quotes.
	argument = regexp.MustCompile(`"[^"]*"|\S+`)
	// moving is what differs from run to run: times, how long a step took, the ids of
	// events and silences, that of the run that a retry made, and versions of flows,
	// which are named by what the language has.
	moving = regexp.MustCompile(`\b\d+s +|(\d\d-\d\d )?\d\d:\d\d:\d\d|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8} +started|expire [0-9a-f]{8}|\bflows +[0-9a-f]{12}\b|[0-9a-f]{8}  \d\d-\d\d \d\d:\d\d:\d\d UTC  command`)
)

// again is an event that was handled before.
const again = `{"id": "e-again", "source": "acs.ecs", "specversion": "1.0", "type": "ecs:CloudAssistant:TaskCompleted", "time": "2026-03-01T02:00:00Z",
	"data": {"instanceId": "i-web-1", "invokeId": "t-sent2", "invocationStatus": "Failed", "exitCode": 3}}`

// TestItIsThreeInTheMorning plays the commands of the operator's page, one after the
// other, against a deployment that has worked. With -rewrite it writes what they
// print into the page, for review.
func TestItIsThreeInTheMorning(t *testing.T) {
	path, err := filepath.Abs("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(page), "<!-- 3am -->\n")
	section, after, ended := strings.Cut(rest, "<!-- /3am -->\n")
	if !begun || !ended {
		t.Fatal("scripts/README.md has no section between <!-- 3am --> and <!-- /3am -->")
	}
	r := workedWith(t, "waiting")
	const older = `{"instanceId":"i-web-2","invokeId":"t-older","commandName":"older","invocationStatus":"Success"}`
	if err := r.Ledger().Quarantine(t.Context(), "task-completed", []byte(older), "an older version did not know it", r.Now()); err != nil {
		t.Fatal(err)
	}
	must(t)(alertsFor(t, r, r.Now)([]byte("{}")))
	t.Chdir(t.TempDir()) // where the event to replay is
	if err := os.WriteFile("event.json", []byte(again), 0o600); err != nil {
		t.Fatal(err)
	}
	variables, bridge := variablesOf(t, r), subscribedBy(t, r, bridgeOf(t, r)).Endpoint()
	getenv := func(name string) string {
		return cmp.Or(variables(name), map[string]string{variableEvents: bridge, variableAccount: account}[name])
	}
	blocks := 0
	played := block.ReplaceAllStringFunc(section, func(text string) string {
		blocks++
		parts := block.FindStringSubmatch(text)
		var args []string
		for _, a := range argument.FindAllString(parts[1], -1) {
			args = append(args, strings.Trim(a, `"`))
		}
		var out strings.Builder
		if code := run(t.Context(), append(args, "--utc"), getenv, nil, &out, &out); code != 0 {
			t.Errorf("aftercare %s: exit code %d\n%s", parts[1], code, out.String())
		}
		got := "```console\n$ aftercare " + parts[1] + "\n" + strings.TrimLeft(out.String(), "\n") + "```"
		if !*rewrite && steady(got) != steady(text) {
			t.Errorf("scripts/README.md shows\n%s\nand printed is\n%s\n'go test ./scripts/aftercare -run ThreeInTheMorning -rewrite' writes it", text, got)
		}
		return got
	})
	if blocks == 0 {
		t.Error("the section has no command")
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(before+"<!-- 3am -->\n"+played+"<!-- /3am -->\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// steady is what an output has in common with that of another run. Lines of the same
// second may change places.
func steady(output string) string {
	lines := strings.Split(moving.ReplaceAllString(output, "…"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
