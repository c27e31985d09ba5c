package screen_test

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/scripts/columns"
	"aftercare/scripts/internal/screen"
)

func printed(t *screen.Table) string {
	var b strings.Builder
	t.Print(&b)
	return b.String()
}

func TestColumnsAreAlignedByTheWidthOfWhatIsSeen(t *testing.T) {
	table := &screen.Table{Title: "Ends", Head: []string{"COMMAND", "EXIT"}}
	table.Add("升级 补丁 (KB5031356).ps1", "0")
	table.Add("e\u0301tat ✅", "3")
	table.Add("", "")
	table.Add("turn\u202e\x1b[31m\nback", "1")
	want := `
Ends
COMMAND                    EXIT
升级 补丁 (KB5031356).ps1  0
e` + "\u0301" + `tat ✅                    3
-                          -
turn` + "\ufffd\ufffd" + `[31m back            1
`
	if diff := cmp.Diff(want, printed(table)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := printed(&screen.Table{Title: "Ends", Head: []string{"COMMAND"}}); got != "" {
		t.Errorf("a table without rows prints %q", got)
	}
}

// A long list is printed while it grows: what was printed does not come again.
func TestATableGoesOnWhereItWasPrinted(t *testing.T) {
	table := &screen.Table{Title: "Ends", Head: []string{"COMMAND", "EXIT"}}
	out := printed(table)
	for _, name := range []string{"df", "check-disk", "ps"} {
		table.Add(name, "0")
		out += printed(table)
	}
	out += printed(table)
	want := "\nEnds\nCOMMAND  EXIT\ndf       0\ncheck-disk  0\nps          0\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALongTextDoesNotSwellTheOtherRows(t *testing.T) {
	for name, long := range map[string]string{
		"letters": strings.Repeat("x", 200_000),
		"Chinese": strings.Repeat("升", 70_000),
		"marks":   "e" + strings.Repeat("\u0301", 100_000),
		"bytes":   strings.Repeat("\xff", 200_000),
	} {
		table := &screen.Table{Head: []string{"COMMAND", "EXIT", "ERROR"}}
		for range 199 {
			table.Add("check-disk", "0", "none")
		}
		table.Add(long, "3", long)
		out := printed(table)
		if len(out) > 201*150+40_000 {
			t.Errorf("%s: 200 rows take %d bytes", name, len(out))
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		last := lines[len(lines)-1]
		if len(lines) != 201 || strings.Count(last, "…") != 2 || columns.Of(last) > 100+2+4+2+2000 {
			t.Errorf("%s: %d lines, the last is %.500q", name, len(lines), last)
		}
	}
}

func TestATextIsCutToItsColumns(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"", 3, ""},
		{"升级", 4, "升级"}, {"升级", 3, "升…"}, {"升级了", 4, "升…"}, {"a升级", 4, "a升…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"}, {"e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301…"},
	} {
		got := screen.Cut(c.text, c.most)
		if got != c.want || columns.Of(got) > c.most {
			t.Errorf("%q in %d columns: got %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

// narrow is a look of 40 columns.
var narrow = screen.Look{Width: 40}

func TestTheWidestCellsAreCutToTheScreen(t *testing.T) {
	table := &screen.Table{Head: []string{"INSTANCE", "COMMAND", "ERROR"}, Whole: map[int]bool{0: true}}
	table.Add("i-bp67acfmxazb4ph42jbf", "升级补丁升级补丁升级补丁", "the disk is full")
	table.Add("i-1", "ps", "no")
	var b strings.Builder
	table.Print(screen.NewWriter(&b).With(narrow))
	want := `INSTANCE                COMMAND  ERROR
i-bp67acfmxazb4ph42jbf  升级补…  the
                                 disk is
                                 full
i-1                     ps       no
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// A whole column is never cut, and others keep something.
	for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
		if columns.Of(line) > 40 {
			t.Errorf("a line of %d columns: %s", columns.Of(line), line)
		}
	}
}

func TestReasonsAreWrappedBelowWhereTheyBegan(t *testing.T) {
	table := &screen.Table{Head: []string{"STEP", "WHY"}}
	table.Add("two", "when was false: steps.one.exitCode == 1 (steps.one.exitCode is 0)")
	table.Add("three", "")
	table.Add("four", "int(trim(steps.one.output)) > 80")
	var out strings.Builder
	table.Print(screen.NewWriter(&out).With(screen.Look{Width: 30}))
	want := "STEP   WHY\ntwo    when was false:\n       steps.one.exitCode == 1\n       (steps.one.exitCode is\n       0)\nthree  -\n" +
		"four   int(trim(steps.one.outp\n       ut)) > 80\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestACellThatIsCutKeepsSomething(t *testing.T) {
	table := &screen.Table{Head: []string{"INSTANCE", "COMMAND", "ERROR"}, Whole: map[int]bool{0: true}}
	table.Add("i-bp67acfmxazb4ph42jbf", "clean the disk", "the disk is full")
	var b strings.Builder
	table.Print(screen.NewWriter(&b).With(screen.Look{Width: 20}))
	if want := "i-bp67acfmxazb4ph42jbf  clean …  the\n" + strings.Repeat(" ", 33) + "disk is\n" + strings.Repeat(" ", 33) + "full\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestATerminalHasColoursUnlessTheyAreNotWanted(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil || !screen.Terminal(terminal) {
		t.Skipf("no terminal can be made here: %v", err)
	}
	defer terminal.Close()
	for variables, want := range map[string]screen.Look{
		"TERM=xterm":            {Width: 80, Colour: true, Lively: true},
		"TERM=xterm NO_COLOR=1": {Width: 80, Lively: true},
		"TERM=dumb":             {Width: 80},
		"TERM=xterm COLUMNS=40": {Width: 40, Colour: true, Lively: true},
	} {
		got := screen.LookOf(terminal, func(name string) string {
			_, after, _ := strings.Cut(" "+variables+" ", " "+name+"=")
			value, _, _ := strings.Cut(after, " ")
			return value
		})
		if got != want {
			t.Errorf("%s: %+v, want %+v", variables, got, want)
		}
	}
}

func TestOnlyAColouredLookHasColours(t *testing.T) {
	print := func(look screen.Look) string {
		table := &screen.Table{Head: []string{"STATE", "NAME"}, Paint: map[int]func(string) screen.Colour{0: func(cell string) screen.Colour {
			if cell == "failed" {
				return screen.Red
			}
			return screen.Plainly
		}}}
		table.Add("failed", "ps")
		table.Add("running", "df")
		var b strings.Builder
		table.Print(screen.NewWriter(&b).With(look))
		return b.String()
	}
	if diff := cmp.Diff("STATE    NAME\nfailed   ps\nrunning  df\n", print(screen.Look{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("STATE    NAME\n\x1b[31mfailed\x1b[0m   ps\nrunning  df\n", print(screen.Look{Colour: true})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoLookIsLivelyWithoutATerminal(t *testing.T) {
	for columns, want := range map[string]screen.Look{"": {}, "40": narrow, "-1": {}, "wide": {}} {
		got := screen.LookOf(&strings.Builder{}, func(name string) string { return map[string]string{"COLUMNS": columns, "TERM": "xterm"}[name] })
		if got != want {
			t.Errorf("COLUMNS=%s: %+v, want %+v", columns, got, want)
		}
	}
}

func TestProgressIsWrittenOverAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		end := screen.Busy(screen.NewWriter(&b).With(screen.Look{Lively: true, Width: 80}), "reading")
		time.Sleep(2500 * time.Millisecond)
		end()
		if want := "\rreading … 1 s\x1b[K\rreading … 2 s\x1b[K\r\x1b[K"; b.String() != want {
			t.Errorf("got %q, want %q", b.String(), want)
		}
		b.Reset()
		end = screen.Busy(screen.NewWriter(&b).With(screen.Look{Lively: true, Width: 80}), "reading")
		time.Sleep(900 * time.Millisecond)
		end()
		screen.Busy(screen.NewWriter(&b).With(narrow), "reading")()
		if b.String() != "" {
			t.Errorf("what is quick or no terminal gets %q", b.String())
		}
	})
}

func TestATextIsWrappedBetweenItsWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"one two  three", "one two|three"}, {"12345678901 2", "12345678901|2"}, {"升级升级 升", "升级升级|升"}, {"升级升 升", "升级升 升"},
		{"a 升级升级升级", "a|升级升级|升级"}, {"id-1234567升级", "id-1234567|升级"},
	} {
		if got := strings.Join(screen.Wrapped(c.text, 9), "|"); got != c.want {
			t.Errorf("%q is wrapped as %q, want %q", c.text, got, c.want)
		}
	}
}

func TestWhatIsSaidFitsTheScreen(t *testing.T) {
	for _, c := range []struct {
		width            int
		lead, text, want string
	}{
		{0, "  why  ", "two  words, and a very long line after them", "  why  two  words, and a very long line after them\n"},
		{20, "  why  ", "two  words", "  why  two  words\n"},
		{20, "  why  ", "two  words, a", "  why  two  words, a\n"},
		{20, "  why  ", "two  words, no more", "  why  two words, no\n       more\n"},
		{20, "", "磁盘满了，需要清理, now", "磁盘满了，需要清理,\nnow\n"},
		{20, "", "磁盘满了，需要清理磁盘满了", "磁盘满了，需要清理磁\n盘满了\n"},
	} {
		var b strings.Builder
		screen.Say(screen.NewWriter(&b).With(screen.Look{Width: c.width}), c.lead, c.text)
		if b.String() != c.want {
			t.Errorf("%q in %d columns: got %q, want %q", c.text, c.width, b.String(), c.want)
		}
	}
}
