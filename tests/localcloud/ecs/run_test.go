package ecs_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/ecs"
)

func TestACommandRunsAndIsReported(t *testing.T) {
	c := ready(t, nil)
	out := c.must("RunCommand", shell("echo out; echo err >&2"))
	invoke := out["InvokeId"].(string)
	if out["CommandId"] == "" || out["RequestId"] == "" {
		t.Errorf("the answer %v lacks an id", out)
	}
	r := c.end(invoke)
	check(t, "InvocationStatus", r["InvocationStatus"], any("Success"))
	check(t, "InvokeRecordStatus", r["InvokeRecordStatus"], any("Finished"))
	check(t, "ErrorCode", r["ErrorCode"], any(""))
	check(t, "ExitCode", r["ExitCode"], any(0.0))
	check(t, "Output", r["Output"], any("out\nerr\n"))
	check(t, "Repeats", r["Repeats"], any(1.0))
	check(t, "Username", r["Username"], any("root"))
	if r["FinishedTime"] == "" || r["StartTime"] == "" {
		t.Errorf("the result %v lacks a time", r)
	}

	c.eventually("the event", func() bool { return len(c.completed()) == 1 })
	data := c.completed()[0]
	want := map[string]string{
		"commandId": out["CommandId"].(string), "commandName": "test", "exitCode": "0", "instanceId": one,
		"invocationStatus": "Success", "invokeId": invoke, "ownerId": account, "playerUid": account,
		"repeatMode": "Once", "repeats": "1", "errorCode": "0", "errorDesc": "",
		"startTime": r["StartTime"].(string), "finishTime": r["FinishedTime"].(string),
	}
	for name, value := range want {
		check(t, name, data[name], value)
	}
	check(t, "number of fields", len(data), len(want))

	runs := c.Runs(one)
	if len(runs) != 1 || runs[0].InvokeID != invoke || runs[0].Name != "test" || runs[0].End.IsZero() {
		t.Errorf("runs = %+v", runs)
	}
}

func TestHowScriptsEnd(t *testing.T) {
	for _, test := range []struct {
		name                    string
		script                  args
		status, record, code    string
		exit                    float64
		output                  string
		finishIsStartAndTimeout bool
	}{
		{name: "an exit code other than zero is Failed", script: shell("echo bye; exit 3"),
			status: "Failed", record: "Finished", code: "ExitCodeNonzero", exit: 3, output: "bye\n"},
		{name: "one over its timeout is Timeout", script: shell("echo before; touch begun; sleep 60").with(args{"Timeout": "1"}),
			status: "Timeout", record: "Failed", code: "ExecutionTimeout", output: "before\n", finishIsStartAndTimeout: true},
		{name: "a content in base64 is decoded", script: shell(base64Of("echo decoded")).with(args{"ContentEncoding": "base64"}),
			status: "Success", record: "Finished", output: "decoded\n"},
		{name: "an unknown encoding means plain text", script: shell("echo plain").with(args{"ContentEncoding": "rot13"}),
			status: "Success", record: "Finished", output: "plain\n"},
		{name: "what is not base64 is Invalid", script: shell("%%%").with(args{"ContentEncoding": "Base64"}),
			status: "Invalid", record: "Failed", code: "CommandContentDecodeError"},
		{name: "another user is Invalid", script: shell("id").with(args{"Username": "nobody-here"}),
			status: "Invalid", record: "Failed", code: "AccountNotExists"},
		{name: "root is a user", script: shell("echo root").with(args{"Username": "root"}),
			status: "Success", record: "Finished", output: "root\n"},
		{name: "a working directory that is not there is Invalid", script: shell("pwd").with(args{"WorkingDir": "/opt/app"}),
			status: "Invalid", record: "Failed", code: "DirectoryNotExists"},
		{name: "the input is empty", script: shell("cat; echo end"),
			status: "Success", record: "Finished", output: "end\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var file string
			c := ready(t, func(o *ecs.Options) {
				o.Delays.MinTimeout = 300 * time.Millisecond
				file = filepath.Join(o.Dir, one, "root", "begun")
			})
			begun := make(chan struct{})
			c.HoldTimeouts(begun)
			id := c.run(test.script)
			if test.finishIsStartAndTimeout {
				c.eventually("the script has printed", exists(file))
			}
			close(begun)
			r := c.end(id)
			check(t, "InvocationStatus", r["InvocationStatus"], any(test.status))
			check(t, "InvokeRecordStatus", r["InvokeRecordStatus"], any(test.record))
			check(t, "ErrorCode", r["ErrorCode"], any(test.code))
			check(t, "ExitCode", r["ExitCode"], any(test.exit))
			check(t, "Output", r["Output"], any(test.output))
			c.eventually("the event", func() bool { return len(c.completed()) == 1 })
			data := c.completed()[0]
			check(t, "event's status", data["invocationStatus"], test.status)
			check(t, "event's exit code", data["exitCode"], strconv.Itoa(int(test.exit)))
			if code := test.code; code != "" {
				check(t, "event's error code", data["errorCode"], code)
				if data["errorDesc"] == "" {
					t.Error("the event does not describe its error")
				}
			}
			if test.finishIsStartAndTimeout {
				start, _ := time.Parse(time.RFC3339, data["startTime"])
				finish, _ := time.Parse(time.RFC3339, data["finishTime"])
				check(t, "time between start and finish", finish.Sub(start), time.Second)
			}
		})
	}
}

