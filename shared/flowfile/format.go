package flowfile

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flow"
)

// version is what the key version must be.
const version = "1"

// file is the whole file. [1]
type file struct {
	Version  int               `json:"version" doc:"the format's version" need:"write version: 1" form:"version"`
	Defaults *defaults         `json:"defaults,omitempty" doc:"keys for every flow that does not have its own" hint:"write keys of flows under it, or step or run"`
	Flows    []flow.Definition `json:"flows" doc:"the flows" need:"write flows: [] for none"`
}

// defaults are keys of flows, steps and runs. [5] A field with the tag of is
// described and checked as the field of that type with its name.
type defaults struct {
	Mode      string        `json:"mode,omitempty" of:"flow"`
	Timeout   flow.Duration `json:"timeout,omitempty" of:"flow"`
	WhenBusy  string        `json:"whenBusy,omitempty" of:"flow"`
	Windows   *flow.Windows `json:"windows,omitempty" of:"flow"`
	Limits    flow.Limits   `json:"limits,omitempty" of:"flow"`
	OnFailure []flow.Step   `json:"onFailure,omitempty" of:"flow"`
	Finally   []flow.Step   `json:"finally,omitempty" of:"flow"`
	Step      stepDefaults  `json:"step,omitempty" doc:"keys for steps that send a command"`
	Run       runDefaults   `json:"run,omitempty" doc:"keys for the runs of steps"`
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

// nouns are the words for values of these types in mistakes; other values are
// called by their key.
var nouns = map[reflect.Type]string{
	reflect.TypeFor[file]():            "a flows file",
	reflect.TypeFor[flow.Definition](): "a flow",
	reflect.TypeFor[flow.Step]():       "a step",
	reflect.TypeFor[flow.Window]():     "a window",
	reflect.TypeFor[Case]():            "a case",
	reflect.TypeFor[flow.Event]():      "the event",
	reflect.TypeFor[flow.Instance]():   "the instance",
	reflect.TypeFor[CommandEnd]():      "the end of a command",
}

// lists are the words of keys whose tag names a list of package flow.
var lists = map[string][]string{"kinds": flow.Kinds(), "statuses": flow.Statuses, "states": flow.States, "systems": flow.Systems}

var (
	durationType = reflect.TypeFor[flow.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

// key is one key of a mapping of the file, from the tags of its field. See
// flow.Definition for their meaning.
type key struct {
	name, field             string
	doc, need, hint, zero   string
	form, example, fallback string
	words                   []string
	least, most             string
	typ                     reflect.Type
}

// keysOf lists the keys that a type describes.
func keysOf(t reflect.Type) []key {
	var keys []key
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue // it is not in the file
		}
		tag, need := f.Tag, f.Tag.Get("need")
		if of := described[tag.Get("of")]; of != nil {
			original, _ := of.FieldByName(f.Name)
			tag = original.Tag
		}
		k := key{
			name: name, field: f.Name, typ: f.Type,
			doc: tag.Get("doc"), need: need, hint: tag.Get("hint"), zero: tag.Get("zero"),
			form: tag.Get("form"), example: tag.Get("example"), fallback: tag.Get("default"),
			words: strings.Fields(tag.Get("words")),
		}
		if list := lists[tag.Get("words")]; list != nil {
			k.words = list
		}
		k.least, k.most, _ = strings.Cut(tag.Get("range"), " ")
		if k.most == "" {
			k.least, k.most = strconv.Itoa(math.MinInt32), strconv.Itoa(math.MaxInt32)
		}
		keys = append(keys, k)
	}
	return keys
}

// free reports whether a key's texts can be anything, numbers too.
func (k key) free() bool { return len(k.words) == 0 && (k.form == "" || k.form == "texts") }

// noun is the word for a value of this key in mistakes.
func (k key) noun() string {
	t := k.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if noun := nouns[t]; noun != "" {
		return noun
	}
	return k.name
}

// synonyms maps keys of other tools to the key with the same meaning here.
var synonyms = map[string]string{
	"if": "when", "condition": "when", "trigger": "on", "event": "on", "env": "parameters", "environment": "parameters",
	"params": "parameters", "args": "parameters", "with": "parameters", "script": "content", "command": "content", "cmd": "content",
	"cwd": "workingDir", "user": "username", "shell": "type", "sleep": "wait", "delay": "wait", "retries": "retry",
	"maxRetries": "max", "attempts": "max", "ensure": "finally", "always": "finally", "catch": "onFailure", "onError": "onFailure",
	"timezone": "timeZone", "tz": "timeZone", "start": "from", "end": "to", "id": "name", "name": "id", "dryRun": "mode", "notify": "alert",
}
