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
	Flow    string
	Started int
	Held    map[string]int
}

func (t tested) String() string {
	text := fmt.Sprintf("%d started", t.Started)
	for why, n := range t.Held { // one at most here
		text += fmt.Sprintf(", %d %s", n, why)
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
		Events int
		Files  []struct {
			LeftOut int
			Flows   []tested
		}
	}
	if err := json.Unmarshal(text, &found); err != nil || len(found.Files) != 1 {
		return fmt.Errorf("aftercare flows backtest printed %q: %w", text, err)
	}
	runs := 0
	for _, got := range found.Files[0].Flows {
		want := tested{Flow: got.Flow, Held: map[string]int{}}
		for _, records := range f.all {
			for _, r := range runsOf(records, got.Flow) {
				switch {
				case r.Result == flow.ResultRefused && strings.Contains(r.Reason, "which is its limit"):
					want.Held["refused (limit)"]++
				case r.Result == flow.ResultRefused || r.Result == flow.ResultDropped:
					want.Held[r.Reason]++
				default:
					want.Started++
				}
			}
		}
		runs += want.Started
		s.check(8, "backtest of "+got.Flow+" over what happened", got, want)
	}
	s.check(8, "ends of flows' commands that the backtest left out", found.Files[0].LeftOut, 0)
	s.note("", "backtest", "all flows", fmt.Sprintf("%d events, played through the deployed flows: %d runs, as they were", found.Events, runs))
	return nil
}
