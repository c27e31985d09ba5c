package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAReleaseKnowsItsVersion builds the program with the linker's flag of the
// Makefile, and asks it in a folder without a repository.
func TestAReleaseKnowsItsVersion(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	flag := regexp.MustCompile(`-X (\S+=)\$\(VERSION\)`).FindSubmatch(makefile)
	if flag == nil {
		t.Fatal("the Makefile sets no version")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "localcloud")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-X "+string(flag[1])+"v9.8.7", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "--version")
	cmd.Dir = dir
	if out, err := cmd.Output(); err != nil || !strings.HasPrefix(string(out), "localcloud v9.8.7 (go") {
		t.Errorf("got %q and %v, want localcloud v9.8.7", out, err)
	}
}

// TestAReleaseNeedsAVersionAndALicence runs make where there is no licence.
func TestAReleaseNeedsAVersionAndALicence(t *testing.T) {
	makefile, err := filepath.Abs("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ version, want string }{
		{"VERSION=", "a release needs a version: make release VERSION=v1.2.3"},
		{"-s", "a release needs a version: make release VERSION=v1.2.3"},
		{"VERSION=v1.2.3", "a release needs the licence: LICENSE is missing"},
	} {
		dir := t.TempDir()
		cmd := exec.Command("make", "-s", "-f", makefile, "release", c.version)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if left, _ := os.ReadDir(dir); err == nil || !strings.Contains(string(out), c.want) || len(left) > 0 {
			t.Errorf("%s: got %v, %q and %d files, want %q and none", c.version, err, out, len(left), c.want)
		}
	}
}
