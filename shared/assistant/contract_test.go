package assistant_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/assistant"
	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
)

// cloud is a local ECS with one booted instance.
type cloud struct {
	*ecs.Server
	dir    string
	faults *fault.Set
	cfg    assistant.Config
}

func localECS(t *testing.T, change func(*ecs.Options)) cloud {
	t.Helper()
	c := cloud{dir: t.TempDir(), faults: &fault.Set{}}
	options := ecs.Options{
		Dir:    c.dir,
		Keys:   access.NewKeys(access.Key{ID: keyID, Secret: keySecret, Token: stsToken}),
		Region: "cn-test",
		Faults: c.faults,
		Delays: ecs.Delays{Boot: -1, Pickup: -1},
	}
	if change != nil {
		change(&options)
	}
	server, err := ecs.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	c.Server = server
	c.cfg = assistant.Config{
		Region: "cn-test", Endpoint: "http://" + server.Endpoint(), PerTry: time.Minute, Retries: 2,
		Sleep:        noWait,
		RoundTripper: c.faults.Impatient(transport.NewPool(time.Now)),
	}
	if err := server.CreateInstance(ecs.Instance{ID: instance}); err != nil {
		t.Fatal(err)
	}
	return c
}

// booted is a local ECS whose instance has an agent that is up.
func booted(t *testing.T, change func(*ecs.Options)) (cloud, *assistant.Client) {
	t.Helper()
	s := localECS(t, change)
	c := client(t, s.cfg)
	if err := s.Boot(instance); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the agent is up", func() bool {
		status, err := c.AgentStatuses(soon(t), []string{instance})
		return err == nil && status[instance].Ready
	})
	return s, c
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if holds() {
			return
		}
	}
	t.Fatalf("waited too long until %s", what)
}

func TestLocalECSRunsWhatIsSentOnce(t *testing.T) {
	s, c := booted(t, nil)
	send := runSend()
	value := `'"$(touch x)` + "`;\n{{oos-secret:x}}"
	send.Command.Run.Content = `printf %s "$value" > out; exit 3`
	send.Command.Run.Parameters = map[string]string{"value": value}
	send.Command.Run.Timeout = command.Duration(20 * time.Second)
	id, err := c.Send(soon(t), send)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Send(soon(t), send)
	if err != nil || again != id {
		t.Errorf("the same send again = %q, %v, want %q", again, err, id)
	}
	var found *decide.Invocation
	eventually(t, "the command ended", func() bool {
		found, err = c.FindByToken(soon(t), instance, effect)
		return err == nil && found != nil && found.ExitCode != nil
	})
	if found.InvokeID != id || found.CommandName != "collect-logs.0123456789abcdef0123456789abcdef" || found.Token != effect || found.RepeatMode != "Once" ||
		found.Status != "Failed" || *found.ExitCode != 3 || found.ErrorCode != "ExitCodeNonzero" || found.FinishTime.IsZero() {
		t.Errorf("found %+v, exit code %d", found, *found.ExitCode)
	}
	byID, err := c.FindByID(soon(t), instance, id)
	if err != nil || byID == nil || byID.Token != effect || byID.Status != "Failed" {
		t.Errorf("FindByID() = %+v, %v", byID, err)
	}
	if runs := s.Runs(instance); len(runs) != 1 {
		t.Errorf("the script ran %d times, want once", len(runs))
	}
	files, err := filepath.Glob(filepath.Join(s.dir, instance, "*", "out"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the script left %v, %v, want one file", files, err)
	}
	if got, err := os.ReadFile(files[0]); err != nil || string(got) != value {
		t.Errorf("the script got %q, %v, want %q", got, err, value)
	}
}

func TestLocalECSAnswersAsExpected(t *testing.T) {
	s, c := booted(t, nil)
	if _, err := c.Send(soon(t), runSend()); err != nil {
		t.Fatal(err)
	}
	changed := runSend()
	changed.Command.Run.Content = "echo other"
	_, err := c.Send(soon(t), changed)
	wantClasses(t, err, engine.ErrAcceptedBefore)

	missing := invokeSend()
	missing.Token = "another-token"
	_, err = c.Send(soon(t), missing)
	wantClasses(t, err, engine.ErrInvalid)

	elsewhere := runSend()
	elsewhere.InstanceID = "i-unknown"
	elsewhere.Token = "a-third-token"
	_, err = c.Send(soon(t), elsewhere)
	wantClasses(t, err, engine.ErrInvalid)

	wantClasses(t, c.Stop(soon(t), instance, "t-unknown"), engine.ErrInvalid)

	stranger, err := assistant.New(s.cfg, transport.NewCredentials(keyID, "wrong", stsToken))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stranger.Send(soon(t), runSend())
	wantClasses(t, err, engine.ErrDenied)

	if got, err := c.FindByID(soon(t), instance, "t-unknown"); got != nil || err != nil {
		t.Errorf("FindByID() = %v, %v, want nothing", got, err)
	}
	if got, err := c.FindByToken(soon(t), instance, "unknown-token"); got != nil || err != nil {
		t.Errorf("FindByToken() = %v, %v, want nothing", got, err)
	}
	statuses, err := c.AgentStatuses(soon(t), []string{instance, "i-unknown"})
	if got := statuses[instance]; err != nil || len(statuses) != 1 || !got.Ready || got.Version == "" || got.OS != "linux" || got.Seen.IsZero() {
		t.Errorf("AgentStatuses() = %+v, %v", statuses, err)
	}
}

func TestLocalECSListsInstancesBeyondOnePage(t *testing.T) {
	s := localECS(t, nil)
	c := client(t, s.cfg)
	var ids []string
	for n := range 130 {
		i := ecs.Instance{ID: fmt.Sprintf("i-web-%03d", n), Tags: map[string]string{"role": "web"}, ResourceGroup: "rg-web"}
		if err := s.CreateInstance(i); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, i.ID)
	}
	for name, sel := range map[string]engine.Selector{
		"by id":             {IDs: append(ids, "i-unknown")},
		"by tag":            {Tags: map[string]string{"role": "web"}},
		"by name":           {Name: "i-web-*"},
		"by resource group": {ResourceGroup: "rg-web"},
	} {
		found, err := c.Instances(soon(t), sel)
		if got := slices.Sorted(maps.Keys(found)); err != nil || !slices.Equal(got, ids) {
			t.Errorf("%s: %d instances, %v, want the %d", name, len(got), err, len(ids))
		}
	}
	one, err := c.Instances(soon(t), engine.Selector{IDs: []string{instance}})
	want := map[string]decide.Machine{instance: {Status: "Stopped", Name: instance, OS: "linux", Region: "cn-test", Zone: "cn-test-i"}}
	if diff := cmp.Diff(want, one); err != nil || diff != "" {
		t.Errorf("one instance: %v (-want +got):\n%s", err, diff)
	}
}

