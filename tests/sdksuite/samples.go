package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// samples are the SDK's samples of secondary indexes. Its suite has no test of
// them.
var samples = []string{"CreateTableWithGlobalIndexSample", "CreateTableWithLocalIndexSample"}

//go:embed testdata/samples.go.txt
var samplesMain []byte

// sampleFailure is what a sample prints when a call fails, or when a row is not
// in the index; it exits with 0 all the same.
var sampleFailure = regexp.MustCompile(`(?i)failed|not exist`)

func sampleVerdict(output []byte, err error) string {
	if err != nil || len(output) == 0 || sampleFailure.Match(output) {
		return "FAIL"
	}
	return "PASS"
}

// runSamples runs each sample against an endpoint.
func (s *suite) runSamples(endpoint string) ([]result, []byte, error) {
	folder := filepath.Join(s.folder, "indexsamples")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, fmt.Errorf("write the samples' program: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "main.go"), samplesMain, 0o600); err != nil {
		return nil, nil, fmt.Errorf("write the samples' program: %w", err)
	}
	var results []result
	var all []byte
	for _, sample := range samples {
		output, err := s.command("run", "./indexsamples", sample, endpoint, instance, keyID, keySecret).CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			return nil, output, fmt.Errorf("run the samples: %w", err)
		}
		results = append(results, result{sample, sampleVerdict(output, err)})
		all = append(all, output...)
	}
	return results, all, nil
}
