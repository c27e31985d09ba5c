package handler_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// reference is what stands between two markers of scripts/README.md.
func reference(t *testing.T, marker string) string {
	t.Helper()
	text, err := os.ReadFile("../../scripts/README.md")
	must(t, err)
	_, rest, begun := strings.Cut(string(text), "<!-- "+marker+" -->\n")
	excerpt, _, ended := strings.Cut(rest, "<!-- /"+marker+" -->\n")
	if !begun || !ended {
		t.Fatalf("scripts/README.md has no part between %q and %q", "<!-- "+marker+" -->", "<!-- /"+marker+" -->")
	}
	return excerpt
}

// rows are the rows of a table of the reference, by their first cell.
func rows(t *testing.T, marker string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(reference(t, marker)), "\n")[2:] {
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), " | ")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " ")
		}
		all[strings.Trim(cells[0], "`")] = cells
	}
	return all
}

func TestTheReferenceHasEveryKeyOfASubmission(t *testing.T) {
	unknown := object{"qqqqqqqqqqqqqq": 1}
	payload := encode(unknown.with("run", unknown).with("invoke", unknown).with("cancel", unknown).with("select", unknown).with("retry", unknown).with("stop", unknown).with("resume", unknown))
	item := only(t)(rig.New(t, rig.Options{}).SubmitTask(payload))
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^(\S+|the payload) has no field .*: its fields are (.*)$`).FindAllStringSubmatch(item.Reason, -1) {
		for _, name := range strings.Split(m[2], ", ") {
			want = append(want, strings.TrimPrefix(m[1]+"."+name, "the payload."))
		}
	}
	if len(want) < 15 {
		t.Fatalf("few keys are named in %q", item.Reason)
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(rows(t, "submission"))); !slices.Equal(got, want) {
		t.Errorf("scripts/README.md has the keys\n%v\nand submit-task takes\n%v", got, want)
	}
}

// atMost are submissions of n of what a limit of the reference counts.
var atMost = map[string]func(n int) object{
	"dedupeKey":         func(n int) object { return request().with("dedupeKey", strings.Repeat("k", n)) },
	"instanceId":        func(n int) object { return request().with("instanceId", strings.Repeat("i", n)) },
	"instanceIds":       func(n int) object { return request().with("instanceId", nil).with("instanceIds", ids(n)) },
	"labels":            func(n int) object { return request().with("labels", ids(n)) },
	"submittedBy":       func(n int) object { return request().with("submittedBy", strings.Repeat("人", n)) },
	"reason":            func(n int) object { return request().with("reason", strings.Repeat("因", n)) },
	"run.name":          func(n int) object { return member("run", "name", strings.Repeat("名", n)) },
	"run.content":       func(n int) object { return member("run", "content", strings.Repeat("#", n)) },
	"run.workingDir":    func(n int) object { return member("run", "workingDir", "/"+strings.Repeat("夹", n-1)) },
	"run.username":      func(n int) object { return member("run", "username", strings.Repeat("u", n)) },
	"run.parameters":    func(n int) object { return member("run", "parameters", parameters(n)) },
	"invoke.commandId":  func(n int) object { return member("invoke", "commandId", "c-"+strings.Repeat("1", n)) },
	"invoke.username":   func(n int) object { return member("invoke", "username", strings.Repeat("u", n)) },
	"invoke.parameters": func(n int) object { return member("invoke", "parameters", parameters(n)) },
	"cancel.taskId":     func(n int) object { return member("cancel", "taskId", strings.Repeat("a", n)) },
	"retry.run":         func(n int) object { return member("retry", "run", strings.Repeat("a", n)) },
	"cancel.run":        func(n int) object { return member("cancel", "run", strings.Repeat("a", n)) },
	"cancel.dedupeKey":  func(n int) object { return member("cancel", "dedupeKey", strings.Repeat("k", n)) },

	"characters in the name of a `run`'s parameter": func(n int) object {
		return member("run", "parameters", object{strings.Repeat("p", n): "v"})
	},
	"characters in the name of an `invoke`'s parameter": func(n int) object {
		return member("invoke", "parameters", object{strings.Repeat("p", n): "v"})
	},
	"bytes of an `invoke`'s parameters": func(n int) object {
		return member("invoke", "parameters", object{"p": strings.Repeat("v", n-1)})
	},
}

// between are submissions with a value of what the reference gives a range of.
var between = map[string]func(value any) object{
	"priority":       func(v any) object { return request().with("priority", v) },
	"spread":         func(v any) object { return request().with("spread", v) },
	"expiresIn":      func(v any) object { return request().with("expiresIn", v) },
	"run.timeout":    func(v any) object { return member("run", "timeout", v) },
	"invoke.timeout": func(v any) object { return member("invoke", "timeout", v) },
}

// member is a good submission of a command with one other member.
func member(kind, name string, value any) object {
	good := object{"run": runOf("true"), "invoke": object{"commandId": "c-1"}, "cancel": object{}, "retry": object{}}[kind].(object)
	return request().with("run", nil).with(kind, good.with(name, value))
}

func TestTheReferenceHasTheLimitsOfASubmission(t *testing.T) {
	r := rig.New(t, rig.Options{})
	sent := 0
	taken := func(o object) bool {
		if sent++; o["dedupeKey"] == "k-1" {
			o["dedupeKey"] = fmt.Sprint("k-", sent)
		}
		out, err := r.SubmitTask(encode(o))
		must(t, err)
		return out.Items[0].Result != handler.ResultQuarantined
	}
	most, ends := regexp.MustCompile(`(?:^|at most )(\d+)`), regexp.MustCompile(`^(\S+) to (\S+)$`)
	checked := map[string]bool{}
	table := rows(t, "submission")
	maps.Copy(table, rows(t, "limits"))
	for key, cells := range table {
		limit := cells[len(cells)-1]
		name, _, _ := strings.Cut(strings.SplitN(key, ":", 2)[0], ",")
		switch m, e := most.FindStringSubmatch(limit), ends.FindStringSubmatch(limit); {
		case between[name] != nil && e != nil:
			low, below := step(t, e[1], -time.Second)
			high, above := step(t, e[2], time.Second)
			if submit := between[name]; !taken(submit(low)) || !taken(submit(high)) || taken(submit(below)) || taken(submit(above)) {
				t.Errorf("the limit of %s is not %s", name, limit)
			}
		case atMost[name] != nil && m != nil:
			n, _ := strconv.Atoi(m[1])
			if testing.Short() && n >= 1000 {
				break // make faults tries large documents
			}
			if submit := atMost[name]; !taken(submit(n)) || taken(submit(n+1)) {
				t.Errorf("the limit of %s is not %d", name, n)
			}
		default:
			continue
		}
		checked[name] = true
	}
	if len(checked) != len(atMost)+len(between) {
		t.Errorf("only the limits of %v are in scripts/README.md", slices.Sorted(maps.Keys(checked)))
	}
}

// step returns a value of the reference as JSON has it, and the next one; by is for
// durations, and its sign for numbers.
func step(t *testing.T, text string, by time.Duration) (value, next any) {
	t.Helper()
	if n, err := strconv.Atoi(text); err == nil {
		return n, n + int(by/by.Abs())
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("the reference has the limit %q: %v", text, err)
	}
	return text, (d + by).String()
}

func TestTheReferenceHasTheDefaultsOfASubmission(t *testing.T) {
	r := rigWith(t, "i-1")
	item := only(t)(r.SubmitTask(encode(request())))
	task := r.State("i-1").Tasks[item.Answer.TaskID]
	item = only(t)(r.SubmitTask(encode(request().with("dedupeKey", "late").with("bootDeadline", "1h"))))
	late := r.State("i-1").Tasks[item.Answer.TaskID]
	timeout, _ := reflect.TypeFor[command.Run]().FieldByName("Timeout")
	table := rows(t, "submission")
	for key, want := range map[string]string{
		"priority":       strconv.Itoa(task.Priority),
		"onBootDeadline": string(late.OnBootDeadline),
		"expiresIn":      strings.TrimSuffix(task.ExpiresAt.Sub(task.SubmittedAt).String(), "0m0s"),
		"run.timeout":    timeout.Tag.Get("default"),
	} {
		if got := table[key][2]; got != "`"+want+"`" {
			t.Errorf("scripts/README.md says that %s is %s by default, and it is %s", key, got, want)
		}
	}
}

func TestAnInstancesQueueHasTheLengthOfTheReference(t *testing.T) {
	r := rigWith(t, "i-1")
	limit := 0
	for what, cells := range rows(t, "limits") {
		if strings.HasPrefix(what, "tasks that wait") {
			limit, _ = strconv.Atoi(cells[1])
		}
	}
	for i := range limit + 1 {
		item := only(t)(r.SubmitTask(encode(request().with("dedupeKey", fmt.Sprint(i)))))
		if want := map[bool]string{true: handler.ResultRefused, false: handler.ResultAccepted}[i == limit]; item.Result != want {
			t.Fatalf("submission %d is %s: %s", i+1, item.Result, item.Answer.Reason)
		}
	}
}

// TestTheExamplesOfTheReferenceAreAnsweredSo submits each example of
// scripts/README.md, and finds the item that stands behind it in the answer.
func TestTheExamplesOfTheReferenceAreAnsweredSo(t *testing.T) {
	r := rigWith(t, "i-1")
	blocks := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllStringSubmatch(reference(t, "answers"), -1)
	if len(blocks) != 8 {
		t.Fatalf("%d examples and answers, want 8", len(blocks))
	}
	for i := 0; i < len(blocks); i += 2 {
		item, err := json.Marshal(only(t)(r.SubmitTask([]byte(blocks[i][1]))))
		must(t, err)
		if got := string(item); got != blocks[i+1][1] {
			t.Errorf("%s\nis answered with\n%s\nand in scripts/README.md with\n%s", blocks[i][1], got, blocks[i+1][1])
		}
	}
}
