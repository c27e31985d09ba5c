package imports_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheFunctionsLinkExactlyTheirModules fails as well if something else, such
// as the SDK of a test, raises the version of a module that is only linked.
func TestTheFunctionsLinkExactlyTheirModules(t *testing.T) {
	got := map[string]string{}
	for _, p := range list(t, "-deps", "./functions/...") {
		if _, ours := local(p.ImportPath); !ours && !standard(p.ImportPath) && p.Module != nil {
			got[p.Module.Path] = p.Module.Version
		}
	}
	want := maps.Clone(functionModules)
	maps.Copy(want, linkedModules)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modules that the functions link (-want +got):\n%s", diff)
	}
}

// modFile is go.mod as the go command prints it.
type modFile struct {
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Exclude []struct{ Path, Version string }
	Replace []struct{ Old, New struct{ Path string } }
}

func TestGoModPinsWhatIsUsed(t *testing.T) {
	var m modFile
	if err := json.Unmarshal(goCommand(t, "mod", "edit", "-json"), &m); err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(functionModules)
	maps.Copy(want, toolModules)
	for _, r := range m.Require {
		if v, ok := want[r.Path]; ok && v != r.Version {
			t.Errorf("go.mod requires %s %s, want %s", r.Path, r.Version, v)
		} else if !ok && !r.Indirect {
			t.Errorf("go.mod requires %s, which no rule names", r.Path)
		}
		delete(want, r.Path)
	}
	for path := range want {
		t.Errorf("go.mod does not require %s", path)
	}
	var got []string
	for _, e := range m.Exclude {
		got = append(got, e.Path+"@"+e.Version)
	}
	slices.Sort(got)
	if diff := cmp.Diff(excluded, got); diff != "" {
		t.Errorf("excluded (-want +got):\n%s", diff)
	}
	if len(m.Replace) > 0 {
		t.Errorf("go.mod replaces modules: %v", m.Replace)
	}
}