func TestScriptsSeeAScrubbedEnvironmentInsideTheirFolder(t *testing.T) {
	t.Setenv("AFTERCARE_SECRET", "must not be seen")
	var dir string
	c := ready(t, func(o *ecs.Options) { dir = o.Dir })
	r := c.end(c.run(shell("env | cut -d= -f1 | sort | tr '\\n' ' '; echo; pwd; echo $HOME; mkdir -p ../opt/app")))
	got := lines(r["Output"])
	home := filepath.Join(dir, one, "root")
	check(t, "names in the environment", got[0], "HOME LOCALCLOUD_INSTANCE PATH PWD ")
	check(t, "working directory", got[1], home)
	check(t, "home", got[2], home)

	for _, asked := range []string{"/opt/app", "opt/app", "/../../opt/app"} {
		r = c.end(c.run(shell("pwd").with(args{"WorkingDir": asked})))
		check(t, "working directory for "+asked, r["Output"], any(filepath.Join(dir, one, "opt", "app")+"\n"))
	}
}

func TestATimeoutUnderTheMinimumIsRaised(t *testing.T) {
	c := ready(t, nil)
	for given, want := range map[string]float64{"": 60, "3": 10, "-1": 10, "11": 11} {
		id := c.run(shell("true").with(args{"Timeout": given}))
		got := c.invocations(args{"InvokeId": id})[0].(map[string]any)["Timeout"]
		check(t, "timeout for "+strconv.Quote(given), got, any(want))
	}
}

// (command rule 27)
func TestALongOutputIsCutInItsMiddle(t *testing.T) {
	c := ready(t, nil)
	r := c.end(c.run(shell("echo first; yes 123456789 | head -n 5000; echo last")))
	text := r["Output"].(string)
	check(t, "kept bytes", len(text), 24<<10)
	check(t, "Dropped", r["Dropped"], any(float64(len("first\nlast\n")+50000-24<<10)))
	all := "first\n" + strings.Repeat("123456789\n", 5000) + "last\n"
	if text != all[:6000]+all[len(all)-(24<<10-6000):] {
		t.Errorf("the output is not the first 6,000 bytes and the end: %.10q … %q … %q", text, text[5990:6010], text[len(text)-10:])
	}

	r = c.end(c.run(shell("head -c 24576 /dev/zero | tr '\\0' x")))
	check(t, "bytes of an output of just 24 KB", len(r["Output"].(string)), 24<<10)
	check(t, "Dropped", r["Dropped"], any(0.0))
}

func TestNoGoroutineIsLeftOfACommand(t *testing.T) {
	c := ready(t, nil)
	at := &clock{now: time.Now()}
	send := func(n int) {
		for range n {
			c.at(at, "RunCommand", shell("true").with(args{"Timeout": "3600"}))
		}
		c.eventually("the ends", func() bool {
			runs := c.Runs(one)
			return !runs[len(runs)-1].End.IsZero() && len(c.completed()) == len(runs)
		})
		http.DefaultClient.CloseIdleConnections()
	}
	send(5)
	before := runtime.NumGoroutine()
	send(50)
	c.eventually("no more goroutines than before", func() bool { return runtime.NumGoroutine() <= before })
}

func TestCommandsStartInTheOrderOfTheirAcceptance(t *testing.T) {
	c := open(t, func(o *ecs.Options) { o.Delays.Boot = 20 * time.Millisecond })
	c.create(ecs.Instance{ID: one})
	var want []string
	for range 12 {
		want = append(want, c.run(shell("true")))
	}
	c.boot(one)
	c.eventually("all have run", func() bool { return len(c.Runs(one)) == len(want) })
	for n, r := range c.Runs(one) {
		check(t, "run", r.InvokeID, want[n])
	}
}

