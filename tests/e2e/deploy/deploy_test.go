// Package deploy_test deploys Aftercare as a new user does: scripts/deploy.sh, with
// the real Serverless Devs reading s.yaml, onto an empty local cloud's control planes.
// Only the component that calls Function Compute is a stand-in (tests/devs). Without
// Serverless Devs (the variable SERVERLESS_DEVS, which 'make deploy-test' sets) it is skipped.
package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/cloud"
)

const (
	root     = "../../.."
	instance = "i-smoke"
)

// account is an empty account, and a shell in which a user works.
type account struct {
	*testing.T
	at   cloud.Endpoints
	ops  *cloud.Client
	env  []string
	log  *requests
	home string
}

// requests is the log of all requests to the services.
type requests struct {
	mu    sync.Mutex
	lines []string
}

func (r *requests) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, string(bytes.TrimSpace(line)))
	return len(line), nil
}

// take returns the calls since the last time, as "service Call subject".
func (r *requests) take() (calls []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		fields := strings.Fields(line)
		calls = append(calls, strings.Join(fields[:min(3, len(fields))], " "))
	}
	r.lines = nil
	return calls
}

// newAccount starts a local cloud with nothing in it.
func newAccount(t *testing.T) *account {
	s := os.Getenv("SERVERLESS_DEVS")
	if s == "" {
		t.Skip("Serverless Devs is not installed: 'make deploy-test' does that")
	}
	a := &account{T: t, log: &requests{}, home: t.TempDir()}
	up, err := cloud.Up(cloud.Options{
		Data: t.TempDir(), Key: access.Key{ID: "deployer", Secret: "deployers-secret"}, Requests: a.log, NoSync: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := up.Close(); err != nil {
			t.Error(err)
		}
	})
	a.at = up.Endpoints()
	a.ops = &cloud.Client{URL: a.at.Control}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "s"), "aftercare/tests/devs").CombinedOutput(); err != nil {
		t.Fatalf("build the stand-in for s: %v\n%s", err, out)
	}
	a.env = append(os.Environ(),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "SERVERLESS_DEVS="+s, "HOME="+a.home, "XDG_CONFIG_HOME="+a.home+"/config",
		"GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"),
		"ALIBABA_CLOUD_ACCESS_KEY_ID="+a.at.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET="+a.at.AccessKeySecret,
		fmt.Sprintf(`default_serverless_devs_access={"AccountID":%q,"AccessKeyID":%q,"AccessKeySecret":%q}`, a.at.Account, a.at.AccessKeyID, a.at.AccessKeySecret),
		"ALIBABA_CLOUD_REGION_ID="+a.at.Region, "ALIBABA_CLOUD_ACCOUNT_ID="+a.at.Account,
		"AFTERCARE_TABLESTORE_INSTANCE="+a.at.TablestoreInstance, "AFTERCARE_TABLESTORE_ENDPOINT="+a.at.Tablestore, "AFTERCARE_ECS_ENDPOINT="+a.at.ECS,
		"AFTERCARE_FC_ENDPOINT="+a.at.FunctionCompute, "AFTERCARE_EVENTBRIDGE_ENDPOINT="+a.at.EventBridge, "AFTERCARE_RAM_ENDPOINT="+a.at.RAM,
		"AFTERCARE_SLS_ENDPOINT="+a.at.SLS, "AFTERCARE_CMS_ENDPOINT="+a.at.CloudMonitor,
		// Tables and functions must have the same.
		"AFTERCARE_TABLE_TTL=90",
	)
	return a
}

