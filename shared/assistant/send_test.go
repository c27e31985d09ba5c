package assistant_test

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/command"
	"aftercare/shared/engine"
)

func flat(v url.Values) map[string]string {
	out := map[string]string{}
	for k := range v {
		out[k] = strings.Join(v[k], "|")
	}
	return out
}

// (command rules 23, 25)
func TestSendOfARunPutsTheWholeCommandIntoTheBody(t *testing.T) {
	s := serve(t, accepted)
	send := runSend()
	send.Command.Run.Timeout = command.Duration(61 * time.Second)
	send.Command.Run.WorkingDir = "/opt"
	send.Command.Run.Username = "deploy"
	got, err := client(t, config(s)).Send(soon(t), send)
	if err != nil || got != "t-invoke1" {
		t.Fatalf("Send() = %q, %v, want the invoke id", got, err)
	}
	text := send.Command.Run.Text()
	want := map[string]string{
		"InstanceId.1": instance, "ClientToken": effect, "Tag.1.Key": "aftercare:send", "Tag.1.Value": effect,
		"Name": "collect-logs." + task, "Type": "RunShellScript", "ContentEncoding": "Base64",
		"CommandContent":  base64.StdEncoding.EncodeToString([]byte(text)),
		"EnableParameter": "false", "KeepCommand": "false", "RepeatMode": "Once", "TerminationMode": "ProcessTree",
		"Timeout": "61", "WorkingDir": "/opt", "Username": "deploy",
	}
	r := s.seen()[0]
	if diff := cmp.Diff(want, flat(r.body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	for k := range want {
		if r.query.Has(k) {
			t.Errorf("%s is in the URL too", k)
		}
	}
	if got := r.query.Get("Action"); got != "RunCommand" {
		t.Errorf("Action = %s, want RunCommand", got)
	}
}

func TestSendOfAnInvokeNamesTheSavedCommand(t *testing.T) {
	s := serve(t, accepted)
	send := invokeSend()
	send.Command.Invoke.Parameters = map[string]string{"b": "x@y.z/:1,2+3=4-5", "a": "", "C_c-9": "v"}
	if _, err := client(t, config(s)).Send(soon(t), send); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"InstanceId.1": instance, "ClientToken": effect, "Tag.1.Key": "aftercare:send", "Tag.1.Value": effect,
		"CommandId": "c-saved", "Parameters": `{"C_c-9":"v","a":"","b":"x@y.z/:1,2+3=4-5"}`,
		"TerminationMode": "ProcessTree",
	}
	if diff := cmp.Diff(want, flat(s.seen()[0].body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestStopNamesTheInvocationAndTheInstance(t *testing.T) {
	s := serve(t, ok(`{"RequestId":"REQ"}`))
	if err := client(t, config(s)).Stop(soon(t), instance, "t-invoke1"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"InstanceId.1": instance, "InvokeId": "t-invoke1"}
	if diff := cmp.Diff(want, flat(s.seen()[0].body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if got := s.seen()[0].query.Get("Action"); got != "StopInvocation" {
		t.Errorf("Action = %s, want StopInvocation", got)
	}
}

func TestAWrongCommandIsInvalidWithoutACall(t *testing.T) {
	run := func(change func(*engine.Send)) engine.Send {
		s := runSend()
		change(&s)
		return s
	}
	for name, send := range map[string]engine.Send{
		"no instance":                 run(func(s *engine.Send) { s.InstanceID = "" }),
		"no token":                    run(func(s *engine.Send) { s.Token = "" }),
		"token with a space":          run(func(s *engine.Send) { s.Token = "a b" }),
		"token beyond ASCII":          run(func(s *engine.Send) { s.Token = "ä" }),
		"no task id":                  run(func(s *engine.Send) { s.TaskID = "" }),
		"neither run nor invoke":      run(func(s *engine.Send) { s.Command = command.Command{} }),
		"both run and invoke":         run(func(s *engine.Send) { s.Command.Invoke = &command.Invoke{CommandID: "c"} }),
		"a run against the rules":     run(func(s *engine.Send) { s.Command.Run.Type = "RunSecretScript" }),
		"an invoke against the rules": {InstanceID: instance, Token: effect, Command: command.Command{Invoke: &command.Invoke{}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, accepted)
			_, err := client(t, config(s)).Send(soon(t), send)
			if !errors.Is(err, engine.ErrInvalid) {
				t.Errorf("Send() = %v, want ErrInvalid", err)
			}
			if n := len(s.seen()); n != 0 {
				t.Errorf("%d calls were made", n)
			}
		})
	}
}

func TestATokenHasUpTo64Characters(t *testing.T) {
	for n, want := range map[int]int{64: 1, 65: 0} {
		s := serve(t, accepted)
		send := runSend()
		send.Token = strings.Repeat("a", n)
		client(t, config(s)).Send(soon(t), send)
		if got := len(s.seen()); got != want {
			t.Errorf("a token of %d characters was sent %d times, want %d", n, got, want)
		}
	}
}
