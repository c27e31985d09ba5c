package command_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/command"
)

var update = flag.Bool("update", false, "write what is got as what is wanted: read it before you keep it")

// repeated is a text and how often it stands in a value.
var repeated = regexp.MustCompile(`«(.+?)\*(\d+)»`)

// TestAScriptRunsAsItsAuthorMeantOrIsRefused checks the commands of the file, each
// a good one with another value in one place: scripts that would run as something
// else, or not at all, are refused; others are sent as they are, or as it says.
// (rules 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 23, 24)
func TestAScriptRunsAsItsAuthorMeantOrIsRefused(t *testing.T) {
	const file = "testdata/checks.txt"
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(want)) {
		if strings.HasPrefix(line, "=") {
			continue
		}
		got.WriteString(line)
		if !strings.HasPrefix(line, "?") {
			continue
		}
		part := strings.SplitN(strings.TrimSpace(line), " ", 4)
		value, err := strconv.Unquote(part[3])
		if err != nil {
			t.Fatal(err)
		}
		r := changed(part[1], part[2], repeated.ReplaceAllStringFunc(value, func(text string) string {
			match := repeated.FindStringSubmatch(text)
			n, _ := strconv.Atoi(match[2])
			return strings.Repeat(match[1], n)
		}))
		mistakes := r.Check()
		for _, m := range mistakes {
			fmt.Fprintf(&got, "= %q at %d: %q\n", m.Field, m.At, m.Text)
		}
		if text := r.Text(); len(mistakes) == 0 && text != r.Content && len(r.Parameters) == 0 {
			fmt.Fprintf(&got, "= sent as %q\n", text)
		} else if len(mistakes) == 0 {
			got.WriteString("= sent\n")
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

// changed is a good command of a type, with a value in one place.
func changed(commandType, place, value string) command.Run {
	r := command.Run{Name: "any", Type: commandType, Content: "x"}
	switch place {
	case "name":
		r.Name = value
	case "type":
		r.Type = value
	case "content":
		r.Content = value
	case "timeout":
		d, _ := time.ParseDuration(value)
		r.Timeout = command.Duration(d)
	case "workingDir":
		r.WorkingDir = value
	case "username":
		r.Username = value
	case "with": // with a parameter
		r.Content, r.Parameters = value, map[string]string{"a": "1"}
	case "parameter":
		r.Parameters = map[string]string{value: "v"}
	case "value":
		r.Parameters = map[string]string{"v": value}
	}
	return r
}
