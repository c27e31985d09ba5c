package imports_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "aftercare/"

// imported is a package of this module, or one that the functions need, as
// the go command lists it.
type imported struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Module       *struct{ Path, Version string }
}

// list asks the go command.
func list(t *testing.T, args ...string) []imported {
	t.Helper()
	fields := "-json=ImportPath,Imports,TestImports,XTestImports,Module"
	decoder := json.NewDecoder(bytes.NewReader(goCommand(t, append([]string{"list", fields}, args...)...)))
	var out []imported
	for {
		var p imported
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
}

func goCommand(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// fits reports whether a path is one of the pattern's.
func fits(path, pattern string) bool {
	folder, all := strings.CutSuffix(pattern, "/...")
	return path == pattern || all && strings.HasPrefix(path, folder+"/")
}

// may reports whether one of the patterns allows an import. A module allows
// its packages.
func may(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return fits(path, p) || strings.Contains(p, ".") && strings.HasPrefix(path, p+"/")
	})
}

// local is a path within this module, and whether it is one.
func local(path string) (string, bool) { return strings.CutPrefix(path, module) }

// standard reports whether a path is one of the standard library.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first+"/" != module
}

// arrows says which imports no rule allows.
func arrows(packages []imported) []string {
	var faults []string
	for _, p := range packages {
		path, _ := local(p.ImportPath)
		i := slices.IndexFunc(rules, func(r rule) bool { return fits(path, r.path) })
		if i < 0 {
			faults = append(faults, path+": no rule is for this package")
			continue
		}
		for _, to := range p.Imports {
			short, _ := local(to)
			switch {
			case standard(to):
				if slices.Contains(pure, path) && may(to, outside) {
					faults = append(faults, fmt.Sprintf("%s imports %s: it must stay pure", path, to))
				}
			case !may(short, rules[i].may) || slices.Contains(forTests, short):
				faults = append(faults, fmt.Sprintf("%s imports %s", path, short))
			}
		}
		beside := besideTests
		if fits(path, "shared/...") || fits(path, "functions/...") {
			beside = append(slices.Clone(besideShared), known(packages, p)...)
		}
		for _, to := range append(slices.Clone(p.TestImports), p.XTestImports...) {
			if short, ok := local(to); ok && short != path && !may(short, beside) {
				faults = append(faults, fmt.Sprintf("a test of %s imports %s", path, short))
			}
		}
	}
	return faults
}

// known is what a package of this module imports of it, directly or not.
func known(packages []imported, from imported) []string {
	var out []string
	for todo := []imported{from}; len(todo) > 0; {
		p := todo[0]
		todo = todo[1:]
		for _, to := range p.Imports {
			short, ok := local(to)
			if !ok || slices.Contains(out, short) {
				continue
			}
			out = append(out, short)
			for _, q := range packages {
				if q.ImportPath == to {
					todo = append(todo, q)
				}
			}
		}
	}
	return out
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	packages := list(t, "./...")
	for _, fault := range arrows(packages) {
		t.Error(fault)
	}
	for _, r := range rules {
		if !slices.ContainsFunc(packages, func(p imported) bool {
			path, _ := local(p.ImportPath)
			return fits(path, r.path)
		}) {
			t.Errorf("there is a rule for %s, but no package", r.path)
		}
	}
}

