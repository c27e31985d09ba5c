package ecs_test

import (
	"net/http"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"

	faults "aftercare/tests/localcloud/fault"

	"aftercare/tests/localcloud/ecs"
)

func TestFaultsStrikeBeforeOrAfterTheEffect(t *testing.T) {
	for _, mode := range faults.Modes {
		t.Run(string(mode), func(t *testing.T) {
			set := &faults.Set{}
			c := ready(t, func(o *ecs.Options) { o.Faults = set })
			set.Add(faults.Fault{Call: "RunCommand", Mode: mode})
			client := c.client(owner)
			defer client.Shutdown()
			client.SetTransport(set.Impatient(&http.Transport{}))
			asked := shell("true").with(args{"ClientToken": "token"})
			_, err := client.ProcessCommonRequest(c.request("RunCommand", asked))
			switch mode {
			case faults.ErrorBefore, faults.ErrorAfter:
				check(t, "error", fault(err), "ServiceUnavailable 503")
			default:
				if err == nil {
					t.Error("the call got an answer")
				}
			}
			happened := 0
			if mode == faults.ErrorAfter || mode == faults.CutAfter || mode == faults.HangAfter {
				happened = 1
			}
			check(t, "invocations after the fault", len(c.invocations(nil)), happened)

			id := c.run(asked) // the same call, as a client repeats it
			check(t, "status", c.end(id)["InvocationStatus"], any("Success"))
			check(t, "runs", len(c.Runs(one)), 1)
			check(t, "struck", set.Struck(), 1)
			check(t, "calls of RunCommand", set.Calls()["RunCommand"], 2)
		})
	}
}

func TestAFaultMayHaveItsOwnError(t *testing.T) {
	set := &faults.Set{}
	c := ready(t, func(o *ecs.Options) { o.Faults = set })
	set.Add(faults.Fault{Mode: faults.ErrorBefore, Status: 400, Code: "Throttling.User", Message: "slow down"})
	_, err := c.call("DescribeInstances", nil)
	check(t, "error", fault(err), "Throttling.User 400")
	c.must("DescribeInstances", nil)
}

func TestOnlyAuthenticatedCallsCountForFaults(t *testing.T) {
	set := &faults.Set{}
	c := ready(t, func(o *ecs.Options) { o.Faults = set })
	wrong := owner
	wrong.Secret = "wrong"
	client := c.client(wrong)
	defer client.Shutdown()
	client.ProcessCommonRequest(c.request("DescribeInstances", nil))
	check(t, "calls", set.Calls()["DescribeInstances"], 0)
	c.must("DescribeInstances", nil)
	check(t, "calls", set.Calls()["DescribeInstances"], 1)
}

func TestCloseEndsHangingCalls(t *testing.T) {
	set := &faults.Set{}
	c := ready(t, func(o *ecs.Options) { o.Faults = set })
	set.Add(faults.Fault{Mode: faults.HangBefore, Times: -1})
	client := c.client(owner)
	defer client.Shutdown()
	done := make(chan error, 1)
	go func(client *sdk.Client) {
		_, err := client.ProcessCommonRequest(c.request("DescribeInstances", nil))
		done <- err
	}(client)
	c.eventually("the call hangs", func() bool { return set.Struck() == 1 })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the call got an answer")
	}
}
