package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/shared/flow"
	"aftercare/shared/suggest"
)

// stepOutputs is the flag --output of a command that also takes what steps print.
type stepOutputs struct {
	form interface {
		String() string
		Set(text string) error
		Type() string
	}
	list *[]string
}

func (s stepOutputs) String() string { return s.form.String() }
func (s stepOutputs) Type() string   { return s.form.Type() }

// outputsFlag lets --output also say what a step prints: STEP=TEXT.
func outputsFlag(cmd *cobra.Command) *[]string {
	f, list := cmd.Flags().Lookup("output"), new([]string)
	f.Value, f.Usage = stepOutputs{f.Value, list}, "the `form`, table or json; or what a step prints, STEP=TEXT"
	return list
}

func (s stepOutputs) Set(text string) error {
	if strings.Contains(text, "=") {
		*s.list = append(*s.list, text)
		return nil
	}
	if err := s.form.Set(text); err != nil {
		return fmt.Errorf("%w; what a step prints is written STEP=TEXT, such as check=87", err)
	}
	return nil
}

// outputsOf reads what steps print.
func outputsOf(flows []flow.Definition, list []string) (map[string]string, error) {
	outputs, captures := map[string]string{}, map[string]bool{}
	for _, d := range flows {
		if d.CaptureEvent {
			captures["event"] = true
		}
		for _, s := range slices.Concat(d.Steps, d.OnFailure, d.Finally) {
			captures[s.ID] = captures[s.ID] || s.Capture
		}
	}
	for _, text := range list {
		step, output, _ := strings.Cut(text, "=")
		switch is, known := captures[step]; {
		case !known:
			return nil, fmt.Errorf("--output %s: no flow has a step %q%s", text, step, suggest.Hint(step, "the steps", sortedKeys(captures)))
		case !is:
			return nil, fmt.Errorf("--output %s: step %s does not capture what it prints: write capture: true in it", text, step)
		}
		outputs[step] = output
	}
	return outputs, nil
}
