package flowfile

import (
	"cmp"
	_ "embed" // functions.txt
	"fmt"
	"reflect"
	"strings"

	"aftercare/shared/command"
	"aftercare/shared/flow"
)

// functions are the rows of every function that an expression may call: how, what it
// returns, and an example with its result as text. What takes values out of text comes
// first, then text, numbers, lists, time.
//
//go:embed functions.txt
var functions string

// about says what the values are that no field of flow.Event or flow.Instance is.
var about = map[string]string{
	"event.vmName":         "the same as instanceId",
	"run.depth":            "how many flows led to the event; 0 if a person's command did",
	"run.attempt":          "the attempt of the step, from 1",
	"run.startedAt":        "when the run began; empty in a flow's when",
	"steps.<id>.status":    "how the step ended",
	"steps.<id>.exitCode":  "the exit code of its script; -1 if no script ended",
	"steps.<id>.errorCode": "why its command did not run, or not to its end",
	"inputs.<name>":        "what the flow is given when a person starts it; otherwise, its default",
	"steps.<id>.output":    "what its command printed, if it has capture: true, without the newlines at its end",
	"steps.<id>.attempts":  "how often its command was tried",
}

// Reference lists, as Markdown, every key, value, function and limit of flows.
func Reference() string {
	var b strings.Builder
	flows.Tables(func(path, rows string) {
		fmt.Fprintf(&b, "**%s**\n\n| key | what it is | values | default |\n| --- | --- | --- | --- |\n%s\n", cmp.Or(path, "the file"), rows)
	})
	b.WriteString("**Expressions read**\n\n| value | what it is | type | in flows on |\n| --- | --- | --- | --- |\n")
	for _, n := range flow.Names() {
		on := strings.Join(n.On, ", ")
		if len(n.On) == len(flow.Kinds()) {
			on = "all"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", n.Name, aboutName(n.Name), typeName(n), on)
	}
	b.WriteString("\n**Functions**\n\n| call | what it returns | example | result |\n| --- | --- | --- | --- |\n")
	b.WriteString(functions)
	b.WriteString("\n**Limits**\n\n| at most | of |\n| --- | --- |\n")
	for _, l := range append([]flow.Bound{
		{Most: maxSteps, Of: "steps of a flow"}, {Most: maxAllSteps, Of: "steps with those of onFailure and finally"},
		{Most: maxAlerts, Of: "alerts of a flow"}, {Most: maxCaptures, Of: "steps of a flow that capture"},
		{Most: command.MaxEncoded, Of: "bytes of a script as base64, with its parameters"}, {Most: command.MaxParameters, Of: "parameters of a run"},
		{Most: command.MaxInvokeParameters, Of: "parameters of an invoke"},
	}, flow.Bounds()...) {
		fmt.Fprintf(&b, "| %d | %s |\n", l.Most, l.Of)
	}
	return b.String()
}

// aboutName says what a value is.
func aboutName(name string) string {
	if text := about[name]; text != "" {
		return text
	}
	root, field, _ := strings.Cut(name, ".")
	typ := reflect.TypeFor[flow.Event]()
	if root == "instance" {
		typ = reflect.TypeFor[flow.Instance]()
	}
	return flows.Doc(typ, field)
}

// typeName is the type of a value in words, or all that it can be.
func typeName(n flow.Name) string {
	if n.Words != nil {
		return strings.Join(n.Words, ", ")
	}
	switch n.Like.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int:
		return "number"
	}
	return "mapping"
}