func TestLocalECSThrottlesAndCounts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ecs.Options)
		want   error
	}{
		"calls in a minute": {func(o *ecs.Options) { o.Throttle = map[string]int{"RunCommand": 1} }, engine.ErrThrottled},
		"commands in a day": {func(o *ecs.Options) { o.Quota = 1 }, engine.ErrQuotaExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			noon := time.Now().Truncate(time.Minute).Add(30 * time.Second)
			_, client := booted(t, func(o *ecs.Options) {
				c.change(o)
				o.Now = func() time.Time { return noon }
			})
			if _, err := client.Send(soon(t), runSend()); err != nil {
				t.Fatal(err)
			}
			second := runSend()
			second.Token = "second-token"
			_, err := client.Send(soon(t), second)
			wantClasses(t, err, c.want)
		})
	}
}

func TestLocalECSAnswersWhatAScriptPrinted(t *testing.T) {
	_, c := booted(t, nil)
	ran := func(token, script string) string {
		t.Helper()
		send := runSend()
		send.Token, send.Command.Run.Content, send.Command.Run.Parameters = token, script, nil
		id, err := c.Send(soon(t), send)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	output := func(id string) (out decide.Output) {
		t.Helper()
		eventually(t, "there is an output", func() bool {
			var err error
			out, err = c.Output(soon(t), instance, id)
			return err == nil
		})
		return out
	}
	if got, want := output(ran("few", `printf 'out\n'; printf 'err\377\n' >&2; exit 3`)), (decide.Output{Text: "out\nerr\uFFFD\n"}); got != want {
		t.Errorf("output = %+v, want %+v", got, want)
	}
	// The cuts fall into the middle of characters.
	large := output(ran("many", `printf x; i=0; while [ $i -lt 3000 ]; do printf '电源电源'; i=$((i+1)); done; printf y`))
	if large.Dropped != 2+3000*12-24<<10 || !utf8.ValidString(large.Text) || strings.Count(large.Text, "\uFFFD") != 1 ||
		!strings.HasPrefix(large.Text, "x电源") || !strings.HasSuffix(large.Text, "电源y") {
		t.Errorf("a large output has %d bytes, %d are dropped: %.40q …", len(large.Text), large.Dropped, large.Text)
	}
	if got := output(ran("none", "true")); got != (decide.Output{}) {
		t.Errorf("output = %+v, want none", got)
	}

	long := ran("long", "echo half; sleep 60")
	eventually(t, "it runs", func() bool {
		found, err := c.FindByID(soon(t), instance, long)
		return err == nil && found != nil && found.Status == "Running"
	})
	for _, id := range []string{long, "t-unknown"} {
		_, err := c.Output(soon(t), instance, id)
		wantClasses(t, err, engine.ErrUnavailable)
	}
	_, err := c.Output(soon(t), "i-other", long)
	wantClasses(t, err, engine.ErrUnavailable)
	if err := c.Stop(soon(t), instance, long); err != nil {
		t.Fatal(err)
	}
	output(long)
}
