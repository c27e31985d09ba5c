package flow_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// FuzzCompile feeds Compile with anything. Whatever it is, the result is
// either a set that answers events without contradiction, or faults that lie
// inside the file; and it is the same when asked again. Most of the time goes
// into making inputs smaller unless -fuzzminimizetime=1x is given.
func FuzzCompile(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		for _, file := range fixture(f, folder) {
			f.Add(read(f, file))
		}
	}
	f.Add(read(f, shippedFile))
	f.Fuzz(func(t *testing.T, src []byte) {
		set, err := flow.Compile("f", src)
		again, errAgain := flow.Compile("f", src)
		if err == nil {
			checkOutcomes(t, set.Match(ended()))
			checkOutcomes(t, set.Match(booted()))
			if errAgain != nil || set.Len() != len(set.Flows()) || !cmp.Equal(set.Match(ended()), again.Match(ended())) {
				t.Errorf("compiled again, the file gives something else: %v", errAgain)
			}
			return
		}
		var faults flow.Faults
		if !errors.As(err, &faults) || len(faults) == 0 || set != nil {
			t.Fatalf("got %v with error %v, want faults alone", set, err)
		}
		if errAgain == nil || errAgain.Error() != err.Error() {
			t.Errorf("compiled again: got %v, want %v", errAgain, err)
		}
		lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n"), "\n")
		for _, fault := range faults {
			switch {
			case fault.Line < 1 || fault.Line > len(lines), fault.Column < 1, fault.Column > utf8.RuneCountInString(lines[fault.Line-1])+1:
				t.Errorf("a fault outside the file: %s", fault)
			case fault.Text == "" || strings.ContainsAny(fault.Text, "\r\n") || !utf8.ValidString(fault.Text):
				t.Errorf("not one line of text: %q", fault.Text)
			}
		}
	})
}
