package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// module is a module of two packages, whose tests hold only a part of what they
// promise.
var module = map[string]string{
	"go.mod": "module example\n\ngo 1.26\n",
	"clock/clock.go": `package clock

// Open reports whether the shop is open.
func Open(hour int) bool {
	if hour < 9 {
		return false
	}
	return hour < 17
}

// Closed reports whether it is not.
func Closed(hour int) bool {
	return !Open(hour)
}
`,
	"clock/clock_test.go": `package clock

import "testing"

func TestOpen(t *testing.T) {
	t.Run("at night", func(t *testing.T) {
		if Open(3) {
			t.Error("open")
		}
	})
	t.Run("at noon", func(t *testing.T) {
		if !Open(12) {
			t.Error("closed")
		}
	})
}
`,
	"shop/shop_test.go": `package shop

import (
	"testing"

	"example/clock"
)

func TestTheShopOpensAtNine(t *testing.T) {
	if !clock.Open(9) {
		t.Error("closed")
	}
}
`,
}

const list = `# Opening hours.

clock/clock.go: it is open at night
-	if hour < 9 {
+	if hour < 0 {

clock/clock.go: it is closed at nine
tests: clock shop
-	if hour < 9 {
+	if hour <= 9 {

clock/clock.go: it is open at five
-	return hour < 17
+	return hour <= 17

clock/clock.go: it is open all day
 		return false
 	}
-	return hour < 17
`

// write writes a module with a list of mutants.
func write(t *testing.T, list string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range module {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(root, "tests", "mutants")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "clock.txt"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// A change of the code takes the mutants of its lines along.
func TestEveryMutantMatchesTheCode(t *testing.T) {
	if list, err := readLists(filepath.Join("..", ".."), regexp.MustCompile("")); err != nil || len(list) < 200 {
		t.Errorf("%d mutants: %v", len(list), err)
	}
}

func TestTheTableNamesTheTestThatNoticesEachMutant(t *testing.T) {
	var table strings.Builder
	err := run(t.Context(), &table, write(t, list), "", time.Hour, 2)
	if err == nil || err.Error() != "2 of 4 mutants were not noticed" {
		t.Errorf("run = %v, want 2 of 4 not noticed", err)
	}
	got := regexp.MustCompile(`(it does not compile: ).*`).ReplaceAllString(table.String(), "$1...")
	want := `clock/clock.go:5  it is open at night   TestOpen/at_night
clock/clock.go:5  it is closed at nine  TestTheShopOpensAtNine in shop
clock/clock.go:8  it is open at five    SURVIVED
clock/clock.go:8  it is open all day    ERROR: it does not compile: ...
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestOnlyTheSelectedMutantsRun(t *testing.T) {
	var table strings.Builder
	if err := run(t.Context(), &table, write(t, list), "at night$", time.Hour, 1); err != nil {
		t.Error(err)
	}
	if want := "clock/clock.go:5  it is open at night  TestOpen/at_night\n"; table.String() != want {
		t.Errorf("table %q, want %q", table.String(), want)
	}
	if err := run(t.Context(), &table, write(t, list), "nothing like it", time.Hour, 1); err == nil {
		t.Error("a run of no mutant succeeded")
	}
}

func TestTestsThatFailAnywayNoticeNothing(t *testing.T) {
	root := write(t, list)
	broken := "package clock\n\nimport \"testing\"\n\nfunc TestBroken(t *testing.T) { t.Fail() }\n"
	if err := os.WriteFile(filepath.Join(root, "clock", "broken_test.go"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), &strings.Builder{}, root, "at night", time.Hour, 1)
	if err == nil || !strings.Contains(err.Error(), "the tests of clock fail without a mutant") {
		t.Errorf("run = %v", err)
	}
}

func TestEveryMistakeInAListIsReported(t *testing.T) {
	root := write(t, `what is this
clock/clock.go: a text that was there once
-	if hour < 8 {

clock/clock.go: a text that is there twice
-}

clock/clock.go: a change of nothing
 	}
what is that
clock/gone.go: a file that was there once
-	if hour < 9 {
`)
	_, err := readLists(root, regexp.MustCompile(""))
	want := `clock.txt:1: the list must begin with a file and what its mutant would do
clock.txt:10: a line must be a heading, tests, or begin with a blank, -, + or #
clock.txt:8: nothing is changed
clock.txt:2: its old text is 0 times in clock/clock.go, and must be there once
clock.txt:5: its old text is 2 times in clock/clock.go, and must be there once
clock.txt:11: open`
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestTheKillerIsTheFirstTestThatFailed(t *testing.T) {
	for _, c := range []struct{ output, want string }{
		{"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\n        --- FAIL: TestA/b/c (0.00s)\n    a_test.go:1: no\n--- FAIL: TestB (0.00s)\nFAIL\n", "TestA/b/c"},
		{"panic: test timed out after 1s\n\trunning tests:\n\t\tTestA/b (1s)\n\t\tTestC (0s)\n\ngoroutine 1 [running]:\n", "TestA/b ran out of time"},
		{"panic: test timed out after 1s\n\ngoroutine 1 [running]:\n", "a test ran out of time"},
		{"--- FAIL: TestA (0.00s)\npanic: no [recovered]\n\tpanic: no\n", "TestA"},
		{"panic: send on closed channel\n\ngoroutine 9 [running]:\n", "a crash: panic: send on closed channel"},
		{"fatal error: all goroutines are asleep - deadlock!\n", "a crash: fatal error: all goroutines are asleep - deadlock!"},
		{"a file is left over\nFAIL\taftercare/x\t0.1s\n", "no test, but the package's tests failed"},
	} {
		if got := killer(c.output); got != c.want {
			t.Errorf("killer(%q) = %q, want %q", c.output, got, c.want)
		}
	}
}
