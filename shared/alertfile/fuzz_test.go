package alertfile_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/shared/alertfile"
	"aftercare/shared/decide"
	"aftercare/shared/yamlfile"
	"aftercare/tests/mistakes"
)

// FuzzRead checks that every file either has mistakes at places that exist, or
// sends every alert somewhere.
func FuzzRead(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		for _, file := range mistakes.Files(f, filepath.Join(fixtures, folder)) {
			f.Add(mistakes.Read(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := alertfile.Read("f", src)
		var list yamlfile.Mistakes
		lines := yamlfile.Lines(src)
		switch {
		case err == nil:
			targets := file.Routes.Of(decide.Alert{Kind: decide.AlertFlow, Flow: "a"})
			if len(targets) == 0 || len(file.Routes.Route(targets[0].Route).Channels) == 0 {
				t.Error("an alert goes nowhere")
			}
		case !errors.As(err, &list) || len(list) == 0:
			t.Errorf("got %v, want mistakes", err)
		}
		for _, m := range list {
			if m.Line < 1 || m.Line > len(lines) || m.Column < 1 || m.Column > len([]rune(lines[m.Line-1]))+1 || strings.TrimSpace(m.Text) == "" {
				t.Errorf("the mistake %+v has no place", m)
			}
		}
	})
}
