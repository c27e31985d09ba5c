package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"aftercare/shared/flow"
)

// tested is what a backtest says of one flow.
type tested struct {
	Flow               string
	Started, Rehearsed int
	Refused, Dropped   map[string]int
}

func (t tested) String() string {
	text := fmt.Sprintf("%d live, %d dry-run", t.Started, t.Rehearsed)
	for _, g := range []struct {
		what string
		by   map[string]int
	}{{"refused", t.Refused}, {"dropped", t.Dropped}} {
		for why, n := range g.by { // one at most here
			text += fmt.Sprintf(", %d %s (%s)", n, g.what, why)
		}
	}
	return text
}

// checkBacktest: played through its own history, the deployed flows do what they did.
func (s *story) checkBacktest(ctx context.Context, f facts) error {
	cmd := exec.CommandContext(ctx, s.c.tool, "flows", "backtest", filepath.Join(s.c.data, "flows.compiled"), "--since", "1h", "-o", "json")
	cmd.Env = os.Environ()
	for name, value := range s.c.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var mistakes bytes.Buffer
	cmd.Stderr = &mistakes
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("aftercare flows backtest: %w\n%s", err, mistakes.String())
	}
	var found struct {
		Events  int
		LeftOut int
		Flows   []tested
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return fmt.Errorf("aftercare flows backtest printed %q: %w", text, err)
	}
	runs := 0
	for _, got := range found.Flows {
		want := tested{Flow: got.Flow, Refused: map[string]int{}, Dropped: map[string]int{}}
		for _, records := range f.all {
			for _, r := range runsOf(records, got.Flow) {
				switch {
				case r.Result == flow.ResultDryRun:
					want.Rehearsed++
				case r.Result == flow.ResultRefused && strings.Contains(r.Reason, "which is its limit"):
					want.Refused["limit"]++
				case r.Result == flow.ResultRefused || r.Result == flow.ResultDropped:
					want.Refused[r.Reason]++
				default:
					want.Started++
				}
			}
		}
		runs += want.Started + want.Rehearsed
		s.check(8, "backtest of "+got.Flow+" over what happened", got, want)
	}
	s.check(8, "ends of flows' commands that the backtest left out", found.LeftOut, 0)
	s.note("", "backtest", "all flows", fmt.Sprintf("%d events, played through the deployed flows: %d runs, as they were", found.Events, runs))
	return nil
}
