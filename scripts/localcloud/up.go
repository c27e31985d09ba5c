package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/tests/localcloud/cloud"
)

// upFlags are the flags of up that are not fields of cloud.Options.
type upFlags struct {
	set      []string
	timeouts []string
	noTables bool
	noRules  bool
	verbose  bool
	free     bool
	seed     string
	fast     bool
}

func newUp() *cobra.Command {
	var o cloud.Options
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the whole local cloud until Ctrl-C",
		Long: `up runs Tablestore, ECS Cloud Assistant, EventBridge, Function Compute, what a
deployment needs of RAM, SLS and CloudMonitor, and an inbox for alerts on
loopback addresses, wired as the project file says, until Ctrl-C or SIGTERM. It makes Aftercare's tables, completes EventBridge's rules as
'aftercare subscribe' does, prints where everything is, writes that to DATA/env
for shells, and prints "ready".

What was acknowledged is kept in the data folder, even if localcloud is killed.
The environment of localcloud is not read: --set gives the functions variables.`,
		Example: `  localcloud up
  localcloud up --fresh --boot-delay 2s --timer-scale 0.1
  localcloud up --set AFTERCARE_LOG_LEVEL=debug --timeout 5s --timeout aftercare-sweep=20s
  . .local/env && echo "$AFTERCARE_TABLESTORE_ENDPOINT"`,
		Args: cli.Args(),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Data, "data", defaultData, "the `folder` that keeps everything")
	flags.BoolVar(&o.Fresh, "fresh", false, "remove what an earlier run left in the data folder")
	flags.StringVar(&o.Project, "project", "s.yaml", "the project `file`; empty for no functions")
	flags.StringVar(&o.Dist, "dist", "", "the `folder` with the functions' code (default: as the project says)")
	flags.StringArrayVar(&f.set, "set", nil, "a variable `NAME=VALUE` of all functions; may be repeated")
	flags.StringArrayVar(&f.timeouts, "timeout", nil, "a `DURATION` for all functions, or FUNCTION=DURATION for one; may be repeated")
	flags.BoolVar(&f.noTables, "no-tables", false, "do not create Aftercare's tables, nor complete its rules")
	flags.BoolVar(&f.noRules, "no-rules", false, "leave EventBridge's rules as the project's triggers make them")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print the functions' output and a line for each request")

	listenFlags(flags, &o.Listen)
	flags.BoolVar(&f.free, "free-ports", false, "listen on free ports where no --listen-... is given")
	flags.BoolVar(&o.AllowRemote, "allow-remote", false, remoteUsage+"; not for what runs programs: ECS, Function Compute and the control surface")
	flags.StringVar(&o.Key.ID, "access-key-id", "", "the operator's access key `id` (default: made, and kept in the data folder)")
	flags.StringVar(&o.Key.Secret, "access-key-secret", "", "the `secret` of --access-key-id")
	flags.StringSliceVar(&o.Buses, "bus", nil, "the `name` of a custom bus; may be repeated")

	flags.StringVar(&f.seed, "seed", "", "a JSON `file` with tables, buses and settings of the inbox from the start")
	flags.BoolVar(&f.fast, "fast", false, "shorten waits of minutes to seconds, and say which")
	delayFlags(flags, &o.Delays)
	flags.Float64Var(&o.TimerScale, "timer-scale", 1, "multiplies the time between two firings of a timer")
	flags.Float64Var(&o.RetryScale, "retry-scale", 1, "multiplies the waits between two deliveries of an event")
	flags.Float64Var(&o.AsyncScale, "async-scale", 1, "multiplies the waits between two asynchronous invocations")
	flags.IntVar(&o.Duplicate, "duplicate", 1, "how often each event is delivered")
	flags.StringToIntVar(&o.Throttle, "throttle", nil, "at most `ACTION=N` calls of an ECS action a minute; may be repeated")
	flags.IntVar(&o.Quota, "quota", 0, "commands a day; 0 for no limit")
	flags.IntVar(&o.Retain, "retain", 0, "how many invocations ECS remembers; 0 for 10000")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		out, errOut := cmd.OutOrStdout(), cmd.ErrOrStderr()
		if f.fast {
			lines, err := shorten(cmd.Flags())
			if err != nil {
				return err
			}
			for _, line := range lines {
				fmt.Fprintln(out, "shortened by", line)
			}
		}
		if err := f.apply(&o); err != nil {
			return cli.Usage(err)
		}
		var err error
		if o.Seed, err = readSeed(f.seed); err != nil {
			return err
		}
		if f.free {
			freePorts(cmd.Flags(), &o.Listen)
		}
		if f.verbose {
			o.Log, o.Requests = errOut, errOut
		}
		if o.AllowRemote {
			fmt.Fprint(errOut, remoteWarning)
		}
		return up(cmd.Context(), o, out)
	}
	return cmd
}

