package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aftercare/shared/alertfile"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

func alertsFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("alerts", "", "the `file` with the routes that steps may name (default alerts.yaml beside FILE)")
}

// inspectRouted reads a flows file, and also finds steps that ask for routes that
// are not in a file of alerts. If that has no name, it is alerts.yaml beside the flows.
func inspectRouted(cmd *cobra.Command, path, alerts string) (src []byte, found flowfile.Inspection, err error) {
	file := alerts
	switch {
	case file != "":
	case path == "-":
		file = alertsFile
	default:
		file = filepath.Join(filepath.Dir(path), filepath.Base(alertsFile))
	}
	routes, trouble := routesIn(file)
	if src, err = readInput(cmd, path); err != nil {
		return nil, found, fmt.Errorf("read the flows: %w", err)
	}
	found = flowfile.Inspect(folderOf(path), inputName(path), src, routes, time.Now())
	if trouble == nil || !slices.ContainsFunc(found.Flows, asksForRoute) {
		return src, found, nil
	}
	if errors.Is(trouble, fs.ErrNotExist) && alerts == "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: it names routes, which were not checked: there is no %s\n", inputName(path), file)
		return src, found, nil
	}
	return nil, found, trouble
}

// routesIn reads the names of the routes of a file of alerts.
func routesIn(file string) ([]string, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the routes that steps name: %w", err)
	}
	f, err := alertfile.Read(file, src)
	if err != nil {
		return nil, fmt.Errorf("steps name routes of %s, which has mistakes: aftercare alerts validate %[1]s", file)
	}
	return f.Routes.Names(), nil
}

func asksForRoute(d flow.Definition) bool {
	return slices.ContainsFunc(slices.Concat(d.Steps, d.OnFailure, d.Finally), func(s flow.Step) bool { return s.Route != "" })
}
