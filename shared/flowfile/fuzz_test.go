package flowfile_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/yamlfile"

	"github.com/google/go-cmp/cmp"
)

// FuzzRead feeds Read with anything. Whatever it is, the result is either
// definitions that can be stored and loaded, or mistakes that lie inside the
// file; and it is the same when asked again. Most of the time goes into making
// inputs smaller unless -fuzzminimizetime=10x is given.
func FuzzRead(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		for _, file := range fixture(f, folder) {
			f.Add(read(f, file))
		}
	}
	f.Add(read(f, shippedFile))
	f.Fuzz(func(t *testing.T, src []byte) {
		flows, err := flowfile.Read("f", src)
		again, errAgain := flowfile.Read("f", src)
		if err == nil {
			checkDefinitions(t, flows)
			if diff := cmp.Diff(flows, again); errAgain != nil || diff != "" {
				t.Errorf("read again, the file gives something else: %v\n%s", errAgain, diff)
			}
			return
		}
		var mistakes yamlfile.Mistakes
		if !errors.As(err, &mistakes) || len(mistakes) == 0 || flows != nil {
			t.Fatalf("got %v with error %v, want mistakes alone", flows, err)
		}
		if errAgain == nil || errAgain.Error() != err.Error() {
			t.Errorf("read again: got %v, want %v", errAgain, err)
		}
		lines := yamlfile.Lines(src)
		for _, mistake := range mistakes {
			switch {
			case mistake.Line < 1 || mistake.Line > len(lines), mistake.Column < 1, mistake.Column > utf8.RuneCountInString(lines[mistake.Line-1])+1:
				t.Errorf("a mistake outside the file: %s", mistake)
			case mistake.Text == "" || strings.ContainsAny(mistake.Text, "\r\n") || !utf8.ValidString(mistake.Text):
				t.Errorf("not one line of text: %q", mistake.Text)
			}
		}
	})
}

// checkDefinitions says what all definitions must be.
func checkDefinitions(t *testing.T, flows []flow.Definition) {
	t.Helper()
	stored, err := flow.Store(flows)
	if err != nil {
		t.Fatal(err)
	}
	set, err := flow.Load(stored)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != len(flows) {
		t.Errorf("%d of %d flows were stored", set.Len(), len(flows))
	}
	for _, want := range flows {
		got, err := set.Definition(want.Name)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("stored, the flow %s is something else (-want +got): %v\n%s", want.Name, err, diff)
		}
	}
	for _, o := range flow.NewSet(flows).Match(flow.Event{Kind: flow.TaskCompleted}, flow.Instance{}, 0) {
		if strings.Contains(o.Reason, "cannot be compiled") {
			t.Errorf("flow %s: %s", o.Flow, o.Reason)
		}
	}
}
