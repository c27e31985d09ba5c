package deploy_test

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/openapi"
	"aftercare/shared/setup"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/ram"
	"aftercare/tests/localcloud/sls"
)

// everyStep makes every call of the steps that set up and remove a deployment's roles
// and logs, and returns the calls, as RAM names what they need. What is there is
// changed by hand, with calls that do not count.
func everyStep(t *testing.T, withRAM bool) map[string]bool {
	t.Helper()
	key := access.Key{ID: "me", Secret: "s3cret"}
	creds := transport.NewCredentials(key.ID, key.Secret, "")
	faults := &fault.Set{}
	roles, err := ram.Start(ram.Options{Keys: access.NewKeys(key), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { roles.Close() })
	logs, err := sls.Start(sls.Options{Keys: access.NewKeys(key), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logs.Close() })
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	cfg := setup.Config{Endpoint: roles.Endpoint(), RoundTripper: pool, Backoff: transport.Backoff{First: 1, Most: 1}}
	r, err := setup.NewRAM(cfg, creds)
	if err != nil {
		t.Fatal(err)
	}
	api, err := openapi.New(openapi.Config{Endpoint: roles.Endpoint(), Version: "2015-05-01", RoundTripper: pool}, creds)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Endpoint = logs.Endpoint()
	l, err := setup.NewSLS(cfg, "cn-hangzhou", creds)
	if err != nil {
		t.Fatal(err)
	}

	names := setup.Names{Region: "cn-hangzhou", Account: "1", TablestoreName: "a", Project: "aftercare-logs", Logstore: "functions"}
	apply := func(plan setup.Plan) {
		t.Helper()
		if _, err := setup.Apply(t.Context(), plan, cfg.Backoff, func(setup.Change) {}); err != nil {
			t.Fatal(err)
		}
	}
	documents := func(token, threshold string) []setup.Document {
		return []setup.Document{
			{File: "index", JSON: `{"line":{"token":["` + token + `"]}}`},
			{File: "board", JSON: `{"dashboardName":"aftercare","displayName":"` + threshold + `"}`},
			{File: "rule", JSON: `{"name":"aftercare","threshold":` + threshold + `}`},
		}
	}
	one := setup.Functions[:1]
	apply(r.Roles(one, names))
	if !withRAM {
		faults.ResetCalls()
	}
	apply(r.Roles(one, names))
	apply(l.Logs(names, 30, documents(" ", "1")))
	apply(l.Logs(names, 30, documents(",", "2")))
	if _, _, err := l.Lines(t.Context(), names.Project, names.Logstore, "*", time.Now().Add(-time.Hour), time.Now()); err != nil {
		t.Fatal(err)
	}
	apply(l.WithoutLogs(names.Project))
	if withRAM {
		hand := url.Values{"RoleName": {setup.Name(one[0])}, "NewAssumeRolePolicyDocument": {`{"Version":"1","Statement":[{"Effect":"Deny"}]}`}}
		if err := api.RPC(t.Context(), "UpdateRole", hand, nil, nil); err != nil {
			t.Fatal(err)
		}
		names.Account = "2"
		apply(r.Roles(one, names))
		apply(r.WithoutRoles(one))
	}
	out := map[string]bool{}
	for call := range faults.Calls() {
		service := "ram:"
		if strings.HasSuffix(call, "Alert") {
			call = strings.TrimSuffix(call, "Alert") + "Job"
		}
		for _, of := range []string{"Project", "LogStore", "Index", "Dashboard", "Job", "GetLogsV2"} {
			if strings.HasSuffix(call, of) {
				service = "log:"
			}
		}
		out[service+strings.Replace(call, "GetLogsV2", "GetLogStoreLogs", 1)] = true
	}
	return out
}

// TestADeployerIsAllowedWhatSetupCallsAndNoMore compares the policies with the calls
// that the steps make. What others do with the deployer's rights cannot be seen: of
// Function Compute, and, beside the role, what alert rules make.
func TestADeployerIsAllowedWhatSetupCallsAndNoMore(t *testing.T) {
	for name, withRAM := range map[string]bool{setup.Deployer: false, setup.DeployerWithRAM: true} {
		t.Run(name, func(t *testing.T) {
			called, allowed := everyStep(t, withRAM), map[string]bool{}
			for _, s := range setup.Policies()[name].Statement {
				for _, action := range s.Action {
					ours := strings.HasPrefix(action, "ram:") || strings.HasPrefix(action, "log:")
					if s.Effect == "Allow" && ours && !strings.Contains(s.Resource[0], "/sls-alert-") && !slices.Contains([]string{"ram:PassRole", "ram:CreateServiceLinkedRole"}, action) {
						allowed[action] = true
					}
				}
			}
			if !maps.Equal(called, allowed) {
				t.Errorf("called  %q\nallowed %q", slices.Sorted(maps.Keys(called)), slices.Sorted(maps.Keys(allowed)))
			}
		})
	}
}

// TestADeployerCannotRaiseItself: it changes nothing but what has a deployment's
// prefix, and not what gives people their rights. A role's policy is still its to
// change, and a function's code: scripts/README.md says so.
func TestADeployerCannotRaiseItself(t *testing.T) {
	for _, name := range []string{setup.Deployer, setup.DeployerWithRAM} {
		p := setup.Policies()[name]
		var denied []string
		for _, s := range p.Statement {
			if s.Effect == "Deny" && slices.Equal(s.Action, []string{"ram:*"}) && s.Condition == nil {
				denied = append(denied, s.Resource...)
			}
		}
		for _, own := range []string{"role/aftercare-deployer*", "policy/aftercare-deployer*", "policy/aftercare-operator", "policy/aftercare-submitter"} {
			if !slices.Contains(denied, "acs:ram:*:<account>:"+own) {
				t.Errorf("%s does not deny ram:* on %s", name, own)
			}
		}
		for _, s := range p.Statement {
			for _, action := range s.Action {
				for _, resource := range s.Resource {
					_, what, _ := strings.Cut(resource, "<account>:")
					bounded := strings.HasPrefix(what, "role/aftercare-") || strings.HasPrefix(what, "policy/aftercare-") || strings.HasPrefix(what, "functions/aftercare-") ||
						strings.HasPrefix(what, "instance/<tablestore-instance>/table/aftercare_") || strings.HasPrefix(what, "project/<log-project>") ||
						strings.HasPrefix(what, "project/sls-alert-<account>-<region>") || strings.HasPrefix(action, "eventbridge:") || action == "ram:CreateServiceLinkedRole" && s.Condition != nil
					if s.Effect == "Allow" && (!bounded || strings.Contains(action, "*")) {
						t.Errorf("%s allows %s on %s", name, action, resource)
					}
				}
			}
		}
	}
}

// TestADeployerIsAllowedWhatTablesNeedAndNoMore: it makes and removes them, and looks
// for the record of the smoke test.
func TestADeployerIsAllowedWhatTablesNeedAndNoMore(t *testing.T) {
	c := &recorder{seen: map[grant]bool{}}
	r := newRig(t, c)
	l := r.Ledger()
	direct := tablestore.NewClientWithConfig(r.Tables.Endpoint(), r.Settings.Ledger.Instance, r.Key.ID, r.Key.Secret, r.Key.Token, nil)
	if _, err := direct.DeleteIndex(&tablestore.DeleteIndexRequest{MainTableName: "aftercare_instances", IndexName: "aftercare_timeline"}); err != nil {
		t.Fatal(err)
	}
	c.record(true)
	_, _, lists := l.CreateTables(t.Context(), r.Settings.Policy.TableTTL) // makes the lost list
	_, found := l.Find(t.Context(), instanceID, "none")
	_, listed := l.Tables(t.Context())
	removed := l.RemoveTables(t.Context())
	_, _, made := l.CreateTables(t.Context(), r.Settings.Policy.TableTTL)
	c.record(false)
	if err := errors.Join(lists, found, listed, removed, made); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{setup.Deployer, setup.DeployerWithRAM} {
		var p policy
		for _, s := range setup.Policies()[name].Statement {
			p.Statement = append(p.Statement, statement{Action: s.Action, Resource: s.Resource})
		}
		allowed := map[grant]bool{}
		for g := range called(p) {
			if strings.HasPrefix(g.action, "ots:") {
				allowed[g] = true
			}
		}
		if extra := differences(c.seen, allowed); len(extra) > 0 {
			t.Errorf("%s: called and not allowed: %s", name, extra)
		}
		if extra := differences(allowed, c.seen); len(extra) > 0 {
			t.Errorf("%s: allowed and never called: %s", name, extra)
		}
	}
}
