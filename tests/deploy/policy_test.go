package deploy_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// policy is a RAM policy, with only the fields that these use.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Principal map[string][]string
}

// grant is one action on one resource.
type grant struct{ action, resource string }

// policies reads the policies of scripts/ram/, by file name without extension.
func policies(t *testing.T) map[string]policy {
	t.Helper()
	paths, err := filepath.Glob(root + "/scripts/ram/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no policies: %v", err)
	}
	out := map[string]policy{}
	for _, path := range paths {
		if strings.HasPrefix(filepath.Base(path), "deployer") {
			continue // they also deny, and have conditions: see deployer_test.go
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		var p policy
		if err := decoder.Decode(&p); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out[strings.TrimSuffix(filepath.Base(path), ".json")] = p
	}
	return out
}

func (p policy) grants() []grant {
	var out []grant
	for _, s := range p.Statement {
		for _, a := range s.Action {
			for _, r := range s.Resource {
				out = append(out, grant{a, r})
			}
		}
	}
	return out
}

const bound = "<region>:<account>:"

var (
	actionForm = regexp.MustCompile(`^(fc|ots|ecs|log|sts|eventbridge|cms):[A-Z][A-Za-z]+$`)
	// The forms of resources, with placeholders for an account's own parts.
	resourceForms = map[string]*regexp.Regexp{
		"ots":         regexp.MustCompile(`^acs:ots:` + bound + `instance/<tablestore-instance>/table/aftercare_(instances|fleet|history|timeline|wakeups|shared|alerts|quarantine|probe\*|\*)$`),
		"ecs":         regexp.MustCompile(`^acs:ecs:` + bound + `(instance|command)/\*$`),
		"eventbridge": regexp.MustCompile(`^acs:eventbridge:` + bound + `\*$`),
		"cms":         regexp.MustCompile(`^acs:cms:` + bound + `\*$`),
		"log":         regexp.MustCompile(`^acs:log:` + bound + `project/<log-project>/logstore/<log-store>$`),
		"fc":          regexp.MustCompile(`^acs:fc:` + bound + `functions/aftercare-(submit-task|task-completed|first-heartbeat|instance-state|sweep|alerts|dead-letters)(/\*)?$`),
	}
	ecsKind = regexp.MustCompile(`:(instance|command)/\*$`)
	// ecsResources are the kinds of resources that an action applies to; see the
	// RAM table of each API's page.
	ecsResources = map[string][]string{
		"ecs:RunCommand":                   {"instance"},
		"ecs:DescribeCloudAssistantStatus": {"instance"},
		"ecs:DescribeInstances":            {"instance"},
		"ecs:InvokeCommand":                {"command", "instance"},
		"ecs:StopInvocation":               {"command", "instance"},
		"ecs:DescribeInvocations":          {"command", "instance"},
		"ecs:DescribeInvocationResults":    {"command", "instance"},
	}
)

// checkPolicies: each function has a policy that names single actions and
// resources, and allows what Function Compute does as the function's role.
func checkPolicies(d *document, all map[string]policy, f *faults) {
	for _, fn := range d.functions {
		if _, ok := all[fn.key]; !ok {
			f.check(false, "%s: there is no policy scripts/ram/%s.json", fn.key, fn.key)
		}
	}
	for name, p := range all {
		f.check(p.Version == "1", "%s: the version is not 1", name)
		for _, s := range p.Statement {
			f.check(s.Effect == "Allow", "%s: a statement does not allow", name)
			f.check(len(s.Action) > 0, "%s: a statement has no action", name)
		}
		fn := slices.IndexFunc(d.functions, func(fn function) bool { return fn.key == name })
		switch {
		case fn >= 0:
			checkGrants(d.functions[fn], p, f)
			gives := d.functions[fn].destination() != ""
			checkInvokes(name, only(d.functions, func(other function) bool {
				return other.key == alerts && name != alerts && name != deadLetters || other.key == deadLetters && gives
			}), p, f)
		case name == "trust":
			checkTrust(p, f)
		case name == "operator":
			checkResources(name, p, f)
			checkInvokes(name, d.functions, p, f)
		case name == "submitter":
			checkInvokes(name, only(d.functions, func(fn function) bool { return fn.key == "submit-task" }), p, f)
			f.check(len(p.grants()) == 2, "submitter: %v is allowed, want to invoke submit-task alone", p.grants())
		default:
			f.check(false, "%s: the policy is nobody's", name)
		}
	}
}

