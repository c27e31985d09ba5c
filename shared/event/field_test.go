package event_test

import (
	"testing"
	"time"
	"unicode/utf8"

	"aftercare/shared/event"
)

func TestTextsAreValidUnicode(t *testing.T) {
	for _, raw := range []string{"\"a\xff\xfeb\"", `"a\ud800b"`, "\"\\n\xff\""} {
		got, ok := event.Parse([]byte(task(with("errorDesc", raw))))[0].(event.TaskCompleted)
		if !ok || got.ErrorDesc == "" || !utf8.ValidString(got.ErrorDesc) {
			t.Errorf("%q: got %#v, want valid UTF-8", raw, got)
		}
	}
}

// (ledger rule 12)
func TestEachExecutionHasItsKey(t *testing.T) {
	start := at("2025-03-04T02:10:31.900Z")
	cases := []struct {
		name, mode string
		start      time.Time
		repeats    int64
		want       string
	}{
		{"a command that runs once", "Once", start, 0, "i-1/t-1/once"},
		{"the same, counted from one", "Once", start, 1, "i-1/t-1/once"},
		{"at the next boot only", "NextRebootOnly", start, 1, "i-1/t-1/once"},
		{"a dry run", "DryRun", start, 1, "i-1/t-1/once"},
		{"no mode", "", start, 3, "i-1/t-1/once"},
		{"a mode that is not known", "Sometimes", start, 3, "i-1/t-1/once"},
		{"a schedule", "Period", start, 3, "i-1/t-1/1741054231"},
		{"each boot", "EveryReboot", start, 3, "i-1/t-1/1741054231"},
		{"a schedule without a start", "Period", time.Time{}, 3, "i-1/t-1/3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := event.TaskCompleted{InstanceID: "i-1", InvokeID: "t-1", RepeatMode: c.mode, StartTime: c.start, Repeats: c.repeats}
			if got := e.Key(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := e.Suffix(); got != c.want[len("i-1/t-1/"):] {
				t.Errorf("got suffix %s", got)
			}
		})
	}
}

func TestOnlyASuccessHasTheExitCodeZero(t *testing.T) {
	zero, code := int64(0), int64(-1)
	for status, want := range map[event.Status]*int64{
		event.StatusSuccess: &zero, event.StatusFailed: nil, event.StatusTimeout: nil, event.StatusAborted: nil,
		event.StatusInvalid: nil, event.StatusCancelled: nil, event.StatusTerminated: nil, "Error": nil, "": nil,
	} {
		if got := status.Exit(&zero); got != want {
			t.Errorf("%s with 0: %v", status, got)
		}
		if status.Exit(&code) != &code || status.Exit(nil) != nil {
			t.Errorf("%s changes another exit code", status)
		}
	}
}
