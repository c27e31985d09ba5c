package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/functioncompute"
	"aftercare/tests/localcloud/inbox"
	"aftercare/tests/localcloud/tablestore"
)

// server is a service that runs alone.
type server interface {
	Endpoint() string
	Close() error
}

// serviceFlags are what every service that runs alone takes.
type serviceFlags struct {
	listen string
	key    access.Key
	data   string
	limits bool
}

// newServices are the commands for one service alone.
func newServices() []*cobra.Command {
	return []*cobra.Command{
		newTablestore(),
		newECS(),
		newEventBridge(),
		limitsOnly("functioncompute", "Function Compute", functioncompute.Limits),
		limitsOnly("inbox", "the inbox for alerts", inbox.Limits),
	}
}

// service makes a command that runs one service. start gets the flags checked.
func service(name, title, example string, limits func() []string, keys bool, start func(serviceFlags) (server, error)) *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:   name,
		Short: "Run " + title + " alone",
		Long: `Run ` + title + ` alone, until Ctrl-C or SIGTERM. It prints one line,
"listening on ADDRESS", when it is ready.`,
		Example: example,
		Args:    cli.Args(),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "the loopback `address`; port 0 means a free one")
	flags.StringVar(&f.key.ID, "access-key-id", "", "the access key `id` that is accepted")
	flags.StringVar(&f.key.Secret, "access-key-secret", "", "its `secret`")
	flags.StringVar(&f.data, "data", "", "the `file` that keeps everything (default: memory)")
	flags.BoolVar(&f.limits, "limits", false, "list what is not imitated, and end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.limits {
			return printLimits(cmd.OutOrStdout(), limits())
		}
		if keys && (f.key.ID == "" || f.key.Secret == "") {
			return cli.Usage(errors.New("--access-key-id and --access-key-secret are required: choose any"))
		}
		s, err := start(f)
		if err != nil {
			return err
		}
		return serve(cmd.Context(), s, cmd.OutOrStdout())
	}
	return cmd
}

// serve says where the service is, and closes it when ctx ends.
func serve(ctx context.Context, s server, out io.Writer) error {
	fmt.Fprintln(out, "listening on", hostPort(s.Endpoint()))
	<-ctx.Done()
	return s.Close()
}

func newTablestore() *cobra.Command {
	return service("tablestore", "Tablestore",
		"  localcloud tablestore --listen 127.0.0.1:8087 --access-key-id me --access-key-secret s3cret --data tables.db",
		tablestore.Limits, true,
		func(f serviceFlags) (server, error) {
			return tablestore.Start(tablestore.Options{Listen: access.Listen{Address: f.listen}, Path: f.data, Keys: access.NewKeys(f.key)})
		})
}

func newECS() *cobra.Command {
	var dir, events, region string
	var instances []string
	var delays ecs.Delays
	cmd := service("ecs", "ECS Cloud Assistant",
		"  localcloud ecs --access-key-id me --access-key-secret s3cret --instance i-web-1 --boot-delay 1s",
		ecs.Limits, true,
		func(f serviceFlags) (server, error) {
			return startECS(f, ecs.Options{Dir: dir, Region: region, Delays: delays}, instances, events)
		})
	flags := cmd.Flags()
	flags.StringVar(&dir, "dir", "", "the `folder` of the instances' folders (default: a temporary one)")
	flags.StringArrayVar(&instances, "instance", nil, "an `id` to create and boot at the start; may be repeated")
	flags.StringVar(&events, "events", "", "a `file` that gets each service event as a JSON line")
	flags.StringVar(&region, "region", "cn-hangzhou", "the `region`")
	delayFlags(flags, &delays)
	return cmd
}

// aloneECS is ECS with what must go when it closes.
type aloneECS struct {
	*ecs.Server
	clean []func() error
}