// checkResources: each action is a single one, allowed on the kinds of resources
// that it applies to.
func checkResources(name string, p policy, f *faults) {
	seen := map[grant]bool{}
	about := map[string][]string{}
	for _, g := range p.grants() {
		f.check(!seen[g], "%s: %s on %s is allowed twice", name, g.action, g.resource)
		seen[g] = true
		if !actionForm.MatchString(g.action) {
			f.check(false, "%s: %q is not one action", name, g.action)
			continue
		}
		service, _, _ := strings.Cut(g.action, ":")
		form := resourceForms[service]
		f.check(form != nil && form.MatchString(g.resource),
			"%s: %s is allowed on %q, which is not the form of what it needs", name, g.action, g.resource)
		if m := ecsKind.FindStringSubmatch(g.resource); service == "ecs" && m != nil {
			about[g.action] = append(about[g.action], m[1])
		}
	}
	for action, kinds := range about {
		slices.Sort(kinds)
		f.check(slices.Equal(kinds, ecsResources[action]), "%s: %s is allowed on %v, it is about %v", name, action, kinds, ecsResources[action])
	}
}

func checkGrants(fn function, p policy, f *faults) {
	checkResources(fn.key, p, f)
	for _, g := range p.grants() {
		f.check(!strings.HasSuffix(g.resource, "/aftercare_*"), "%s: %s is allowed on all tables", fn.key, g.action)
		f.check(!strings.HasSuffix(g.resource, ":*"), "%s: %s is allowed on everything", fn.key, g.action)
	}
	has, needed := slices.ContainsFunc(p.grants(), func(g grant) bool { return g.action == "log:PostLogStoreLogs" }), fn.props.object("logConfig") != nil
	f.check(has == needed, "%s: log:PostLogStoreLogs is allowed: %t, needed by s.yaml: %t", fn.key, has, needed)
}

// only are those functions that fit.
func only(functions []function, fits func(function) bool) []function {
	return slices.DeleteFunc(slices.Clone(functions), func(fn function) bool { return !fits(fn) })
}

// checkInvokes: whoever may invoke a function is believed, so submitters may
// invoke submit-task, operators all functions, and the functions alerts, which
// takes nothing but the number of a shard. Function Compute gives what failed to
// dead-letters as the role of the function that failed. No policy allows anything else
// of Function Compute. EventBridge invokes by its own service-linked role,
// timers need none.
func checkInvokes(name string, functions []function, p policy, f *faults) {
	var want []grant
	for _, fn := range functions {
		arn := "acs:fc:" + bound + "functions/" + fn.props.text("functionName")
		want = append(want, grant{"fc:InvokeFunction", arn}, grant{"fc:InvokeFunction", arn + "/*"}) // a qualifier is part of the resource
	}
	got := slices.DeleteFunc(p.grants(), func(g grant) bool { return !strings.HasPrefix(g.action, "fc:") })
	f.check(sameGrants(got, want), "%s: %v is allowed, want %v", name, got, want)
}

// sameGrants reports whether two lists have the same grants, in any order.
func sameGrants(a, b []grant) bool {
	order := func(list []grant) []grant {
		return slices.SortedFunc(slices.Values(list), func(a, b grant) int {
			return cmp.Or(strings.Compare(a.action, b.action), strings.Compare(a.resource, b.resource))
		})
	}
	return slices.Equal(order(a), order(b))
}

func checkTrust(p policy, f *faults) {
	ok := len(p.Statement) == 1 && slices.Equal(p.Statement[0].Action, []string{"sts:AssumeRole"}) &&
		fmt.Sprint(p.Statement[0].Principal) == "map[Service:[fc.aliyuncs.com]]"
	f.check(ok, "trust: not only Function Compute may take the roles")
}

func TestThePoliciesAreTrue(t *testing.T) {
	var f faults
	checkPolicies(mustRead(t), policies(t), &f)
	for _, fault := range f {
		t.Error(fault)
	}
}