func TestOutputsAreBase64UnlessAskedOtherwise(t *testing.T) {
	c := ready(t, nil)
	id := c.run(shell("echo hello"))
	c.end(id)
	encoded := base64.StdEncoding.EncodeToString([]byte("hello\n"))
	out := c.must("DescribeInvocationResults", args{"InvokeId": id})
	got := dig(dig(out, "Invocation", "InvocationResults", "InvocationResult").([]any)[0], "Output")
	check(t, "output of DescribeInvocationResults", got, any(encoded))
	for include, want := range map[string]string{"true": encoded, "": ""} {
		inv := c.invocations(args{"InvokeId": id, "IncludeOutput": include})[0]
		got := dig(dig(inv, "InvokeInstances", "InvokeInstance").([]any)[0], "Output")
		check(t, "output of DescribeInvocations with IncludeOutput "+include, got, any(want))
		check(t, "content", dig(inv, "CommandContent"), any(base64Of("echo hello")))
	}
}

func TestHeartbeatAndStateEvents(t *testing.T) {
	c := open(t, func(o *ecs.Options) { o.Delays.Boot = 30 * time.Millisecond })
	c.create(ecs.Instance{ID: one, Zone: "cn-hangzhou-k"})
	c.boot(one)
	c.eventually("the heartbeat", func() bool { return len(c.ofType(ecs.TypeFirstHeartbeat)) == 1 })
	e := c.ofType(ecs.TypeFirstHeartbeat)[0]
	var data struct {
		BizEventID, VMName, Impact, OpsCode string
		Extensions                          struct {
			AgentVersion, Region, Azone string
			Uptime                      float64
		}
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatal(err)
	}
	check(t, "vmName", data.VMName, one)
	check(t, "azone", data.Extensions.Azone, "cn-hangzhou-k")
	check(t, "region", data.Extensions.Region, region)
	if data.BizEventID == "" || data.Extensions.AgentVersion == "" {
		t.Errorf("data = %s", e.Data)
	}
	if up := data.Extensions.Uptime; up < 30 || up > 10_000 {
		t.Errorf("uptime = %v ms after a boot of 30 ms", up)
	}
	check(t, "account", e.AccountID, account)
	check(t, "region", e.RegionID, region)
	check(t, "source", e.Source, "acs.ecs")
	check(t, "spec version", e.SpecVersion, "1.0")

	if err := c.Reboot(one); err != nil {
		t.Fatal(err)
	}
	c.eventually("the second heartbeat", func() bool { return len(c.ofType(ecs.TypeFirstHeartbeat)) == 2 })
	if err := c.StopAgent(one); err != nil {
		t.Fatal(err)
	}
	if err := c.StartAgent(one); err != nil {
		t.Fatal(err)
	}
	c.eventually("the agent's restart", func() bool { return len(c.ofType(ecs.TypeFirstHeartbeat)) == 3 })
	if err := c.Stop(one); err != nil {
		t.Fatal(err)
	}
	var states, times []string
	c.eventually("the states", func() bool {
		states, times = nil, nil
		for _, e := range c.ofType(ecs.TypeStateChange) {
			var data map[string]string
			json.Unmarshal(e.Data, &data)
			check(t, "resource", data["resourceId"]+" "+data["resourceType"], one+" ALIYUN::ECS::Instance")
			states, times = append(states, data["state"]), append(times, e.Time)
		}
		return len(states) == 8
	})
	check(t, "states", strings.Join(states, " "), "Created Starting Running Stopping Starting Running Stopping Stopped")
	check(t, "different times of them", len(slices.Compact(times)), 8)

	ids := map[string]bool{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if ids[e.ID] {
			t.Errorf("the event id %s is there twice", e.ID)
		}
		ids[e.ID] = true
	}
}

func TestTheEnvelopeOfTaskCompleted(t *testing.T) {
	c := ready(t, nil)
	c.end(c.run(shell("true")))
	c.eventually("the event", func() bool { return len(c.completed()) == 1 })
	body, err := json.Marshal(c.ofType(ecs.TypeTaskCompleted)[0])
	if err != nil {
		t.Fatal(err)
	}
	var e map[string]any
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id", "source", "specversion", "subject", "time", "type", "aliyunaccountid",
		"aliyunpublishtime", "aliyuneventbusname", "aliyunregionid", "aliyunpublishaddr", "data"} {
		if e[name] == "" || e[name] == nil {
			t.Errorf("the envelope lacks %s: %s", name, body)
		}
	}
	check(t, "number of attributes", len(e), 12)
	for _, name := range []string{"time", "aliyunpublishtime"} {
		if _, err := time.Parse(time.RFC3339, e[name].(string)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !strings.HasSuffix(e["time"].(string), "+08:00") {
		t.Errorf("time = %v, want it in China's time zone", e["time"])
	}
}
