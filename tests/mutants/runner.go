package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// runner runs the tests of the module at root.
type runner struct {
	ctx     context.Context
	root    string
	work    string // a temporary folder
	timeout time.Duration
}

// result is what became of a mutant.
type result struct {
	killed bool
	by     string // the test that noticed, or what else happened
}

// unchanged runs the tests without a mutant: where they fail anyway, they notice
// nothing.
func (r runner) unchanged(mutants []mutant, parallel int) error {
	var packages []string
	seen := map[string]bool{}
	for _, m := range mutants {
		for _, p := range m.tests {
			if !seen[p] {
				seen[p] = true
				packages = append(packages, p)
			}
		}
	}
	errs := make([]error, len(packages))
	each(len(packages), parallel, func(i int) {
		if output, err := r.test(packages[i]); err != nil {
			errs[i] = fmt.Errorf("the tests of %s fail without a mutant:\n%s", packages[i], output)
		}
	})
	return errors.Join(errs...)
}

// try runs the tests that may notice the n-th mutant, until one does.
func (r runner) try(m mutant, n int) result {
	overlay, err := r.overlay(m, n)
	if err != nil {
		return result{by: "ERROR: " + err.Error()}
	}
	for _, p := range m.tests {
		output, err := r.test(p, "-overlay="+overlay)
		switch {
		case err == nil:
			continue
		case r.ctx.Err() != nil:
			return result{by: "ERROR: interrupted"}
		case strings.Contains(output, "[build failed]"), strings.Contains(output, "[setup failed]"):
			return result{by: "ERROR: it does not compile: " + strings.Join(strings.Fields(output), " ")}
		}
		by := killer(output)
		if strings.HasSuffix(by, outOfTime) {
			return result{by: "ERROR: " + by}
		}
		if p != path.Dir(m.file) {
			by += " in " + p
		}
		return result{killed: true, by: by}
	}
	return result{by: "SURVIVED"}
}

// overlay writes the mutated file and the go command's list of replaced files.
func (r runner) overlay(m mutant, n int) (string, error) {
	original, err := filepath.Abs(filepath.Join(r.root, filepath.FromSlash(m.file)))
	if err != nil {
		return "", err
	}
	name := filepath.Join(r.work, fmt.Sprint(n))
	if err := os.WriteFile(name+".go", m.mutated, 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{original: name + ".go"}})
	if err != nil {
		return "", err
	}
	return name + ".json", os.WriteFile(name+".json", list, 0o600)
}

// test runs the tests of one package up to the first that fails.
func (r runner) test(folder string, flags ...string) (output string, err error) {
	// One package at a time, because mutants run side by side.
	args := append([]string{"test", "-failfast", "-vet=off", "-ldflags=-w", "-p=1", "-timeout=" + r.timeout.String()}, flags...)
	cmd := exec.CommandContext(r.ctx, "go", append(args, "./"+folder)...)
	cmd.Dir = r.root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var (
	failedTest  = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
	runningTest = regexp.MustCompile(`(?m)^panic: test timed out after .*\n(?:\s*running tests:\n\s*(\S+))?`)
	crash       = regexp.MustCompile(`(?m)^(?:panic|fatal error): .*`)
)

const outOfTime = " ran out of time"

// killer names the first test that failed, by the output of go test.
func killer(output string) string {
	if m := runningTest.FindStringSubmatch(output); m != nil {
		return cmp.Or(m[1], "a test") + outOfTime
	}
	name := ""
	for _, m := range failedTest.FindAllStringSubmatch(output, -1) {
		if name == "" || strings.HasPrefix(m[1], name+"/") {
			name = m[1]
		}
	}
	switch {
	case name != "":
		return name
	case crash.MatchString(output):
		return "a crash: " + crash.FindString(output)
	}
	return "no test, but the package's tests failed"
}
