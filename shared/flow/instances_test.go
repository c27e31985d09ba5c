package flow_test

import (
	"testing"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// [44]
func TestAFlowIsForTheInstancesThatFit(t *testing.T) {
	in := instance
	in.Name, in.Tags = "web-1", map[string]string{"role": "web", "tier": "", "app/unit": "a*b"}
	tags := func(pairs ...string) *flow.Instances {
		of := &flow.Instances{Tags: map[string][]string{}}
		for i := 0; i < len(pairs); i += 2 {
			of.Tags[pairs[i]] = append(of.Tags[pairs[i]], pairs[i+1])
		}
		return of
	}
	name := func(patterns ...string) *flow.Instances { return &flow.Instances{Name: patterns} }
	tests := []struct {
		name string
		of   *flow.Instances
		why  string
	}{
		{"nothing is said", nil, ""},
		{"os", &flow.Instances{OS: "linux"}, ""},
		{"another os", &flow.Instances{OS: "windows"}, `instances: os is "linux", the flow is for "windows"`},
		{"a tag", tags("role", "web"), ""},
		{"one of several values", tags("role", "api", "role", "web"), ""},
		{"another value", tags("role", "db"), `instances: the tag role is "web", the flow is for "db"`},
		{"none of several values", tags("role", "db", "role", "api-*"), `instances: the tag role is "web", the flow is for "db" or "api-*"`},
		{"the case of letters counts", tags("role", "Web"), `instances: the tag role is "web", the flow is for "Web"`},
		{"any value", tags("role", "*"), ""},
		{"any value, even an empty one", tags("tier", "*"), ""},
		{"a tag that it has not", tags("owner", "*"), `instances: there is no tag owner, the flow is for "*"`},
		{"two tags", tags("role", "web", "app/unit", "a*"), ""},
		{"two tags, one of which fits", tags("role", "web", "app/unit", "b*"), `instances: the tag app/unit is "a*b", the flow is for "b*"`},
		{"a pattern", name("web-*"), ""},
		{"one character", name("web-?"), ""},
		{"one character too many", name("web-??"), `instances: name is "web-1", the flow is for "web-??"`},
		{"the whole value", name("eb-"), `instances: name is "web-1", the flow is for "eb-"`},
		{"nothing else is a pattern", name("web-[0-9]", `web.1`), `instances: name is "web-1", the flow is for "web-[0-9]" or "web.1"`},
		{"many stars", name("*e*-*1*"), ""},
	}
	for _, test := range tests {
		if why, _ := test.of.WhyNot(in); why != test.why {
			t.Errorf("%s: got %q, want %q", test.name, why, test.why)
		}
	}
}

// [44]
func TestWhatIsNotKnownFitsNoFlow(t *testing.T) {
	of := &flow.Instances{OS: "linux", Tags: map[string][]string{"role": {"*"}}, Name: []string{"*"}}
	in := flow.Instance{ID: "i-1"}
	for _, want := range []string{"os", "the tag role", "name", ""} {
		if want != "" {
			want = "instances: " + want + " is not known yet"
		}
		why, saw := of.WhyNot(in)
		if why != want {
			t.Errorf("got %q, want %q", why, want)
		}
		if last := saw[len(saw)-1]; want != "" && last.Value != "nil" {
			t.Errorf("%s: it saw %v", want, last)
		}
		switch { // what ECS says next
		case in.OS == "":
			in.OS = "linux"
		case in.Tags == nil:
			in.Tags = map[string]string{"role": "web"}
		default:
			in.Name = "web-1"
		}
	}
}

// [44] [70]
func TestInstancesAreAskedBeforeWhen(t *testing.T) {
	d := definition(runStep("a"))
	d.Instances, d.When = &flow.Instances{OS: "windows"}, `instance.zone != "x" && int(event.errorDesc) > 1`
	for _, set := range []*flow.Set{flow.NewSet([]flow.Definition{d}), load(t, stored(t, []flow.Definition{d}))} {
		want := []flow.Outcome{{
			Flow: "repair", Reason: `instances: os is "linux", the flow is for "windows"`, Saw: []flow.Value{{Name: "instance.os", Value: `"linux"`}},
		}}
		if diff := cmp.Diff(set.Explain(ended(), instance, 0), want); diff != "" {
			t.Errorf("-got +want:\n%s", diff)
		}
	}
	d.Instances.OS = "linux"
	got := flow.NewSet([]flow.Definition{d}).Match(ended(), instance, 0)[0]
	want := []flow.Value{{Name: "instance.os", Value: `"linux"`}, {Name: "instance.zone", Value: `"cn-hangzhou-h"`}}
	if diff := cmp.Diff(got.Saw, want); diff != "" || !got.Failed {
		t.Errorf("failed %t, -got +want:\n%s", got.Failed, diff)
	}
}