func TestEveryFaultOfAPolicyIsSeen(t *testing.T) {
	d := mustRead(t)
	allow := func(action, resource string) statement {
		return statement{Effect: "Allow", Action: []string{action}, Resource: []string{resource}}
	}
	const wakeups = "acs:ots:<region>:<account>:instance/<tablestore-instance>/table/aftercare_wakeups"
	for name, c := range map[string]struct {
		change func(all map[string]policy)
		want   string
	}{
		"no policy":              {func(all map[string]policy) { delete(all, "sweep") }, "sweep: there is no policy"},
		"a policy of nobody":     {func(all map[string]policy) { all["other"] = all["sweep"] }, "other: the policy is nobody's"},
		"another version":        {func(all map[string]policy) { all["sweep"] = policy{Version: "2"} }, "sweep: the version is not 1"},
		"a denial":               {add("sweep", statement{Effect: "Deny", Action: []string{"ots:PutRow"}}), "sweep: a statement does not allow"},
		"no action":              {add("sweep", statement{Effect: "Allow"}), "sweep: a statement has no action"},
		"every action":           {add("sweep", allow("ots:*", wakeups)), `sweep: "ots:*" is not one action`},
		"many actions":           {add("sweep", allow("ots:Get*", wakeups)), `sweep: "ots:Get*" is not one action`},
		"another service":        {add("sweep", allow("oss:GetObject", "acs:oss:*:*:bucket")), `sweep: "oss:GetObject" is not one action`},
		"every resource":         {add("sweep", allow("ots:UpdateRow", "*")), `sweep: ots:UpdateRow is allowed on "*"`},
		"every table":            {add("sweep", allow("ots:UpdateRow", strings.Replace(wakeups, "wakeups", "*", 1))), "sweep: ots:UpdateRow is allowed on all tables"},
		"a control plane":        {add("sweep", allow("eventbridge:ListRules", "acs:eventbridge:<region>:<account>:*")), "sweep: eventbridge:ListRules is allowed on everything"},
		"too much for operators": {add("operator", allow("ots:*", wakeups)), `operator: "ots:*" is not one action`},
		"an account's own":       {add("sweep", allow("ots:UpdateRow", strings.Replace(wakeups, "<account>", "42", 1))), "sweep: ots:UpdateRow is allowed on"},
		"the same twice":         {add("sweep", allow("ots:PutRow", wakeups)), "sweep: ots:PutRow on " + wakeups + " is allowed twice"},
		"too much for an API":    {add("sweep", allow("ecs:RunCommand", "acs:ecs:<region>:<account>:command/*")), "sweep: ecs:RunCommand is allowed on [command instance]"},
		"a place for failures that is not used": {add("sweep", allow("fc:InvokeFunction", "acs:fc:<region>:<account>:functions/aftercare-dead-letters")),
			"functions/aftercare-dead-letters}] is allowed, want [{fc:InvokeFunction acs:fc:<region>:<account>:functions/aftercare-alerts} "},
		"no logs": {func(all map[string]policy) {
			p := all["sweep"]
			p.Statement = slices.DeleteFunc(p.Statement, func(s statement) bool { return s.Action[0] == "log:PostLogStoreLogs" })
			all["sweep"] = p
		}, "sweep: log:PostLogStoreLogs is allowed: false, needed by s.yaml: true"},
		"more than to submit": {add("submitter", allow("fc:InvokeFunction", "acs:fc:<region>:<account>:functions/aftercare-task-completed")),
			"submitter: [{fc:InvokeFunction acs:fc:<region>:<account>:functions/aftercare-submit-task} "},
		"more than to invoke": {add("submitter", allow("ots:GetRange", wakeups)), "want to invoke submit-task alone"},
		"a function that operators cannot invoke": {func(all map[string]policy) {
			p := all["operator"]
			p.Statement = slices.DeleteFunc(p.Statement, func(s statement) bool { return s.Action[0] == "fc:InvokeFunction" })
			all["operator"] = p
		}, "operator: [] is allowed, want [{fc:InvokeFunction "},
		"another function": {add("operator", allow("fc:InvokeFunction", "acs:fc:<region>:<account>:functions/aftercare-*")),
			`operator: fc:InvokeFunction is allowed on "acs:fc:<region>:<account>:functions/aftercare-*"`},
		"a function that invokes another than alerts": {add("sweep", allow("fc:InvokeFunction", "acs:fc:<region>:<account>:functions/aftercare-submit-task")),
			"sweep: [{fc:InvokeFunction acs:fc:<region>:<account>:functions/aftercare-alerts} "},
		"alerts that invokes": {add(alerts, allow("fc:InvokeFunction", "acs:fc:<region>:<account>:functions/aftercare-alerts")),
			"alerts: [{fc:InvokeFunction acs:fc:<region>:<account>:functions/aftercare-alerts}] is allowed, want []"},
		"a function that cannot wake alerts": {func(all map[string]policy) {
			p := all["sweep"]
			p.Statement = slices.DeleteFunc(p.Statement, func(s statement) bool { return s.Action[0] == "fc:InvokeFunction" })
			all["sweep"] = p
		}, "sweep: [] is allowed, want [{fc:InvokeFunction acs:fc:<region>:<account>:functions/aftercare-alerts} "},
		"roles for everybody": {add("trust", statement{Effect: "Allow", Action: []string{"sts:AssumeRole"}, Principal: map[string][]string{"RAM": {"*"}}}), "trust: not only Function Compute"},
	} {
		t.Run(name, func(t *testing.T) {
			all := policies(t)
			c.change(all)
			var f faults
			checkPolicies(d, all, &f)
			if !slices.ContainsFunc(f, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("faults %q, want one with %q", f, c.want)
			}
		})
	}
}

// add adds a statement to a policy.
func add(name string, s statement) func(map[string]policy) {
	return func(all map[string]policy) {
		p := all[name]
		p.Statement = append(p.Statement, s)
		all[name] = p
	}
}