func goEnv(t *testing.T, name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// run runs deploy.sh, wants an exit code, and returns what it printed.
func (a *account) run(code int, args ...string) string {
	a.Helper()
	return a.shell(code, "scripts/deploy.sh "+strings.Join(args, " "))
}

// shell runs a line of the shell in the same way.
func (a *account) shell(code int, line string) string {
	a.Helper()
	ctx, cancel := context.WithTimeout(a.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = root, a.env
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		a.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		a.Fatalf("%s ended with %d, want %d:\n%s", line, got, code, out)
	}
	return string(out)
}

// call makes a call by hand, as somebody in a console does.
func (a *account) call(endpoint, version string, use func(*openapi.Client) error) {
	a.Helper()
	api, err := openapi.New(openapi.Config{Endpoint: endpoint, Version: version, RoundTripper: transport.NewPool(time.Now)},
		transport.NewCredentials(a.at.AccessKeyID, a.at.AccessKeySecret, ""))
	if err == nil {
		err = use(api)
	}
	if err != nil {
		a.Fatal(err)
	}
}

func (a *account) rpc(endpoint, version, action string, parameters url.Values, into any) {
	a.Helper()
	a.call(endpoint, version, func(c *openapi.Client) error { return c.RPC(a.Context(), action, parameters, nil, into) })
}

func wants(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("it does not say %q:\n%s", text, out)
		}
	}
}

// TestADeploymentFromNothingToNothing is one deployment's life.
func TestADeploymentFromNothingToNothing(t *testing.T) {
	a := newAccount(t)
	if err := a.ops.CreateInstance(t.Context(), cloud.Instance{ID: instance}); err != nil {
		t.Fatal(err)
	}
	if err := a.ops.Boot(t.Context(), instance); err != nil {
		t.Fatal(err)
	}

	t.Log("before the first time, all of it would be made, and nothing is")
	a.log.take()
	wants(t, a.run(6, "dev", "--plan"), "would make the role aftercare-sweep", "would make the log project", "would make the function aftercare-sweep")
	onlyReads(t, a.log.take())

	t.Log("the first time makes all of it, and a command runs")
	wants(t, a.run(0, "dev", "--instance", instance), "aftercare-dead")
	a.sequence(a.log.take())
	runs, err := a.ops.Runs(t.Context(), instance)
	if err != nil || len(runs) != 1 {
		t.Errorf("the smoke test ran %d commands: %v", len(runs), err)
	}

	t.Log("the second time changes nothing")
	wants(t, a.run(0, "dev", "--plan"), "nothing to change")
	a.log.take()
	a.run(0, "dev", "--no-smoke-test")
	onlyReads(t, slices.DeleteFunc(a.log.take(), func(call string) bool { return strings.HasPrefix(call, "functioncompute ") })) // s always updates
	a.run(0, "dev", "--plan")

	t.Log("what is changed by hand is found, and undone")
	a.drift()
	wants(t, a.run(6, "dev", "--plan"), "aftercare-task-completed-ecs", "aftercare-sweep (cpu)", "would give the role aftercare-sweep its policy", "environmentVariables.OWN")
	if out := a.shell(101, "set -a; . "+a.home+"/config/aftercare/dev.env; s deploy -t scripts/env/dev.yaml </dev/null"); !strings.Contains(out, "it asked, and got no yes") {
		t.Errorf("without -y, s does not ask:\n%s", out)
	}
	a.run(0, "dev", "--no-smoke-test")
	a.run(0, "dev", "--plan")

	t.Log("at the end nothing is left but the tables, and then nothing")
	wants(t, a.run(2, "dev", "--destroy"), "add --yes")
	a.run(0, "dev", "--destroy", "--yes")
	a.left(true)
	a.run(0, "dev", "--destroy", "--tables", "--yes")
	a.left(false)
	wants(t, a.run(6, "dev", "--plan"), "would make the role aftercare-sweep")
}

// reads are the beginnings of the calls that change nothing.
var reads = []string{"Get", "List", "Describe", "GET", "BatchGetRow", "TestEventPattern", "InvokeFunction", "PutRow", "BatchWriteRow"}

// onlyReads: no call changes what is deployed. The functions at work write rows.
func onlyReads(t *testing.T, calls []string) {
	t.Helper()
	for _, call := range calls {
		fields := strings.Fields(call)
		if !slices.ContainsFunc(reads, func(prefix string) bool { return strings.HasPrefix(fields[1], prefix) }) && fields[0] != "ecs" {
			t.Errorf("it calls %s", call)
		}
	}
}

// deployed is what the component fc3 calls for one new function, in order. Source: its
// code, https://github.com/devsapp/fc3 (see tests/devs).
var deployed = []string{
	"GetFunction", "CreateFunction", "GetFunction", "GetTrigger", "CreateTrigger", "GetAsyncInvokeConfig", "PutAsyncInvokeConfig",
}

