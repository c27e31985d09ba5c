package flowfile

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"aftercare/shared/command"
	"aftercare/shared/flow"
)

// call documents a function: how it is called, what it returns, and an example
// with its result as text.
type call struct{ form, returns, example, result string }

// calls document every function that an expression may call. Text and lists in
// their order: what takes values out of text, then text, numbers, lists, time.
var calls = []call{
	{"match(text, pattern, group)", "what the pattern found, or its group of that number; nil if it found nothing. Patterns are those of Go (RE2), in quotes", `match("/dev/vda1 91% /", "([0-9]+)%", 1)`, "91"},
	{"lines(text)", "the list of its lines", `lines("a\nb")[1]`, "b"},
	{"fromJSON(text)", "the value of JSON: text, numbers, true, false, nil, lists and mappings", `fromJSON("{\"used\": 91}").used`, "91"},
	{"split(text, separator)", "the list of its parts", `split("a,b", ",")[0]`, "a"},
	{"int(x)", "a text or number as a whole number; any other text ends the step as invalid", `int("91")`, "91"},
	{"float(x)", "a text or number as a number; any other text ends the step as invalid", `float("0.5")`, "0.5"},
	{"string(x)", "anything as text", `string(91)`, "91"},
	{"trim(text, characters)", "the text without the white space around it, or without these characters", `trim(" a ")`, "a"},
	{"trimPrefix(text, prefix)", "the text without what it begins with", `trimPrefix("v1.2", "v")`, "1.2"},
	{"trimSuffix(text, suffix)", "the text without what it ends with", `trimSuffix("91%", "%")`, "91"},
	{"lower(text)", "the text in small letters", `lower("OK")`, "ok"},
	{"upper(text)", "the text in capital letters", `upper("ok")`, "OK"},
	{"hasPrefix(text, prefix)", "whether it begins so; the same as text startsWith prefix", `hasPrefix("web-1", "web-")`, "true"},
	{"hasSuffix(text, suffix)", "whether it ends so; the same as text endsWith suffix", `hasSuffix("a.log", ".log")`, "true"},
	{"indexOf(text, part)", "where the part begins, in bytes from 0; -1 if it is not there", `indexOf("abc", "c")`, "2"},
	{"lastIndexOf(text, part)", "where it begins for the last time", `lastIndexOf("abab", "b")`, "3"},
	{"len(x)", "how many characters a text or elements a list has", `len("abc")`, "3"},
	{"abs(n)", "the number without its sign", `abs(-3)`, "3"},
	{"ceil(n)", "the next whole number above", `ceil(1.2)`, "2"},
	{"floor(n)", "the next whole number below", `floor(1.8)`, "1"},
	{"round(n)", "the nearest whole number", `round(1.5)`, "2"},
	{"max(a, b, …)", "the largest of numbers, also of those in lists", `max(1, 3, 2)`, "3"},
	{"min(a, b, …)", "the smallest of them", `min([1, 3])`, "1"},
	{"first(list)", "its first element; nil if it is empty", `first(["a", "b"])`, "a"},
	{"last(list)", "its last element; nil if it is empty", `last(["a", "b"])`, "b"},
	{"all(list, test)", "whether the test holds for each element, which is # in it", `all([1, 2], # > 0)`, "true"},
	{"any(list, test)", "whether it holds for one at least", `any([1, 2], # > 1)`, "true"},
	{"none(list, test)", "whether it holds for no element", `none([1, 2], # > 2)`, "true"},
	{"one(list, test)", "whether it holds for one element only", `one([1, 2], # > 1)`, "true"},
	{"count(list, test)", "for how many it holds", `count([1, 2, 3], # > 1)`, "2"},
	{"filter(list, test)", "the elements for which it holds", `filter([1, 2, 3], # > 1)[0]`, "2"},
	{"secondsBetween(from, to)", "the whole seconds between two times, such as event.startTime", `secondsBetween("2026-01-31T08:00:00Z", "2026-01-31T08:01:30Z")`, "90"},
}

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
	for _, c := range calls {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | `%s` |\n", c.form, c.returns, strings.ReplaceAll(c.example, "|", `\|`), c.result)
	}
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