func (a *aloneECS) Close() error {
	errs := []error{a.Server.Close()}
	for _, f := range a.clean {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

func startECS(f serviceFlags, o ecs.Options, instances []string, events string) (server, error) {
	var clean []func() error
	undo := func(err error) error {
		for _, f := range clean {
			err = errors.Join(err, f())
		}
		return err
	}
	if o.Dir == "" {
		if f.data != "" {
			return nil, cli.Usage(errors.New("--data needs --dir: instances keep their files there"))
		}
		dir, err := os.MkdirTemp("", "localcloud-ecs-")
		if err != nil {
			return nil, err
		}
		o.Dir = dir
		clean = append(clean, func() error { return os.RemoveAll(dir) })
	}
	if events != "" {
		file, err := os.OpenFile(events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, undo(err)
		}
		clean = append(clean, file.Close)
		lines := json.NewEncoder(file)
		lines.SetEscapeHTML(false)
		o.Emit = func(e ecs.CloudEvent) {
			if err := lines.Encode(e); err != nil {
				fmt.Fprintln(os.Stderr, "localcloud: write an event:", err)
			}
		}
	}
	o.Listen, o.Path, o.Keys = access.Listen{Address: f.listen}, f.data, access.NewKeys(f.key)
	s, err := ecs.Start(o)
	if err != nil {
		return nil, undo(err)
	}
	alone := &aloneECS{Server: s, clean: clean}
	if err := bootAll(s, instances); err != nil {
		return nil, errors.Join(err, alone.Close())
	}
	return alone, nil
}

// bootAll creates the instances that do not exist, and boots those that are
// stopped.
func bootAll(s *ecs.Server, ids []string) error {
	state := map[string]string{}
	for _, i := range s.Instances() {
		state[i.ID] = i.State
	}
	for _, id := range ids {
		if state[id] == "" {
			if err := s.CreateInstance(ecs.Instance{ID: id}); err != nil {
				return err
			}
		}
		if state[id] != "Running" {
			if err := s.Boot(id); err != nil {
				return err
			}
		}
		state[id] = "Running"
	}
	return nil
}

func newEventBridge() *cobra.Command {
	var rules string
	var options eventbridge.Options
	cmd := service("eventbridge", "EventBridge",
		"  localcloud eventbridge --bus orders --rules rules.json --dead-letters lost.jsonl",
		eventbridge.Limits, false,
		func(f serviceFlags) (server, error) {
			o := options
			o.Listen, o.Path = access.Listen{Address: f.listen}, f.data
			if rules != "" {
				var err error
				if o.Rules, err = readRules(rules); err != nil {
					return nil, err
				}
			}
			return eventbridge.Start(o)
		})
	cmd.Long += `

Events are put with POST /eventbuses/BUS/events; requests are not
authenticated, so the access key is not asked for. The file of --rules holds a
JSON array of {"name", "bus", "pattern", "url", "retry"}: events on the bus that
match the pattern are sent to the URL with POST, again if the answer is not 2xx.`
	flags := cmd.Flags()
	flags.StringSliceVar(&options.Buses, "bus", nil, "the `name` of a custom bus; may be repeated")
	flags.StringVar(&rules, "rules", "", "a `file` with rules")
	flags.StringVar(&options.DeadLetter, "dead-letters", "", "a `file` that gets each event that was given up as a JSON line")
	flags.Float64Var(&options.Scale, "retry-scale", 1, "multiplies the waits between two deliveries")
	flags.IntVar(&options.Duplicate, "duplicate", 1, "how often each event is delivered")
	return cmd
}

// limitsOnly makes a command for a service that does not run alone.
func limitsOnly(name, title string, limits func() []string) *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:   name + " --limits",
		Short: "List what " + title + " does not imitate",
		Args:  cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !list {
				return cli.Usage(fmt.Errorf("%s does not run alone: 'localcloud up' starts it, and --limits lists what it does not imitate", title))
			}
			return printLimits(cmd.OutOrStdout(), limits())
		},
	}
	cmd.Flags().BoolVar(&list, "limits", false, "list what is not imitated")
	return cmd
}

func printLimits(out io.Writer, limits []string) error {
	for _, l := range limits {
		if _, err := fmt.Fprintln(out, "-", l); err != nil {
			return err
		}
	}
	return nil
}
