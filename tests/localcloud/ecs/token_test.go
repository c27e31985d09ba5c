package ecs_test

import (
	"testing"
	"time"

	"aftercare/tests/localcloud/ecs"
)

func TestATokenWithTheSameParametersIsTheSameCall(t *testing.T) {
	c := ready(t, nil)
	asked := shell("echo once").with(args{"ClientToken": "token-1", "Tag.1.Key": "k", "Tag.1.Value": "v"})
	first := c.must("RunCommand", asked)
	c.end(first["InvokeId"].(string))
	again := c.must("RunCommand", asked)
	check(t, "invoke id", again["InvokeId"], first["InvokeId"])
	check(t, "command id", again["CommandId"], first["CommandId"])
	if again["RequestId"] == first["RequestId"] {
		t.Error("two requests have one id")
	}
	for name, changed := range map[string]args{
		"another content":         {"CommandContent": "echo twice"},
		"another timeout":         {"Timeout": "61"},
		"one parameter more":      {"Username": "root"},
		"one parameter less":      {"Name": missing},
		"another tag":             {"Tag.1.Value": "w"},
		"the parameters unparsed": {"Timeout": "soon"},
	} {
		_, err := c.call("RunCommand", asked.with(changed))
		check(t, name, fault(err), "IdempotentParameterMismatch 403")
	}
	if other := c.run(asked.with(args{"ClientToken": "TOKEN-1"})); other == first["InvokeId"] {
		t.Error("tokens are compared without case")
	}
	c.eventually("the runs", func() bool { return len(c.Runs(one)) == 2 })
	check(t, "invocations", len(c.invocations(nil)), 2)
}

func TestInvokeCommandHasTokensToo(t *testing.T) {
	c := ready(t, nil)
	id := c.must("CreateCommand", args{"Name": "n", "Type": "RunShellScript", "CommandContent": base64Of("true")})["CommandId"].(string)
	asked := args{"CommandId": id, "InstanceId.1": one, "ClientToken": "token"}
	first := c.must("InvokeCommand", asked)
	check(t, "invoke id", c.must("InvokeCommand", asked)["InvokeId"], first["InvokeId"])
	_, err := c.call("InvokeCommand", asked.with(args{"Timeout": "99"}))
	check(t, "other parameters", fault(err), "IdempotentParameterMismatch 403")
}

func TestARefusedCallDoesNotUseItsTokenUp(t *testing.T) {
	c := ready(t, nil)
	asked := shell("true").with(args{"ClientToken": "token"})
	_, err := c.call("RunCommand", asked.with(args{"InstanceId.1": "i-unknown"}))
	check(t, "error", fault(err), "InvalidInstance.NotFound 404")
	c.run(asked)
}

func TestATokenIsForgottenAfterItsTime(t *testing.T) {
	at := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	c := ready(t, func(o *ecs.Options) { o.Now, o.Delays.TokenTTL = at.Now, time.Hour })
	send := func(content string) string {
		return c.raw("POST", signed("POST", at.Now(), owner,
			shell(content).with(args{"Action": "RunCommand", "ClientToken": "token"})))
	}
	check(t, "first call", send("true"), "200")
	at.move(time.Hour)
	check(t, "another call within the time", send("false"), "IdempotentParameterMismatch 403")
	at.move(time.Second)
	check(t, "another call after it", send("false"), "200")
	c.eventually("two runs", func() bool { return len(c.Runs(one)) == 2 })
}

// Of calls at once, one is in progress until the others have their answers.
func TestConcurrentCallsWithOneTokenRunOnce(t *testing.T) {
	c := ready(t, nil)
	until := make(chan struct{})
	c.HoldAccepts(until)
	asked := shell("echo once").with(args{"ClientToken": "token"})
	const calls = 16
	answers := make(chan string, calls)
	for range calls {
		go func() {
			out, err := c.call("RunCommand", asked)
			if err != nil {
				answers <- fault(err)
				return
			}
			answers <- out["InvokeId"].(string)
		}()
	}
	for range calls - 1 {
		check(t, "answer meanwhile", <-answers, "IdempotentProcessing 403")
	}
	_, err := c.call("RunCommand", asked.with(args{"Timeout": "11"}))
	check(t, "answer to other parameters meanwhile", fault(err), "IdempotentParameterMismatch 403")
	close(until)
	id := <-answers
	c.end(id)
	check(t, "invoke id afterwards", c.run(asked), id)
	check(t, "runs", len(c.Runs(one)), 1)
	check(t, "invocations", len(c.invocations(nil)), 1)
}
