package cloud

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aftercare/tests/localcloud/functioncompute"
	"aftercare/tests/localcloud/project"
)

// plan is how a project shapes the local cloud.
type plan struct {
	project.Project
	opt *Options
	// standIns are the variables that have no value and stay empty.
	standIns []string
}

// defaultRegion is the region of a local cloud for which nobody gives one.
const defaultRegion = "cn-hangzhou"

// makePlan reads the project file and settles the region.
func makePlan(opt *Options) (plan, error) {
	p := plan{opt: opt}
	if opt.Project == "" {
		opt.Region = cmp.Or(opt.Region, defaultRegion)
		return p, nil
	}
	lookup := opt.Lookup
	if lookup == nil {
		lookup = p.local
	}
	read, err := project.Read(opt.Project, lookup)
	var missing project.Missing
	var mistakes project.Mistakes
	if opt.Lookup == nil && errors.As(err, &missing) && !errors.As(err, &mistakes) {
		read, err = project.Read(opt.Project, func(name string) (string, bool) {
			value, _ := p.local(name)
			return value, true
		})
	}
	if err != nil {
		return p, err
	}
	p.Project = *read
	p.standIns = missing
	for _, f := range p.Functions {
		if opt.Region == "" {
			opt.Region = f.Region
		}
		if f.Region != opt.Region {
			return p, fmt.Errorf("function %s is in the region %s: one local cloud is one region, here %s", f.Name, f.Region, opt.Region)
		}
		if _, err := os.Stat(filepath.Join(p.code(f), f.Handler)); errors.Is(err, fs.ErrNotExist) {
			return p, fmt.Errorf("function %s: there is no %s in %s: build it first", f.Name, f.Handler, p.code(f))
		}
	}
	opt.Region = cmp.Or(opt.Region, defaultRegion)
	for name := range opt.Timeouts {
		if name != "" && !p.has(name) {
			return p, fmt.Errorf("a timeout is set for the function %s, which does not exist", name)
		}
	}
	return p, nil
}

// has reports whether there is a function of this name.
func (p plan) has(function string) bool {
	return slices.ContainsFunc(p.Functions, func(f project.Function) bool { return f.Name == function })
}

// local looks up the variables that the local cloud has a value for. Those that
// it sets for the functions itself may stay empty.
func (p plan) local(name string) (string, bool) {
	if value, ok := p.opt.Env[name]; ok {
		return value, true
	}
	switch {
	case strings.Contains(name, "REGION"):
		return cmp.Or(p.opt.Region, defaultRegion), true
	case strings.Contains(name, "ACCOUNT"):
		return p.opt.Account, true
	}
	return "", slices.Contains(ownVariables, name)
}

// functions returns the project's functions. Outcomes for queues and topics go
// into files of the folder destinations.
func (p plan) functions(destinations string) []functioncompute.Function {
	var out []functioncompute.Function
	for _, f := range p.Functions {
		fc := functioncompute.Function{
			Name: f.Name, Dir: p.code(f), Handler: f.Handler, Region: p.opt.Region, Account: p.opt.Account,
			Role: f.Role, Log: functioncompute.LogConfig{Project: f.LogProject, Logstore: f.Logstore}, Timeout: p.timeout(f), MemoryMB: f.MemoryMB, MaxInstances: f.MaxInstances, Env: f.Env,
			OnFailure: functioncompute.ParseDestination(f.Async.OnFailure, filepath.Join(destinations, f.Name+"-failure.jsonl")),
			OnSuccess: functioncompute.ParseDestination(f.Async.OnSuccess, filepath.Join(destinations, f.Name+"-success.jsonl")),
		}
		fc.AsyncQualifier, fc.Aliases = f.Async.Qualifier, []string{f.Async.Qualifier}
		for _, t := range f.Timers {
			fc.Timers = append(fc.Timers, functioncompute.Timer{Name: t.Name, Cron: t.Cron, Payload: t.Payload, Qualifier: t.Qualifier})
			fc.Aliases = append(fc.Aliases, t.Qualifier)
		}
		for _, e := range f.Events {
			fc.Events = append(fc.Events, functioncompute.EventTrigger{Name: e.Name, Qualifier: e.Qualifier, Config: triggerConfig(e)})
			fc.Aliases = append(fc.Aliases, e.Qualifier)
		}
		if n := f.Async.MaxRetries; n != nil {
			if fc.AsyncMaxRetries = *n; *n == 0 {
				fc.AsyncMaxRetries = -1
			}
		}
		if age := f.Async.MaxAge; age != nil {
			fc.AsyncMaxAge = *age
		}
		out = append(out, fc)
	}
	return out
}

func (p plan) code(f project.Function) string {
	switch {
	case p.opt.Dist != "":
		return filepath.Join(p.opt.Dist, filepath.Base(f.Code))
	case filepath.IsAbs(f.Code):
		return f.Code
	}
	return filepath.Join(filepath.Dir(p.opt.Project), f.Code)
}

func (p plan) timeout(f project.Function) time.Duration {
	for _, name := range []string{f.Name, ""} {
		if d, ok := p.opt.Timeouts[name]; ok {
			return d
		}
	}
	return f.Timeout
}
