package flowfile

import (
	_ "embed" // synonyms.txt
	"reflect"
	"slices"
	"strings"

	"aftercare/shared/command"
	"aftercare/shared/flow"
	"aftercare/shared/timetable"
	"aftercare/shared/yamlfile"
)

// file is the whole file. [1]
type file struct {
	Version  int               `json:"version" doc:"the format's version" need:"write version: 1" form:"version"`
	Defaults *defaults         `json:"defaults,omitempty" doc:"keys for every flow that does not have its own" hint:"write keys of flows under it, or step or run"`
	Flows    []flow.Definition `json:"flows" doc:"the flows" need:"write flows: [] for none" form:"any"`
}

// defaults are keys of flows, steps and runs. [5] A field with the tag of is
// described and checked as the field of that type with its name.
type defaults struct {
	Mode         string             `json:"mode,omitempty" of:"flow"`
	Timeout      flow.Duration      `json:"timeout,omitempty" of:"flow"`
	WhenBusy     string             `json:"whenBusy,omitempty" of:"flow"`
	AlertOnRetry bool               `json:"alertOnRetry,omitempty" of:"flow"`
	Runbook      string             `json:"runbook,omitempty" of:"flow"`
	Instances    *flow.Instances    `json:"instances,omitempty" of:"flow"`
	Windows      *timetable.Windows `json:"windows,omitempty" of:"flow"`
	Limits       flow.Limits        `json:"limits,omitempty" of:"flow"`
	OnFailure    []flow.Step        `json:"onFailure,omitempty" of:"flow"`
	Finally      []flow.Step        `json:"finally,omitempty" of:"flow"`
	Step         stepDefaults       `json:"step,omitempty" doc:"keys for steps that send a command"`
	Run          runDefaults        `json:"run,omitempty" doc:"keys for the runs of steps"`
}

type stepDefaults struct {
	Retry     *flow.Retry   `json:"retry,omitempty" of:"step"`
	Timeout   flow.Duration `json:"timeout,omitempty" of:"step"`
	OnFailure string        `json:"onFailure,omitempty" doc:"what follows when a step did not succeed" words:"stop continue"`
	Capture   bool          `json:"capture,omitempty" of:"step"`
}

type runDefaults struct {
	Type       string        `json:"type,omitempty" of:"run"`
	Timeout    flow.Duration `json:"timeout,omitempty" of:"run"`
	WorkingDir string        `json:"workingDir,omitempty" of:"run"`
	Username   string        `json:"username,omitempty" of:"run"`
}

// described are the types that the tag of names.
var described = map[string]reflect.Type{
	"flow": reflect.TypeFor[flow.Definition](),
	"step": reflect.TypeFor[flow.Step](),
	"run":  reflect.TypeFor[command.Run](),
}

// nouns are the words for values of these types in mistakes.
var nouns = map[reflect.Type]string{
	reflect.TypeFor[file]():               "a flows file",
	reflect.TypeFor[flow.Definition]():    "a flow",
	reflect.TypeFor[flow.Input]():         "an input",
	reflect.TypeFor[timetable.Schedule](): "a schedule",
	reflect.TypeFor[flow.Step]():          "a step",
	reflect.TypeFor[timetable.Window]():   "a window",
	reflect.TypeFor[Case]():               "a case",
	reflect.TypeFor[flow.Event]():         "the event",
	reflect.TypeFor[flow.Instance]():      "the instance",
	reflect.TypeFor[flow.Instances]():     "instances",
	reflect.TypeFor[CommandEnd]():         "the end of a command",
}

// words are those of keys whose tag names a list of package flow.
var words = map[string][]string{"kinds": flow.Kinds(), "statuses": flow.Statuses, "states": flow.States, "systems": flow.Systems}

//go:embed synonyms.txt
var synonymsFile string

// synonyms are the rows of synonyms.txt by their keys.
var synonyms = func() map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(synonymsFile) {
		keys, meaning, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for key := range strings.SplitSeq(keys, ", ") {
			all[key] = meaning
		}
	}
	return all
}()

// format is what files of flows and of cases have in common.
func format(t reflect.Type, what, list, title, description string) *yamlfile.Format {
	return &yamlfile.Format{
		What: what, List: list, Type: t, Nouns: nouns, Described: described, Words: words, Synonyms: synonyms,
		Forms: forms, Unmeant: unmeant, Shape: rules, Title: title, Description: description,
	}
}

var (
	flows = format(reflect.TypeFor[file](), "a flows file", "flows", "Flows of Aftercare", "What Aftercare does by itself on ECS instances, and when")
	cases = format(reflect.TypeFor[caseFile](), "a file of cases", "cases", "Cases of Aftercare's flows", "Events, and what the flows beside them must do")
)

// Schema returns the JSON Schema (draft 2020-12) of files of flows, for editors.
func Schema() []byte { return flows.Schema() }

// CaseSchema is Schema for files of cases, as ReadCases reads them.
func CaseSchema() []byte { return cases.Schema() }

// rules adds to a schema that a step does one thing, and how many steps there are.
func rules(t reflect.Type, schema map[string]any) {
	switch t {
	case reflect.TypeFor[flow.Definition]():
		schema["properties"].(map[string]any)["steps"].(map[string]any)["maxItems"] = maxSteps
	case reflect.TypeFor[flow.Instances]():
		schema["minProperties"] = 1
		schema["properties"].(map[string]any)["tags"].(map[string]any)["minProperties"] = 1
	case reflect.TypeFor[flow.Step]():
		var one []any
		for _, a := range actions {
			one = append(one, map[string]any{"required": []string{a}})
		}
		schema["oneOf"] = one
		commands := map[string]any{"anyOf": one[:2]}
		alerts := one[slices.Index(actions, flow.KindAlert)]
		schema["dependentSchemas"] = map[string]any{
			"retry": commands, "capture": commands, "severity": alerts, "route": alerts, "runbook": alerts,
		}
	}
}
