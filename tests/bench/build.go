package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/tests/bench/budget"
	"aftercare/tests/bench/wire"
)

// The programs to compare the functions with.
const (
	bare = "bare"
	noop = "noop"
	raw  = "raw"
)

// alerts is the function that brings alerts to people. It has no input, so only its
// start and its size are measured.
const alerts = "alerts"

// operator is the operator's tool.
const operator = "aftercare"

// The flows files: the deployed flows, those that the rows of the table of
// budgets need, and copies of the deployed ones.
const (
	shippedFlows = "shipped.compiled"
	rowFlows     = "flows.compiled"
	manyFlows    = "many.compiled"
)

// programs are the built binaries and the files that they read.
type programs struct {
	dir string
	// shipped are the deployed flows.
	shipped []flow.Definition
}

// build builds every binary as "make build" builds the functions.
func build(dir string) (programs, error) {
	p := programs{dir: dir}
	packages := map[string]string{
		bare: "./tests/bench/bare", noop: "./tests/bench/noop", raw: "./tests/bench/raw", operator: "./scripts/aftercare", alerts: "./functions/alerts",
	}
	for _, f := range budget.Functions {
		packages[f] = "./functions/" + f
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return p, fmt.Errorf("find the module: %w", err)
	}
	for name, pkg := range packages {
		cmd := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", p.binary(name), pkg)
		cmd.Dir = strings.TrimSpace(string(root))
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	shipped, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "functions", "flows.yaml"))
	if err != nil {
		return p, err
	}
	p.shipped, err = flowfile.Read("functions/flows.yaml", shipped)
	if err != nil {
		return p, err
	}
	rows, err := flowfile.Read(rowFlows, []byte(budget.Flows))
	if err != nil {
		return p, err
	}
	return p, errors.Join(p.store(shippedFlows, p.shipped), p.store(rowFlows, rows), p.store(manyFlows, copies(p.shipped, most)))
}

// store writes flows in their stored form.
func (p programs) store(name string, flows []flow.Definition) error {
	stored, err := flow.Store(flows)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.dir, name), stored, 0o600)
}

func (p programs) binary(name string) string { return filepath.Join(p.dir, name) }

// plan is the file with the bare handler's plan for a row.
func (p programs) plan(row budget.Row) string { return filepath.Join(p.dir, row.Name+".json") }

func (p programs) sizeMB(name string) (float64, error) {
	info, err := os.Stat(p.binary(name))
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / (1 << 20), nil
}

// unlimited is the setting with which a process sends as much as it may.
const unlimited = "AFTERCARE_SENDS_PER_MINUTE=10000"

// environment returns the variables of any process: the functions', and the
// bare handler's for a row.
func (p programs) environment(flows string, row budget.Row) environment {
	return func(at map[wire.Service]string) []string {
		return append(p.settings(flows, at), unlimited,
			"BARE_TABLESTORE="+at[wire.Tablestore], "BARE_ECS="+strings.TrimPrefix(at[wire.ECS], "http://"),
			"BARE_PLAN="+p.plan(row))
	}
}

// settings returns the functions' settings, as deployed.
func (p programs) settings(flows string, at map[wire.Service]string) []string {
	return []string{
		"AFTERCARE_TABLESTORE_ENDPOINT=" + at[wire.Tablestore], "AFTERCARE_TABLESTORE_INSTANCE=bench",
		"AFTERCARE_ECS_ENDPOINT=" + at[wire.ECS], "AFTERCARE_FLOWS=" + filepath.Join(p.dir, flows),
		"AFTERCARE_FC_ENDPOINT=http://127.0.0.1:1", // where nobody is woken
		"GOMAXPROCS=1",
	}
}
