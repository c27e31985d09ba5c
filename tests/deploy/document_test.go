// Package deploy_test checks the deployment: s.yaml against the folders, the
// settings and the fixtures, and each function's RAM policy against the calls
// that the function makes. It deploys nothing, and knows only the part of
// Serverless Devs' format that s.yaml uses.
package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const root = "../.."

// document is s.yaml with its ${vars.…} resolved; ${env('…')} stays as it is.
type document struct {
	text      string
	top       object
	functions []function
	// folders are the folders of functions/ that contain a program.
	folders []string
}

type function struct {
	key      string
	resource object
	props    object
	triggers []object
}

// object is a mapping that keeps the order of its keys.
type object yaml.MapSlice

// root is the repository's folder, as the deployed file sees it, and qualifier what its
// triggers invoke.
func (d *document) root() string { return d.top.object("vars").text("root") }

func (d *document) qualifier() string { return d.top.object("vars").text("qualifier") }

// read parses a deployment: a file, and what extends it, if anything. As Serverless
// Devs does it, objects are merged, and all else is replaced.
func read(text string, overlays ...string) (*document, error) {
	var merged yaml.MapSlice
	for _, text := range append([]string{text}, overlays...) {
		var slice yaml.MapSlice
		if err := yaml.UnmarshalWithOptions([]byte(text), &slice, yaml.UseOrderedMap()); err != nil {
			return nil, err
		}
		merged = merge(merged, slice)
	}
	d := &document{text: text}
	d.top, _ = resolve(merged, object(merged).object("vars")).(object)
	for _, item := range d.top.object("resources") {
		resource, _ := item.Value.(object)
		f := function{key: fmt.Sprint(item.Key), resource: resource, props: resource.object("props")}
		for _, t := range f.props.list("triggers") {
			trigger, _ := t.(object)
			f.triggers = append(f.triggers, trigger)
		}
		d.functions = append(d.functions, f)
	}
	programs, err := filepath.Glob(root + "/functions/*/main.go")
	for _, path := range programs {
		d.folders = append(d.folders, filepath.Base(filepath.Dir(path)))
	}
	return d, err
}

// merge returns an object with what lies over it.
func merge(under, over yaml.MapSlice) yaml.MapSlice {
	out := slices.Clone(under)
	for _, item := range over {
		i := slices.IndexFunc(out, func(was yaml.MapItem) bool { return was.Key == item.Key })
		if i < 0 {
			out = append(out, item)
			continue
		}
		was, _ := out[i].Value.(yaml.MapSlice)
		if now, ok := item.Value.(yaml.MapSlice); ok {
			out[i].Value = merge(was, now)
		} else {
			out[i].Value = item.Value
		}
	}
	return out
}

// shipped returns the text of the repository's s.yaml.
func shipped(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(root + "/s.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustRead(t *testing.T) *document {
	t.Helper()
	d, err := read(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var reference = regexp.MustCompile(`\$\{vars\.([A-Za-z0-9_.]+)\}`)

// resolve replaces references to vars; one to an unknown var stays.
func resolve(v any, vars object) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		out := object{}
		for _, item := range v {
			out = append(out, yaml.MapItem{Key: item.Key, Value: resolve(item.Value, vars)})
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = resolve(v[i], vars)
		}
		return out
	case string:
		if whole := reference.FindString(v); whole == v && v != "" {
			return follow(v, vars)
		}
		return reference.ReplaceAllStringFunc(v, func(one string) string { return fmt.Sprint(follow(one, vars)) })
	}
	return v
}

func follow(one string, vars object) any {
	var at any = vars
	for _, step := range strings.Split(reference.FindStringSubmatch(one)[1], ".") {
		o, ok := at.(object)
		if m, raw := at.(yaml.MapSlice); raw {
			o, ok = object(m), true
		}
		if !ok || o.value(step) == nil {
			return one
		}
		at = o.value(step)
	}
	return resolve(at, vars)
}

func (o object) value(key string) any {
	for _, item := range o {
		if item.Key == key {
			return item.Value
		}
	}
	return nil
}

func (o object) object(key string) object {
	switch v := o.value(key).(type) {
	case object:
		return v
	case yaml.MapSlice:
		return object(v)
	}
	return nil
}

func (o object) list(key string) []any {
	v, _ := o.value(key).([]any)
	return v
}

func (o object) text(key string) string {
	v, _ := o.value(key).(string)
	return v
}

// number returns a number, -1 if it is missing.
func (o object) number(key string) float64 {
	switch v := o.value(key).(type) {
	case uint64:
		return float64(v)
	case float64:
		return v
	}
	return -1
}

func (o object) keys() []string {
	var out []string
	for _, item := range o {
		out = append(out, fmt.Sprint(item.Key))
	}
	return out
}

// ofType returns a function's triggers of one type.
func (f function) ofType(kind string) []object {
	return slices.DeleteFunc(slices.Clone(f.triggers), func(t object) bool { return t.text("triggerType") != kind })
}

// faults collects the faults of a deployment.
type faults []string

func (f *faults) check(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Sprintf(format, args...))
	}
}
