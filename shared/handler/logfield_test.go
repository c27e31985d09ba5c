package handler_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// logged are the methods that add a field to a line, whose name is their first argument.
var logged = []string{"Str", "Time", "Strs", "Int", "Int64", "Bool", "Any", "AnErr", "Bytes"}

// written returns the names of the fields that the code writes.
func written(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{"time": true, "level": true, "message": true} // zerolog's own
	for _, folder := range []string{".", "../alerting"} {
		files, err := filepath.Glob(folder + "/*.go")
		must(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			must(t, err)
			ast.Inspect(tree, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				method, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				if method.Sel.Name == "Err" && len(call.Args) == 1 {
					names["error"] = true
				}
				if name, ok := call.Args[0].(*ast.BasicLit); ok && len(call.Args) == 2 && slices.Contains(logged, method.Sel.Name) {
					text, err := strconv.Unquote(name.Value)
					must(t, err)
					names[text] = true
				}
				return true
			})
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// TestEachFieldOfTheLogIsInTheTable, and no other is, in the code and in
// functions/README.md.
func TestEachFieldOfTheLogIsInTheTable(t *testing.T) {
	var names []string
	table := "| field | type | in which lines | what it is |\n| --- | --- | --- | --- |\n"
	for _, f := range handler.LogFields {
		names = append(names, f.Name)
		lines := f.Lines
		if lines == "" {
			lines = "all"
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.Name, f.Type, lines, f.What)
	}
	slices.Sort(names)
	if got := written(t); !slices.Equal(got, names) {
		t.Errorf("the code writes\n%v, the table has\n%v", got, names)
	}
	readme, err := os.ReadFile("../../functions/README.md")
	must(t, err)
	_, rest, _ := strings.Cut(string(readme), "<!-- log -->\n")
	if got, _, ok := strings.Cut(rest, "<!-- /log -->\n"); !ok || got != table {
		t.Errorf("between the marks log, functions/README.md must have\n%s", table)
	}
}

// fits reports whether a value has the type that the table says.
func fits(typ string, v any) bool {
	switch typ {
	case "text", "id":
		_, ok := v.(string)
		return ok
	case "count", "ms", "bytes":
		n, ok := v.(float64)
		return ok && n >= 0
	case "true or false":
		_, ok := v.(bool)
		return ok
	case "list":
		list, ok := v.([]any)
		return ok && !slices.ContainsFunc(list, func(v any) bool { _, text := v.(string); return !text })
	case "counts by kind":
		_, ok := v.(map[string]any)
		return ok
	}
	return false
}

// linesOf returns the lines of a log.
func linesOf(t *testing.T, log *rig.Log) (lines []map[string]any) {
	t.Helper()
	for text := range strings.Lines(log.String()) {
		line := map[string]any{}
		must(t, json.Unmarshal([]byte(text), &line))
		lines = append(lines, line)
	}
	return lines
}

// TestLinesHaveTheTypesOfTheTable, and what concerns a run is found by its id.
func TestLinesHaveTheTypesOfTheTable(t *testing.T) {
	r := rig.New(t, rig.Options{Flows: "version: 1\nflows: [{name: f, on: task-completed, when: event.commandName == \"stranger\", mode: live, steps: [{id: s, run: {type: RunShellScript, content: 'true'}}]}]"})
	r.Create("i-1")
	only(t)(r.SubmitTask(submit("i-1", "waits", "true", 5, "key")))
	r.Advance(time.Minute)
	only(t)(r.FirstHeartbeat(r.Boot("i-1")))
	begins := cloudEvent(event.KindTaskCompleted, endData("t-1"))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	begins["traceparent"] = parent
	only(t)(r.TaskCompleted(encode(begins)))
	for range 2 { // of the command that waited, and of the run's
		only(t)(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
	}
	only(t)(r.TaskCompleted([]byte(`{"cut`)))
	r.Advance(time.Hour)
	_, err := r.Sweep()
	must(t, err)

	types := map[string]string{}
	for _, f := range handler.LogFields {
		types[f.Name] = f.Type
	}
	run := r.Records("i-1").Runs[0].ID
	var waited, old, ofRun []string
	for _, line := range linesOf(t, r.Log) {
		for name, value := range line {
			if !fits(types[name], value) {
				t.Errorf("%s is %v, which is no %s, in %v", name, value, types[name], line)
			}
		}
		text := fmt.Sprint(line["function"], " ", line["message"])
		if ms, ok := line["waited_ms"].(float64); ok && ms >= 60_000 {
			waited = append(waited, text)
		}
		if line["traceparent"] == parent {
			old = append(old, text)
		}
		if ids, ok := line["run_ids"].([]any); ok && slices.Contains(ids, any(run)) {
			ofRun = append(ofRun, text)
		}
	}
	if len(waited) != 1 || !strings.Contains(waited[0], "event handled") {
		t.Errorf("a command that waited a minute is in the lines %v, want the heartbeat's", waited)
	}
	if len(old) != 1 || len(ofRun) != 2 {
		t.Errorf("the traceparent is in %v, and the run in %v, want one line, and those of the event that began it and of its command's end", old, ofRun)
	}
}
