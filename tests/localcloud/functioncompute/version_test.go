package functioncompute_test

import (
	"slices"
	"testing"

	"aftercare/tests/localcloud/functioncompute"
)

// ran invokes a function, and returns the version that ran and OWN of its
// environment.
func (p *plane) ran(qualifier string) string {
	p.Helper()
	res, err := p.server.Do(p.Context(), functioncompute.Call{Function: "f", Qualifier: qualifier, Payload: []byte(`{"do":"see"}`)})
	if err != nil || res.FunctionError != "" {
		p.Fatalf("%s: %v %s", qualifier, err, res.Body)
	}
	out := res.Version
	for _, v := range environmentOf(p.T, res) {
		if len(v) > 4 && v[:4] == "OWN=" {
			out += " " + v
		}
	}
	return out
}

func (p *plane) publish(own string) string {
	p.Helper()
	p.must("PUT", "functions/f", object{"environmentVariables": object{"OWN": own}})
	return p.must("POST", "functions/f/versions", object{"description": own})["versionId"].(string)
}

func TestVersionsKeepWhatWasPublished(t *testing.T) {
	dir := t.TempDir()
	p := newPlane(t, functioncompute.Options{Dir: dir})
	p.must("POST", "functions", function(t, "f"))
	one, two := p.publish("one"), p.publish("two")
	p.must("PUT", "functions/f", object{"environmentVariables": object{"OWN": "now"}, "code": zipped(t, "more")})
	want := []string{"1 OWN=one", "2 OWN=two", "0 OWN=now", "0 OWN=now"}
	if got := []string{p.ran(one), p.ran(two), p.ran("LATEST"), p.ran("")}; !slices.Equal(got, want) {
		t.Errorf("ran %q, want %q", got, want)
	}
	if err := p.server.Close(); err != nil {
		t.Fatal(err)
	}

	again := newPlane(t, functioncompute.Options{Dir: dir})
	if got := again.ran(one); got != want[0] {
		t.Errorf("after a restart ran %q, want %q", got, want[0])
	}
	got := again.must("GET", "functions/f?qualifier=1", nil)
	if own := got["environmentVariables"].(map[string]any); own["OWN"] != "one" {
		t.Errorf("version 1 is %v", got)
	}
	var ids []any
	for _, v := range again.must("GET", "functions/f/versions", nil)["versions"].([]any) {
		ids = append(ids, v.(map[string]any)["versionId"])
	}
	if !slices.Equal(ids, []any{"2", "1"}) {
		t.Errorf("listed %v, want the newest first", ids)
	}
	again.must("DELETE", "functions/f/versions/1", nil)
	again.refused("VersionNotFound", "DELETE", "functions/f/versions/1", nil)
	again.refused("VersionNotFound", "GET", "functions/f?qualifier=1", nil)
	if id := again.publish("three"); id != "3" {
		t.Errorf("the third version is %s", id)
	}
}

func TestAnAliasSplitsItsInvocations(t *testing.T) {
	chance := 0.0
	p := newPlane(t, functioncompute.Options{Chance: func() float64 { return chance }})
	p.must("POST", "functions", function(t, "f"))
	p.publish("one")
	p.publish("two")
	p.refused("AliasNotFound", "POST", "functions/f/invocations?qualifier=live", object{})
	for _, tt := range []struct {
		code string
		body object
	}{
		{"VersionNotFound", object{"aliasName": "live", "versionId": "7"}},
		{"VersionNotFound", object{"aliasName": "live", "versionId": "1", "additionalVersionWeight": object{"7": 0.2}}},
		{"AdditionalVersionContainsMajorVersion", object{"aliasName": "live", "versionId": "1", "additionalVersionWeight": object{"1": 0.2}}},
		{"InvalidArgument", object{"aliasName": "live", "versionId": "1", "additionalVersionWeight": object{"2": 20}}},
		{"InvalidArgument", object{"aliasName": "LATEST", "versionId": "1"}},
	} {
		p.refused(tt.code, "POST", "functions/f/aliases", tt.body)
	}
	p.must("POST", "functions/f/aliases", object{"aliasName": "live", "versionId": "1", "description": "d", "additionalVersionWeight": object{"2": 0.2}})
	p.refused("AliasAlreadyExists", "POST", "functions/f/aliases", object{"aliasName": "live", "versionId": "1"})
	for at, want := range map[float64]string{0: "2 OWN=two", 0.19: "2 OWN=two", 0.2: "1 OWN=one", 0.99: "1 OWN=one"} {
		chance = at
		if got := p.ran("live"); got != want {
			t.Errorf("at %v ran %q, want %q", at, got, want)
		}
	}
	p.refused("InvalidArgument", "DELETE", "functions/f/versions/2", nil)
	if a := p.must("PUT", "functions/f/aliases/live", object{"versionId": "2", "additionalVersionWeight": nil}); a["description"] != "d" || a["additionalVersionWeight"] != nil {
		t.Errorf("after the update the alias is %v", a)
	}
	for _, at := range []float64{0, 0.99} {
		chance = at
		if got := p.ran("live"); got != "2 OWN=two" {
			t.Errorf("at %v ran %q, want version 2 alone", at, got)
		}
	}
	if a := p.must("GET", "functions/f/aliases/live", nil); a["versionId"] != "2" {
		t.Errorf("the alias is %v", a)
	}
	if all := p.must("GET", "functions/f/aliases", nil)["aliases"].([]any); len(all) != 1 {
		t.Errorf("listed %v", all)
	}
	p.must("DELETE", "functions/f/aliases/live", nil)
	p.refused("AliasNotFound", "DELETE", "functions/f/aliases/live", nil)
}

// TestAVersionOfTheProgramsCodeIsACopy: whoever built the code may build it again.
func TestAVersionOfTheProgramsCodeIsACopy(t *testing.T) {
	own := probe("f")
	own.Env = map[string]string{"OWN": "program"}
	p := newPlane(t, functioncompute.Options{Functions: []functioncompute.Function{own}})
	id := p.must("POST", "functions/f/versions", nil)["versionId"].(string)
	if got := p.ran(id); got != "1 OWN=program" {
		t.Errorf("ran %q", got)
	}
	res, err := p.server.Do(t.Context(), functioncompute.Call{Function: "f", Qualifier: id, Payload: []byte(`{"do":"see"}`)})
	if err != nil || slices.Contains(environmentOf(t, res), "FC_FUNC_CODE_PATH="+probeDir) {
		t.Errorf("the version runs in the program's folder, %v", err)
	}
}
