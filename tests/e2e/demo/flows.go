package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

//go:embed flows.yaml
var ownFlows []byte

// joined returns the flows of the shipped file and the demo's own. It reads
// them once more as one file, which checks them against each other.
func joined(shipped string) ([]flow.Definition, error) {
	src, err := os.ReadFile(shipped)
	if err != nil {
		return nil, fmt.Errorf("read the shipped flows: %w", err)
	}
	flows, err := flowfile.Read(shipped, src)
	if err != nil {
		return nil, err
	}
	own, err := flowfile.Read("tests/e2e/demo/flows.yaml", ownFlows)
	if err != nil {
		return nil, err
	}
	return flowfile.Read("both flows files, joined", encode(map[string]any{"version": 1, "flows": append(flows, own...)}))
}

// storeFlows writes the stored form of the demo's flows into a folder, and
// returns the file's path.
func storeFlows(folder, shipped string) (string, error) {
	flows, err := joined(shipped)
	if err != nil {
		return "", err
	}
	stored, err := flow.Store(flows)
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "flows.compiled")
	if err := os.WriteFile(path, stored, 0o600); err != nil {
		return "", fmt.Errorf("write the flows: %w", err)
	}
	return path, nil
}
