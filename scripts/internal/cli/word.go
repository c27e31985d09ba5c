package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aftercare/shared/suggest"
)

// word is a flag that takes one of some words, in any case.
type word struct {
	value *string
	words []string
}

func (w word) String() string { return *w.value }
func (w word) Type() string   { return "word" }

func (w word) Set(text string) error {
	for _, known := range w.words {
		if strings.EqualFold(text, known) {
			*w.value = known
			return nil
		}
	}
	return fmt.Errorf("%q is not one of its words%s", text, suggest.Hint(text, "they", w.words))
}

// Word adds a flag that takes one of some words, and completes them. The usage
// names the flag's placeholder in back quotes.
func Word(cmd *cobra.Command, name, short, initial, usage string, words ...string) *string {
	value := initial
	cmd.Flags().VarP(word{&value, words}, name, short, usage)
	complete(cmd, name, words)
	return &value
}

func complete(cmd *cobra.Command, flag string, words []string) {
	// It fails only for a flag that does not exist or is completed already.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// texts is a flag that also takes NAME=TEXT.
type texts struct {
	pflag.Value
	byName  map[string]string
	example string
}

func (t texts) Set(text string) error {
	if name, value, is := strings.Cut(text, "="); is {
		t.byName[name] = value
		return nil
	}
	if err := t.Value.Set(text); err != nil {
		return fmt.Errorf("%w; %s", err, t.example)
	}
	return nil
}

// OrTexts lets a flag also take NAME=TEXT, more than once, and returns the texts by
// their names.
func OrTexts(cmd *cobra.Command, flag, usage, example string) map[string]string {
	f, byName := cmd.Flags().Lookup(flag), map[string]string{}
	f.Value, f.Usage = texts{f.Value, byName, example}, usage
	return byName
}