// TestAnyOtherArrowIsSeen draws one wrong arrow after another.
func TestAnyOtherArrowIsSeen(t *testing.T) {
	packages := list(t, "./...")
	before := arrows(packages)
	for _, c := range []struct {
		from, to string
		test     bool
		want     string
	}{
		{from: "shared/event", to: "shared/flow", want: "shared/event imports shared/flow"},
		{from: "shared/event", to: "os", want: "shared/event imports os: it must stay pure"},
		{from: "shared/flow", to: "net/http", want: "shared/flow imports net/http: it must stay pure"},
		{from: "shared/flow", to: "shared/event", want: "shared/flow imports shared/event"},
		{from: "shared/command", to: "shared/flow", want: "shared/command imports shared/flow"},
		{from: "shared/transport", to: "shared/event", want: "shared/transport imports shared/event"},
		{from: "shared/decide", to: "shared/engine", want: "shared/decide imports shared/engine"},
		{from: "shared/decide", to: "context", want: "shared/decide imports context: it must stay pure"},
		{from: "shared/engine", to: "shared/ledger", want: "shared/engine imports shared/ledger"},
		{from: "shared/engine", to: zerolog, want: "shared/engine imports " + zerolog},
		{from: "shared/ledger", to: "shared/assistant", want: "shared/ledger imports shared/assistant"},
		{from: "shared/assistant", to: "shared/alert", want: "shared/assistant imports shared/alert"},
		{from: "shared/alert", to: "shared/ledger", want: "shared/alert imports shared/ledger"},
		{from: "shared/alert", to: tablestoreSDK + "/tablestore", want: "shared/alert imports " + tablestoreSDK},
		{from: "shared/ledger", to: alibabaSDK + "/sdk", want: "shared/ledger imports " + alibabaSDK},
		{from: "shared/assistant", to: alibabaSDK + "/services/ecs", want: "shared/assistant imports " + alibabaSDK},
		{from: "shared/invoke", to: alibabaSDK + "/sdk", want: "shared/invoke imports " + alibabaSDK},
		{from: "shared/handler", to: "shared/alert", want: "shared/handler imports shared/alert"},
		{from: "shared/dispatch", to: "shared/alert", want: "shared/dispatch imports shared/alert"},
		{from: "functions/sweep", to: "shared/alerting", want: "functions/sweep imports shared/alerting"},
		{from: "shared/alert", to: fcSDK + "/fc", want: "shared/alert imports " + fcSDK},
		{from: "shared/handler", to: tablestoreSDK + "/tablestore", want: "shared/handler imports " + tablestoreSDK},
		{from: "shared/handler", to: "tests/rig", want: "shared/handler imports tests/rig"},
		{from: "shared/ledger", to: "scripts/aftercare", want: "shared/ledger imports scripts/aftercare"},
		{from: "scripts/aftercare", to: "shared/ledger/ledgertest", want: "scripts/aftercare imports shared/ledger/ledgertest"},
		{from: "shared/engine", to: "shared/ledger/ledgertest", test: true},
		{from: "scripts/internal/cli", to: "shared/ledger", want: "scripts/internal/cli imports shared/ledger"},
		{from: "functions/sweep", to: "shared/ledger", want: "functions/sweep imports shared/ledger"},
		{from: "functions/sweep", to: "tests/rig", want: "functions/sweep imports tests/rig"},
		{from: "tests/localcloud/ecs", to: "shared/event", want: "tests/localcloud/ecs imports shared/event"},
		{from: "tests/localcloud/ecs", to: alibabaSDK + "/sdk", want: "tests/localcloud/ecs imports " + alibabaSDK},
		{from: "functions/sweep", to: currentECSSDK + "/client", want: "functions/sweep imports " + currentECSSDK},
		{from: "scripts/localcloud", to: currentECSSDK + "/client", want: "scripts/localcloud imports " + currentECSSDK},
		{from: "tests/rig", to: alibabaSDK + "/sdk", want: "tests/rig imports " + alibabaSDK},
		{from: "shared/event", to: "tests/rig", test: true},
		{from: "shared/ledger", to: "shared/flow", test: true},
		{from: "shared/event", to: "shared/ledger", test: true, want: "a test of shared/event imports shared/ledger"},
		{from: "shared/ledger", to: "scripts/aftercare", test: true, want: "a test of shared/ledger imports scripts/aftercare"},
		{from: "other/new", to: "fmt", want: "other/new: no rule is for this package"},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			to := c.to
			if strings.Contains(to, "/") && !strings.Contains(to, ".") && !strings.HasPrefix(to, "net/") {
				to = module + to
			}
			changed := slices.Clone(packages)
			i := slices.IndexFunc(changed, func(p imported) bool { return p.ImportPath == module+c.from })
			if i < 0 {
				i = len(changed)
				changed = append(changed, imported{ImportPath: module + c.from})
			}
			if c.test {
				changed[i].XTestImports = append(slices.Clone(changed[i].XTestImports), to)
			} else {
				changed[i].Imports = append(slices.Clone(changed[i].Imports), to)
			}
			faults := arrows(changed)
			if c.want == "" && len(faults) > len(before) {
				t.Errorf("faults %q, want no more than %q", faults, before)
			}
			if c.want != "" && !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, c.want) }) {
				t.Errorf("faults %q, want %q", faults, c.want)
			}
		})
	}
}
