package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"aftercare/shared/flow"
)

// tested is what a backtest says of one flow.
type tested struct {
	Flow string
	Runs map[string]int // by what became of them
}

func (t tested) String() string { return strings.TrimPrefix(fmt.Sprint(t.Runs), "map") }

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
		Records int
		Files   []struct {
			LeftOut int
			Flows   []tested
		}
	}
	if err := json.Unmarshal(text, &found); err != nil || len(found.Files) != 1 {
		return fmt.Errorf("aftercare flows backtest printed %q: %w", text, err)
	}
	runs := 0
	for _, got := range found.Files[0].Flows {
		maps.DeleteFunc(got.Runs, func(how string, _ int) bool { return strings.HasPrefix(how, "waited") }) // it is recorded as what became of it
		want := tested{Flow: got.Flow, Runs: map[string]int{}}
		for _, records := range f.all {
			for _, r := range runsOf(records, got.Flow) {
				runs++
				switch {
				case r.Result == flow.ResultDryRun:
					want.Runs["rehearsed"]++
				case r.Result == flow.ResultRefused && strings.Contains(r.Reason, "which is its limit"):
					want.Runs["refused (limit)"]++
				case r.Result == flow.ResultRefused || r.Result == flow.ResultDropped:
					want.Runs[r.Reason]++
				default:
					want.Runs["started"]++
				}
			}
		}
		s.check(8, "backtest of "+got.Flow+" over what happened", got, want)
	}
	s.check(8, "ends of flows' commands that the backtest left out", found.Files[0].LeftOut, 0)
	s.note("", "backtest", "all flows", fmt.Sprintf("%d records, played through the deployed flows: %d runs, as they were", found.Records, runs))
	return nil
}
