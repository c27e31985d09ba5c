package functioncompute_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"aftercare/tests/localcloud/functioncompute"
)

// failures returns how often each failed asynchronous invocation was tried.
func failures(t *testing.T, file string) (tries []int) {
	t.Helper()
	for _, line := range lines(t, file) {
		var outcome struct {
			RequestContext struct{ ApproximateInvokeCount int }
		}
		if err := json.Unmarshal([]byte(line), &outcome); err != nil {
			t.Fatal(err)
		}
		tries = append(tries, outcome.RequestContext.ApproximateInvokeCount)
	}
	return tries
}

// TestAsynchronousInvocationsFollowTheSettingsOfTheirQualifier: an alias does not
// inherit those of LATEST.
func TestAsynchronousInvocationsFollowTheSettingsOfTheirQualifier(t *testing.T) {
	dir := t.TempDir()
	opt := functioncompute.Options{Dir: dir, AsyncScale: 1e-3}
	p := newPlane(t, opt)
	p.must("POST", "functions", function(t, "f"))
	p.must("POST", "functions/f/versions", nil)
	p.must("POST", "functions/f/aliases", object{"aliasName": "live", "versionId": "1"})
	queue := func(retries int) object {
		return object{"maxAsyncRetryAttempts": retries, "maxAsyncEventAgeInSeconds": 21600, "destinationConfig": object{"onFailure": object{"destination": "acs:mns:r:1:/queues/q/messages"}}}
	}
	p.refused("AsyncConfigNotExists", "GET", "functions/f/async-invoke-config", nil)
	p.must("PUT", "functions/f/async-invoke-config", queue(8))
	file := filepath.Join(dir, "f-failure.jsonl")
	fail := func(p *plane, qualifier string) {
		t.Helper()
		call := functioncompute.Call{Function: "f", Qualifier: qualifier, Async: true, Payload: []byte(`{"do":"fail"}`)}
		if _, err := p.server.Do(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is given up", func() bool { return p.server.AsyncPending() == 0 })
	}
	fail(p, "live")
	if _, err := os.Stat(file); err == nil {
		t.Error("the alias follows the settings of LATEST")
	}
	fail(p, "")
	p.must("PUT", "functions/f/async-invoke-config?qualifier=live", queue(1))
	if err := p.server.Close(); err != nil {
		t.Fatal(err)
	}
	again := newPlane(t, opt)
	fail(again, "live")
	if got := failures(t, file); len(got) != 2 || got[0] != 9 || got[1] != 2 {
		t.Errorf("tried %v, want 9 times for LATEST and 2 for the alias", got)
	}
	if all := again.must("GET", "async-invoke-configs?functionName=f", nil)["configs"].([]any); len(all) != 2 {
		t.Errorf("listed %v", all)
	}
	again.must("DELETE", "functions/f/async-invoke-config?qualifier=live", nil)
	again.refused("AsyncConfigNotExists", "DELETE", "functions/f/async-invoke-config?qualifier=live", nil)
	again.refused("InvalidArgument", "PUT", "functions/f/async-invoke-config", object{"maxAsyncRetryAttempts": 9})
	again.refused("AliasNotFound", "PUT", "functions/f/async-invoke-config?qualifier=none", queue(1))
}

func TestSettingsAreKeptAndShown(t *testing.T) {
	own := probe("own")
	own.AsyncMaxRetries, own.AsyncQualifier, own.Aliases = 8, "live", []string{"live"}
	own.OnFailure = functioncompute.Destination{File: "/dev/null", ARN: "acs:mns:r:1:/queues/q"}
	p := newPlane(t, functioncompute.Options{Functions: []functioncompute.Function{own}})
	got := p.must("GET", "functions/own/async-invoke-config?qualifier=live", nil)
	text, _ := json.Marshal(got["destinationConfig"])
	if got["maxAsyncRetryAttempts"] != 8.0 || string(text) != `{"onFailure":{"destination":"acs:mns:r:1:/queues/q"},"onSuccess":{"destination":""}}` {
		t.Errorf("the program's settings are %v", got)
	}
	p.refused("AsyncConfigNotExists", "GET", "functions/own/async-invoke-config", nil)
	for kind, tt := range map[string]struct {
		value object
		code  string
	}{
		"concurrency":      {object{"reservedConcurrency": 5.0}, "ConcurrencyConfigNotFound"},
		"provision-config": {object{"defaultTarget": 1.0}, "ProvisionConfigNotFound"},
		"scaling-config":   {object{"minInstances": 1.0}, "ScalingConfigNotFound"},
	} {
		path := "functions/own/" + kind
		if kind != "concurrency" {
			path += "?qualifier=live"
		}
		p.refused(tt.code, "GET", path, nil)
		p.must("PUT", path, tt.value)
		got := p.must("GET", path, nil)
		for name, want := range tt.value {
			if got[name] != want {
				t.Errorf("%s is %v, want %s %v", kind, got, name, want)
			}
		}
		p.must("DELETE", path, nil)
		p.refused(tt.code, "DELETE", path, nil)
	}
}
