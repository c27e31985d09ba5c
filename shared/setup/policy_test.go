package setup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"aftercare/shared/setup"
)

// folder has the policies as they are in the repository.
const folder = "../../scripts/ram"

// TestTheFilesAreWhatIsRendered: to change a policy, change Policies, and write them
// with 'aftercare setup policies --write scripts/ram'.
func TestTheFilesAreWhatIsRendered(t *testing.T) {
	all := setup.Policies()
	for name, policy := range all {
		text, err := os.ReadFile(filepath.Join(folder, name+".json"))
		if err != nil || string(text) != policy.String() {
			t.Errorf("scripts/ram/%s.json is not what 'aftercare setup policies --write scripts/ram' writes (%v)", name, err)
		}
	}
	files, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(files) != len(all) {
		t.Errorf("%d files in scripts/ram, want %d (%v)", len(files), len(all), err)
	}
}

// TestADocumentFits: the service takes 6,144 characters. Names that are as long as
// they may be fill the placeholders.
func TestADocumentFits(t *testing.T) {
	names := setup.Names{
		Region: "ap-northeast-1-pop", Account: "1234567890123456", TablestoreName: strings.Repeat("t", 16),
		Project: strings.Repeat("p", 40), Logstore: strings.Repeat("s", 40),
	}
	for name, policy := range setup.Policies() {
		if n := utf8.RuneCountInString(setup.Compact(policy.With(names))); n > 6144 {
			t.Errorf("%s has %d characters", name, n)
		} else if strings.HasPrefix(name, "deployer") {
			t.Logf("%s has %d characters", name, n)
		}
		if text := policy.With(names).String(); strings.Contains(text, "<") {
			t.Errorf("%s keeps a placeholder: %s", name, text)
		}
	}
}
