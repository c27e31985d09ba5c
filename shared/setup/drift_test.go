package setup_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/shared/setup"
)

// byHand is a change that somebody makes, and what the next plan says.
type byHand struct {
	do    func(context.Context, planes) error
	want  string // changes
	notes string
}

const name = "aftercare-task-completed"

// onRAM makes calls by hand; each is "Action Name=value …".
func onRAM(calls ...string) func(context.Context, planes) error {
	return func(ctx context.Context, p planes) error {
		for _, call := range calls {
			action, rest, _ := strings.Cut(call, " ")
			parameters := url.Values{}
			for _, one := range strings.Fields(rest) {
				parameter, value, _ := strings.Cut(one, "=")
				parameters.Set(parameter, value)
			}
			if err := p.ram.Call(ctx, action, parameters); err != nil {
				return err
			}
		}
		return nil
	}
}

func onSLS(method, path string, body any) func(context.Context, planes) error {
	return func(ctx context.Context, p planes) error {
		return p.sls.Call(ctx, method, names.Project, path, nil, body, nil)
	}
}

// TestDriftIsFoundInWordsAndUndone: each case changes by hand what is there.
func TestDriftIsFoundInWordsAndUndone(t *testing.T) {
	type object = map[string]any
	const resource = "acs:ots:cn-hangzhou:1234567890123456:instance/aftercare/table/aftercare_wakeups"
	for step, cases := range map[string]map[string]byHand{
		"roles": {
			"a role is gone": {onRAM("DetachPolicyFromRole PolicyType=Custom PolicyName="+name+" RoleName="+name, "DeleteRole RoleName="+name),
				"make the role " + name + "; give the role " + name + " its policy", ""},
			"a policy is taken away": {onRAM("DetachPolicyFromRole PolicyType=Custom PolicyName=" + name + " RoleName=" + name),
				"give the role " + name + " its policy", ""},
			"others may take a role": {onRAM("UpdateRole RoleName=" + name + ` NewAssumeRolePolicyDocument={"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::42:root"]}}]}`),
				"change who may take the role " + name + `: - Allow sts:AssumeRole with {"Principal":{"RAM":["acs:ram::42:root"]}}, + Allow sts:AssumeRole with {"Principal":{"Service":["fc.aliyuncs.com"]}}`, ""},
			"a role may do more": {onRAM("AttachPolicyToRole PolicyType=System PolicyName=AdministratorAccess RoleName=" + name),
				"", "the role " + name + " also has the policy AdministratorAccess (System), which 'aftercare setup roles' did not give it"},
			"a policy says the same in other words": {func(ctx context.Context, p planes) error {
				same := regrouped(setup.Policies()["task-completed"].With(names))
				return p.ram.Call(ctx, "CreatePolicyVersion", url.Values{"PolicyName": {name}, "PolicyDocument": {same}, "SetAsDefault": {"true"}})
			}, "", ""},
			"a policy says less and more": {func(ctx context.Context, p planes) error {
				other := strings.Replace(setup.Compact(setup.Policies()["task-completed"].With(names)), `["ots:PutRow"],"Resource":["`+resource, `"ots:*","Resource":["`+resource, 1)
				return p.ram.Call(ctx, "CreatePolicyVersion", url.Values{"PolicyName": {name}, "PolicyDocument": {other}, "SetAsDefault": {"true"}})
			}, "change the policy " + name + ": - Allow ots:* on " + resource + ", + Allow ots:PutRow on " + resource, ""},
			"a version that is not the default": {func(ctx context.Context, p planes) error {
				return p.ram.Call(ctx, "CreatePolicyVersion", url.Values{"PolicyName": {name}, "PolicyDocument": {`{"Version":"1","Statement":[{"Effect":"Deny"}]}`}})
			}, "", ""},
		},
		"logs": {
			"the index lacks a key": {onSLS(http.MethodPut, "/logstores/functions/index", object{"line": object{"token": []string{" "}}, "keys": object{"own": object{"type": "text"}}}),
				"change the index of the logstore functions (keys.durationMs.doc_value)", ""},
			"the index has more": {onSLS(http.MethodPut, "/logstores/functions/index", object{"line": object{"token": []string{" "}, "chn": true},
				"keys": object{"durationMs": object{"type": "double", "doc_value": true}, "own": object{"type": "text"}}}), "", ""},
			"no index": {onSLS(http.MethodDelete, "/logstores/functions/index", nil), "make the index of the logstore functions", ""},
			"another dashboard": {onSLS(http.MethodPut, "/dashboards/aftercare", object{"dashboardName": "aftercare", "charts": []any{}}),
				"change the dashboard aftercare (charts)", ""},
			"another threshold": {onSLS(http.MethodPut, "/alerts/aftercare-rule", object{"name": "aftercare-rule", "displayName": "rule",
				"configuration": object{"queryList": []any{object{"store": "functions"}}, "threshold": 9}, "schedule": object{"type": "FixedRate", "interval": "60s"}}),
				"change the alert rule aftercare-rule (configuration.threshold)", ""},
			"a rule that is off": {func(ctx context.Context, p planes) error {
				return p.sls.Call(ctx, http.MethodPut, names.Project, "/alerts/aftercare-rule", url.Values{"action": {"disable"}}, nil, nil)
			}, "", "the alert rule aftercare-rule is turned off"},
			"another time to live": {onSLS(http.MethodPut, "/logstores/functions", object{"logstoreName": "functions", "ttl": 400, "mode": "standard"}), "", ""},
		},
	} {
		for words, c := range cases {
			t.Run(step+", "+words, func(t *testing.T) {
				p := open(t)
				plan := p.steps()[step][0]
				mustApply(t, plan)
				if err := c.do(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				changes, notes := planned(t, plan)
				if got := strings.Join(changes, "; "); got != c.want {
					t.Errorf("planned %s\nwant %s", got, c.want)
				}
				if got := strings.Join(notes, "; "); got != c.notes {
					t.Errorf("noted %s\nwant %s", got, c.notes)
				}
				mustApply(t, plan)
				if left, _ := planned(t, plan); left != nil {
					t.Errorf("%q is left", left)
				}
			})
		}
	}
}

// regrouped is a policy in other words: a statement for each action on each resource,
// without lists.
func regrouped(p setup.Policy) string {
	var statements []string
	for _, s := range p.Statement {
		for _, a := range s.Action {
			for _, r := range s.Resource {
				statements = append(statements, fmt.Sprintf(`{"Resource":%q,"Action":%q,"Effect":"Allow"}`, r, a))
			}
		}
	}
	return `{"Statement":[` + strings.Join(statements, ",") + `],"Version":"1"}`
}

// TestAPolicyCanChangeAnyNumberOfTimes: the service keeps five versions.
func TestAPolicyCanChangeAnyNumberOfTimes(t *testing.T) {
	p := open(t)
	for n := range 12 {
		other := names
		other.Account = fmt.Sprint(n)
		mustApply(t, p.ram.Roles(setup.Functions[:1], other))
	}
	mustApply(t, p.ram.WithoutRoles(setup.Functions[:1]))
}

// TestWhatIndexesHaveFromOthersStays.
func TestWhatIndexesHaveFromOthersStays(t *testing.T) {
	p := open(t)
	plan := p.sls.Logs(names, 30, documents)
	mustApply(t, plan)
	own := map[string]any{"keys": map[string]any{"own": map[string]any{"type": "text"}}}
	if err := p.sls.Call(t.Context(), http.MethodPut, names.Project, "/logstores/functions/index", nil, own, nil); err != nil {
		t.Fatal(err)
	}
	mustApply(t, plan)
	var have struct{ Keys map[string]any }
	if err := p.sls.Call(t.Context(), http.MethodGet, names.Project, "/logstores/functions/index", nil, nil, &have); err != nil {
		t.Fatal(err)
	}
	if have.Keys["own"] == nil || have.Keys["durationMs"] == nil {
		t.Errorf("the index has the keys %v, want own and durationMs", have.Keys)
	}
}

// TestALogstoreForQueriesOnlyIsNoted: its mode cannot be changed.
func TestALogstoreForQueriesOnlyIsNoted(t *testing.T) {
	p := open(t)
	type object = map[string]any
	for _, c := range []struct {
		path string
		body object
	}{
		{"/", object{"projectName": names.Project, "description": ""}}, {"/logstores", object{"logstoreName": names.Logstore, "mode": "query"}},
	} {
		if err := p.sls.Call(t.Context(), http.MethodPost, names.Project, c.path, nil, c.body, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, notes := planned(t, p.sls.Logs(names, 30, nil)); len(notes) != 1 || !strings.Contains(notes[0], "has the mode query") {
		t.Errorf("noted %q", notes)
	}
}

// TestPrintedCommandsAreWhole: an administrator can run them as they are.
func TestPrintedCommandsAreWhole(t *testing.T) {
	text := setup.Print(setup.Functions, names)
	for _, f := range setup.Functions {
		for _, call := range []string{"CreateRole --RoleName ", "CreatePolicy --PolicyName ", "AttachPolicyToRole --PolicyType Custom --PolicyName "} {
			if !strings.Contains(text, "aliyun ram "+call+setup.Name(f)+" ") {
				t.Errorf("it lacks %s%s", call, f)
			}
		}
	}
	if strings.Contains(text, "<") {
		t.Error("it has a placeholder")
	}
}

func TestLinesAreReadNewestFirst(t *testing.T) {
	p := open(t)
	mustApply(t, p.sls.Logs(names, 30, documents))
	now := time.Now()
	lines, whole, err := p.sls.Lines(t.Context(), names.Project, names.Logstore, "invocationType: Sync", now.Add(-time.Hour), now)
	if err != nil || !whole || len(lines) != 0 {
		t.Errorf("got %v, %v, %v", lines, whole, err)
	}
}
