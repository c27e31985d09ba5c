package main

import (
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"aftercare/tests/bench/budget"
	"aftercare/tests/bench/wire"
)

func TestAStandInGivesTheAnswersInOrderAndRepeatsTheLast(t *testing.T) {
	var d door
	defer d.close()
	s, err := newStand(&d, 5*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	s.answerWith([]wire.Call{
		{Service: wire.ECS, Name: "RunCommand", Status: 200, Answer: []byte("first")},
		{Service: wire.ECS, Name: "RunCommand", Status: 200, Answer: []byte("second")},
	})
	ask := func(action string) (int, string) {
		resp, err := http.Post(s.endpoint[wire.ECS]+"/?Action="+action, "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, want := range []string{"first", "second", "second"} {
		if want == "first" {
			s.beginInvocation()
		}
		begun := time.Now()
		if _, got := ask("RunCommand"); got != want {
			t.Errorf("answer is %q, want %q", got, want)
		}
		if took := time.Since(begun); took < 5*time.Millisecond {
			t.Errorf("answered after %s, want 5 ms at least", took)
		}
	}
	if calls, sent := s.invocationCalls(); len(calls) != 3 || sent != 12 {
		t.Errorf("%d calls with %d bytes are counted, want 3 with 12", len(calls), sent)
	}
	s.beginInvocation()
	if _, got := ask("RunCommand"); got != "first" {
		t.Errorf("the next event's first answer is %q, want the first again", got)
	}
	if status, _ := ask("StopInvocation"); status != http.StatusNotImplemented {
		t.Errorf("a call without a known answer got status %d", status)
	}
	if d.dials.Load() == 0 {
		t.Error("no connection is counted")
	}
}

func TestAProcessIsMeasured(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("measuring needs Linux")
	}
	binary := filepath.Join(t.TempDir(), noop)
	if out, err := exec.Command("go", "build", "-o", binary, "./noop").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p, err := start(binary, 0, func(map[wire.Service]string) []string { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer p.end()
	poll, err := p.firstPoll()
	if err != nil {
		t.Fatal(err)
	}
	if poll <= 0 {
		t.Errorf("polled %s after its start", poll)
	}
	var s series
	var l lap
	if err := s.runLap(p, budget.Row{Name: "nothing"}, budget.Observation{Payload: []byte("{}")}, 20, &l); err != nil {
		t.Fatal(err)
	}
	if len(l.took) != 20 || s.events != 20 || s.differing > 0 || l.cpu <= 0 || l.cpu > l.all*time.Duration(runtime.NumCPU()) {
		t.Errorf("lap is %+v, with %d events, %d differing", l, s.events, s.differing)
	}
	if all, own, err := residentKB(p.cmd.Process.Pid); err != nil || own <= 0 || all <= own {
		t.Errorf("%d KB are resident, %d KB its own, %v", all, own, err)
	}
	if n := p.door.dials.Load(); n < 1 || n > 4 {
		t.Errorf("%d dials are counted, want a few", n)
	}
}

func TestAProcessThatEndsIsAnError(t *testing.T) {
	p, err := start("/bin/false", 0, func(map[wire.Service]string) []string { return nil })
	if err != nil {
		t.Skip(err)
	}
	defer p.end()
	if _, err := p.firstPoll(); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("the first poll of /bin/false is %v, want that it ended", err)
	}
}