// apply reads the flags into options.
func (f upFlags) apply(o *cloud.Options) error {
	err := errors.Join(checkScale("timer", o.TimerScale), checkScale("retry", o.RetryScale), checkScale("async", o.AsyncScale),
		checkDuplicate(o.Duplicate))
	if err != nil {
		return err
	}
	o.Env = map[string]string{variableLogProject: "aftercare-local", variableLogstore: "functions"}
	for _, pair := range f.set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return fmt.Errorf("--set %q: it must be NAME=VALUE", pair)
		}
		o.Env[name] = value
	}
	o.Timeouts = map[string]time.Duration{}
	for _, text := range f.timeouts {
		name, value, one := strings.Cut(text, "=")
		if !one {
			name, value = "", text
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return fmt.Errorf("--timeout %q: it must be a duration such as 5s, or FUNCTION=5s", text)
		}
		o.Timeouts[name] = d
	}
	if f.noTables {
		return nil
	}
	ttl, err := tableTTL(o.Env)
	o.Prepare = func(e cloud.Endpoints) error { return prepare(e, ttl, o.Project != "" && !f.noRules) }
	return err
}

func checkScale(name string, scale float64) error {
	if !(scale > 0) || math.IsInf(scale, 0) {
		return fmt.Errorf("--%s-scale must be greater than 0", name)
	}
	return nil
}

func checkDuplicate(times int) error {
	if times < 1 {
		return errors.New("--duplicate must be at least 1")
	}
	return nil
}

// tableTTL is how long rows live, if --set says it.
func tableTTL(env map[string]string) (time.Duration, error) {
	const name = "AFTERCARE_TABLE_TTL"
	text, ok := env[name]
	if !ok {
		return 180 * 24 * time.Hour, nil
	}
	days, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("--set %s: it must be a number of days", name)
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// up runs the local cloud until ctx ends.
func up(ctx context.Context, o cloud.Options, out io.Writer) (err error) {
	c, err := cloud.Up(o)
	if err != nil {
		return explainListen(err, func(service string) string { return "--listen-" + service })
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := writeEnvironment(o.Data, c.Endpoints(), o.Env); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(environmentPath(o.Data))) }()
	announce(out, o, c.Info())
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "stopping")
		return nil
	case err := <-c.Failed():
		return err
	}
}

// announce says what runs, and ends with the line "ready".
func announce(out io.Writer, o cloud.Options, i cloud.Info) {
	line := func(name, value string) { fmt.Fprintf(out, "  %-17s %s\n", name, value) }
	fmt.Fprintf(out, "local cloud %s, account %s, data in %s\n", i.Region, i.Account, i.Data)
	line("Tablestore", i.Tablestore+"  (instance "+i.TablestoreInstance+")")
	line("ECS", i.ECS)
	line("Function Compute", i.FunctionCompute)
	line("EventBridge", i.EventBridge)
	line("RAM", i.RAM)
	line("SLS", i.SLS)
	line("CloudMonitor", i.CloudMonitor)
	line("inbox", i.Inbox+"/  (open it in a browser to see what arrived)")
	line("control surface", i.Control)
	for _, f := range i.Functions {
		var by []string
		for _, rule := range f.Rules {
			by = append(by, "rule "+rule)
		}
		for _, timer := range f.Timers {
			by = append(by, "timer "+timer)
		}
		if len(by) == 0 {
			by = []string{"invocations only"}
		}
		line("function", fmt.Sprintf("%s  (%s)", f.Name, strings.Join(by, ", ")))
	}
	for _, what := range i.LeftOut {
		line("not imitated", what)
	}
	if len(i.StandIns) > 0 {
		line("left empty", strings.Join(i.StandIns, ", "))
	}
	line("for shells", ". "+environmentPath(o.Data))
	fmt.Fprintln(out, "ready")
}
