package main

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"aftercare/tests/bench/budget"
)

// workbench replaces the test that a rig belongs to. A failure ends the
// observation.
type workbench struct {
	testing.TB // nil: the rig uses nothing else of it
	cleanups   []func()
}

type fatal string

func (*workbench) Helper()                           {}
func (w *workbench) Cleanup(f func())                { w.cleanups = append(w.cleanups, f) }
func (*workbench) Fatal(args ...any)                 { panic(fatal(fmt.Sprint(args...))) }
func (*workbench) Fatalf(format string, args ...any) { panic(fatal(fmt.Sprintf(format, args...))) }

func (w *workbench) TempDir() string {
	dir, err := os.MkdirTemp("", "aftercare-bench-")
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// observe handles the row's input once in this process, on the local cloud, and
// returns the calls, whose answers the stand-ins repeat.
func observe(row budget.Row) (seen budget.Observation, err error) {
	err = onWorkbench("observe "+row.Name, func(w *workbench) (err error) {
		seen, err = budget.Observe(w, row)
		return err
	})
	return seen, err
}

// onWorkbench calls do with a workbench, and cleans it up.
func onWorkbench(what string, do func(*workbench) error) (err error) {
	w := &workbench{}
	defer func() {
		for _, f := range slices.Backward(w.cleanups) {
			f()
		}
	}()
	defer func() {
		if f, ok := recover().(fatal); ok {
			err = fmt.Errorf("%s: %s", what, f)
		}
	}()
	return do(w)
}