// sequence compares the first calls about one function with the written list. One that
// makes a function names none in its path.
func (a *account) sequence(calls []string) {
	a.Helper()
	var got []string
	about := ""
	for _, call := range calls {
		fields := append(strings.Fields(call), "")
		if fields[0] != "functioncompute" || fields[1] == "InvokeFunction" {
			continue
		}
		if fields[1] != "CreateFunction" {
			about = fields[2]
		}
		if about == "aftercare-task-completed" && len(got) < len(deployed) {
			got = append(got, fields[1])
		}
	}
	if !slices.Equal(got, deployed) {
		a.Errorf("s deploy called %v, want %v", got, deployed)
	}
}

// drift changes some of what is deployed, as somebody in a console does.
func (a *account) drift() {
	a.Helper()
	bus := url.Values{"EventBusName": {"default"}, "RuleName": {"aftercare-task-completed-ecs"}}
	var shown struct {
		Data struct{ Targets []map[string]any }
	}
	a.rpc(a.at.EventBridge, "2020-04-01", "ListTargets", bus, &shown)
	for _, target := range shown.Data.Targets {
		target["PushRetryStrategy"] = "BACKOFF_RETRY"
		delete(target, "DeadLetterQueue")
	}
	text, err := json.Marshal(shown.Data.Targets)
	if err != nil {
		a.Fatal(err)
	}
	bus.Set("Targets", string(text))
	a.rpc(a.at.EventBridge, "2020-04-01", "PutTargets", bus, nil)
	const sweep = "aftercare-sweep"
	a.rpc(a.at.RAM, "2015-05-01", "DetachPolicyFromRole", url.Values{"PolicyType": {"Custom"}, "PolicyName": {sweep}, "RoleName": {sweep}}, nil)
	a.call(a.at.FunctionCompute, "2023-03-30", func(c *openapi.Client) error {
		return c.ROA(a.Context(), "UpdateFunction", http.MethodPut, "/2023-03-30/functions/"+sweep, nil, map[string]any{"cpu": 1, "memorySize": 1024}, nil)
	})
	a.call(a.at.FunctionCompute, "2023-03-30", func(c *openapi.Client) error {
		const at = "/2023-03-30/functions/aftercare-alerts"
		var f struct{ EnvironmentVariables map[string]string }
		if err := c.ROA(a.Context(), "GetFunction", http.MethodGet, at, nil, nil, &f); err != nil {
			return err
		}
		f.EnvironmentVariables["OWN"] = "x"
		return c.ROA(a.Context(), "UpdateFunction", http.MethodPut, at, nil, map[string]any{"environmentVariables": f.EnvironmentVariables}, nil)
	})
}

// left looks for what a deployment made: nothing is there, or nothing but tables.
func (a *account) left(tables bool) {
	a.Helper()
	var functions struct{ Functions []any }
	a.call(a.at.FunctionCompute, "2023-03-30", func(c *openapi.Client) error {
		return c.ROA(a.Context(), "ListFunctions", http.MethodGet, "/2023-03-30/functions", nil, nil, &functions)
	})
	var roles struct{ Roles struct{ Role []any } }
	a.rpc(a.at.RAM, "2015-05-01", "ListRoles", nil, &roles)
	var buses struct {
		Data struct {
			EventBuses []struct{ EventBusName string }
		}
	}
	a.rpc(a.at.EventBridge, "2020-04-01", "ListEventBuses", nil, &buses)
	var rules struct{ Data struct{ Rules []any } }
	a.rpc(a.at.EventBridge, "2020-04-01", "ListRules", url.Values{"EventBusName": {"default"}}, &rules)
	if got := fmt.Sprint(len(functions.Functions), len(roles.Roles.Role), buses.Data.EventBuses, len(rules.Data.Rules)); got != "0 0 [{default}] 0" && got != "0 0 [] 0" {
		a.Errorf("functions, roles, buses and rules left: %s", got)
	}
	code := 0
	if !tables {
		code = 6
	}
	a.shell(code, "bin/aftercare setup tables --ttl-days 90 --plan --env dev")
}
