package command_test

import (
	"strings"
	"testing"

	"aftercare/shared/command"

	"pgregory.net/rapid"
)

const taskID = "0123456789abcdef0123456789abcdef"

// (rule 1)
func TestANameOnTheWireIsOneWordThatEndsWithTheTask(t *testing.T) {
	for given, want := range map[string]string{
		"check-disk":                    "check-disk",
		"check disk":                    "check-disk",
		"collect-diagnostics/system":    "collect-diagnostics-system",
		"a; rm -rf $(x) `y` [z] \"q\"":  "a-rm--rf-x-y-z-q-",
		"check disk (C:)":               "check-disk-C-",
		"升级 补丁 (KB5031356).ps1":         "-KB5031356-ps1",
		"检查磁盘":                          "command",
		"___":                           "command",
		"":                              "command",
		"a.b." + taskID:                 "a-b-" + taskID,
		strings.Repeat("n", 128):        strings.Repeat("n", 95),
		strings.Repeat("-", 127) + "n":  "command",
		"\xff not UTF-8":                "-not-UTF-8",
		"команда":                       "command",
		"two\nlines\tand a tab":         "two-lines-and-a-tab",
		"Name_with-all.the~odd^letters": "Name_with-all-the-odd-letters",
	} {
		if got := command.OnWire(given, taskID); got != want+"."+taskID {
			t.Errorf("%q is %q on the wire, want %q and the task", given, got, want)
		}
	}
}

// (rule 1)
func TestAnyNameFindsItsTaskAgain(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		given := rapid.String().Draw(r, "given")
		id := rapid.StringMatching("[0-9a-f]{32}").Draw(r, "task")
		wire := command.OnWire(given, id)
		if strings.Trim(wire, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.") != "" || len(wire) > command.MaxName {
			r.Errorf("%q is not a word of at most 128 characters", wire)
		}
		if word, got := command.Split(wire); got != id || word+"."+id != wire {
			r.Errorf("%q is split into %q and %q", wire, word, got)
		}
	})
}

func TestOtherNamesHaveNoTask(t *testing.T) {
	for _, name := range []string{
		"", ".", "check-disk", taskID, "." + taskID, "check-disk " + taskID, "check-disk [" + taskID + "]", "check disk." + taskID,
		"check-disk." + taskID[1:], "check-disk." + taskID + "0", "check-disk." + strings.ToUpper(taskID), "a.b." + taskID, "---." + taskID,
		"磁盘." + taskID, "check-disk." + taskID + " ",
	} {
		if word, id := command.Split(name); word != name || id != "" {
			t.Errorf("%q is split into %q and %q, want it whole", name, word, id)
		}
	}
}
