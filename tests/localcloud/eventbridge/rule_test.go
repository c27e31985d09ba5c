package eventbridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"aftercare/tests/localcloud/eventbridge"
)

func TestTransforms(t *testing.T) {
	const event = `{"id":"e","source":"acs.ecs","specversion":"1.0","type":"x","data":{"name":"a \"b\"","n":1.50,"list":[{"k":"v"}],"none":null}}`
	for _, tt := range []struct {
		name      string
		transform eventbridge.Transform
		want      string
	}{
		{"a constant", eventbridge.Transform{Form: eventbridge.Constant, Value: "tick"}, "tick"},
		{"the data", eventbridge.Transform{Form: eventbridge.JSONPath, Value: "$.data"}, `{"name":"a \"b\"","n":1.50,"list":[{"k":"v"}],"none":null}`},
		{"a string without its quotes", eventbridge.Transform{Form: eventbridge.JSONPath, Value: "$.data.name"}, `a "b"`},
		{"a number as it was", eventbridge.Transform{Form: eventbridge.JSONPath, Value: "$.data['n']"}, "1.50"},
		{"an element", eventbridge.Transform{Form: eventbridge.JSONPath, Value: "$.data.list[0].k"}, "v"},
		{"an element that is not there", eventbridge.Transform{Form: eventbridge.JSONPath, Value: "$.data.list[7].k"}, ""},
		{"a field of null", eventbridge.Transform{Form: eventbridge.JSONPath, Value: "$.data.none.k"}, ""},
		{"a field of a string", eventbridge.Transform{Form: eventbridge.JSONPath, Value: "$.id.k"}, ""},
		{"a template", eventbridge.Transform{
			Form: eventbridge.Template, Value: `{"who":"$.source","n":"$.data.n","gone":"$.data.gone"}`, Template: `{"who":"${who}","n":${n},"gone":"${gone}"}`,
		}, `{"who":"acs.ecs","n":1.50,"gone":""}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var in inbox
			r := ruleTo(&in)
			r.Transform = tt.transform
			s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{r}})
			if err := s.PutServiceEvent([]byte(event)); err != nil {
				t.Fatal(err)
			}
			waitIdle(t, s)
			if len(in.got) != 1 || in.got[0] != tt.want {
				t.Errorf("payload is %q, want %q", in.got, tt.want)
			}
		})
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	target := func(context.Context, []byte) error { return nil }
	good := eventbridge.Rule{Name: "rule", Pattern: `{}`, Target: target}
	with := func(change func(*eventbridge.Rule)) eventbridge.Rule {
		r := good
		change(&r)
		return r
	}
	transform := func(form eventbridge.TransformForm, value, template string) eventbridge.Rule {
		return with(func(r *eventbridge.Rule) {
			r.Transform = eventbridge.Transform{Form: form, Value: value, Template: template}
		})
	}
	for _, tt := range []struct {
		name string
		rule eventbridge.Rule
		want string
	}{
		{"no name", with(func(r *eventbridge.Rule) { r.Name = "" }), "name must be"},
		{"no target", with(func(r *eventbridge.Rule) { r.Target = nil }), "target is missing"},
		{"an unknown bus", with(func(r *eventbridge.Rule) { r.Bus = "other" }), `bus "other" does not exist`},
		{"an unknown strategy", with(func(r *eventbridge.Rule) { r.Retry = "LINEAR" }), `"LINEAR"`},
		{"a bad pattern", with(func(r *eventbridge.Rule) { r.Pattern = `{"source":"x"}` }), "rule rule: pattern at source:"},
		{"a name that is taken", with(func(r *eventbridge.Rule) { r.Name = "first" }), "name is taken"},
		{"an unknown form", transform("XML", "", ""), `"XML"`},
		{"a path without $", transform(eventbridge.JSONPath, "data", ""), "does not start with $"},
		{"a path with a filter", transform(eventbridge.JSONPath, "$.a[?(@.b)]", ""), `"[?(@.b)]"`},
		{"a recursive path", transform(eventbridge.JSONPath, "$..a", ""), `"..a"`},
		{"a template with an unknown variable", transform(eventbridge.Template, `{"a":"$.a"}`, "${b}"), "uses ${b}"},
		{"a template with a bad path", transform(eventbridge.Template, `{"a":"a"}`, "${a}"), "variable a:"},
		{"template values that are no object", transform(eventbridge.Template, `[]`, ""), "JSON object"},
		{"a value that is too long", transform(eventbridge.Constant, strings.Repeat("x", 10241), ""), "10240"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{{Name: "first", Pattern: `{}`, Target: target}}})
			if err := s.AddRule(tt.rule); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("the 51st rule of a bus", func(t *testing.T) {
		s := newServer(t, eventbridge.Options{})
		for i := range 51 {
			r := good
			r.Name = fmt.Sprintf("rule-%d", i)
			if err := s.AddRule(r); (err != nil) != (i == 50) {
				t.Errorf("rule %d: %v", i+1, err)
			}
		}
	})
	t.Run("a bus that is named like the default one", func(t *testing.T) {
		if _, err := eventbridge.New(eventbridge.Options{Buses: []string{"default"}}); err == nil {
			t.Error("was made")
		}
	})
}

func TestLimitsAreSentences(t *testing.T) {
	for _, limit := range eventbridge.Limits() {
		if !strings.HasSuffix(limit, ".") {
			t.Errorf("%q is no sentence", limit)
		}
	}
}
