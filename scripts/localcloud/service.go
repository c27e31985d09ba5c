package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/cloudmonitor"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/functioncompute"
	"aftercare/tests/localcloud/inbox"
	"aftercare/tests/localcloud/ram"
	"aftercare/tests/localcloud/seed"
	"aftercare/tests/localcloud/sls"
	"aftercare/tests/localcloud/tablestore"
)

// serviceFlags are the flags of every service that runs alone.
type serviceFlags struct {
	listen  access.Listen
	key     access.Key
	data    string
	limits  bool
	verbose bool
	seed    string
}

// newServices returns the commands that run one service alone.
func newServices() []*cobra.Command {
	return []*cobra.Command{
		newTablestore(),
		newECS(),
		newEventBridge(),
		limitsOnly("functioncompute", "Function Compute", functioncompute.Limits),
		limitsOnly("inbox", "the inbox for alerts", inbox.Limits),
		limitsOnly("ram", "Resource Access Management", ram.Limits),
		limitsOnly("sls", "Simple Log Service", sls.Limits),
		limitsOnly("cloudmonitor", "CloudMonitor", cloudmonitor.Limits),
	}
}

// kind is a service that runs alone.
type kind struct {
	name, title, example string
	limits               func() []string
	keys                 bool // it needs an access key
	programs             bool // it runs programs, so it is not for other machines
	seed                 bool // it takes seed data
	// check reads the files that start reads. It may be nil.
	check func(serviceFlags) error
	start func(serviceFlags) (server, error)
}

// command makes the command that runs a service.
func (k kind) command() *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:   k.name,
		Short: "Run " + k.title + " alone",
		Long: `Run ` + k.title + ` alone, until Ctrl-C or SIGTERM. It prints one line,
"listening on ADDRESS", when it is ready. GET /health answers without a key;
POST /reset, signed as any call or sent by 'localcloud reset', starts it anew.`,
		Example: k.example,
		Args:    cli.Args(),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen.Address, "listen", "127.0.0.1:0", "the `address`; port 0 means a free one")
	flags.StringVar(&f.key.ID, "access-key-id", "", "the access key `id` that is accepted")
	flags.StringVar(&f.key.Secret, "access-key-secret", "", "its `secret`")
	flags.StringVar(&f.data, "data", "", "the `file` that keeps everything (default: memory)")
	flags.BoolVar(&f.limits, "limits", false, "list what the service does not imitate, and end")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print a line for each request")
	if !k.programs {
		flags.BoolVar(&f.listen.Remote, "allow-remote", false, remoteUsage)
	}
	if k.seed {
		flags.StringVar(&f.seed, "seed", "", "a JSON `file` with what exists from the start")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.limits {
			return printLimits(cmd.OutOrStdout(), k.limits())
		}
		if (k.keys || f.key != access.Key{}) && (f.key.ID == "" || f.key.Secret == "") {
			return cli.Usage(errors.New("--access-key-id and --access-key-secret are required: choose any"))
		}
		if f.verbose {
			f.listen.Log = cmd.ErrOrStderr()
		}
		if f.listen.Remote {
			fmt.Fprint(cmd.ErrOrStderr(), remoteWarning)
		}
		err := (&alone{flags: f, check: k.check, start: k.start}).run(cmd.Context(), cmd.OutOrStdout())
		return explainListen(err, func(string) string { return "--listen" })
	}
	return cmd
}

func newTablestore() *cobra.Command {
	var instance string
	var lag time.Duration
	read := func(f serviceFlags) (*seed.Seed, error) {
		data, err := readSeed(f.seed)
		if err == nil && len(data.Tables) > 0 && instance == "" {
			err = cli.Usage(errors.New("--instance is required: the tables of --seed belong to an instance"))
		}
		return data, err
	}
	cmd := kind{
		name: "tablestore", title: "Tablestore", limits: tablestore.Limits, keys: true, seed: true,
		example: "  localcloud tablestore --listen 127.0.0.1:8087 --access-key-id me --access-key-secret s3cret --data tables.db",
		check: func(f serviceFlags) error {
			_, err := read(f)
			return err
		},
		start: func(f serviceFlags) (server, error) {
			data, err := read(f)
			if err != nil {
				return nil, err
			}
			s, err := tablestore.Start(tablestore.Options{Listen: f.listen, Path: f.data, Keys: access.NewKeys(f.key), Instance: instance, IndexLag: lag})
			if err != nil {
				return nil, err
			}
			if err := s.Fill(instance, data.Tables); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return s, nil
		},
	}.command()
	cmd.Flags().StringVar(&instance, "instance", "", "the only instance `name` that is accepted (default: any)")
	cmd.Flags().Var((*delay)(&lag), "index-lag", "how far global secondary indexes lag behind their tables (default 0)")
	return cmd
}

func newEventBridge() *cobra.Command {
	var rules string
	var options eventbridge.Options
	read := func(f serviceFlags) (eventbridge.Options, error) {
		o := options
		data, err := readSeed(f.seed)
		if err != nil {
			return o, err
		}
		o.Buses, o.Rules = data.AddBuses(o.Buses, nil)
		if rules != "" {
			more, err := seed.ReadRules(rules, o.Buses, post)
			if err != nil {
				return o, err
			}
			o.Rules = append(o.Rules, more...)
		}
		return o, nil
	}
	cmd := kind{
		name: "eventbridge", title: "EventBridge", limits: eventbridge.Limits, seed: true,
		example: "  localcloud eventbridge --bus orders --rules rules.json --dead-letters lost.jsonl",
		check: func(f serviceFlags) error {
			_, err := read(f)
			return err
		},
		start: func(f serviceFlags) (server, error) {
			if err := errors.Join(checkScale("retry", options.Scale), checkDuplicate(options.Duplicate)); err != nil {
				return nil, cli.Usage(err)
			}
			o, err := read(f)
			if err != nil {
				return nil, err
			}
			o.Listen, o.Path = f.listen, f.data
			if f.key.ID != "" {
				o.Keys = access.NewKeys(f.key)
			}
			return eventbridge.Start(o)
		},
	}.command()
	cmd.Long += `

Events are put with POST /eventbuses/BUS/events, unsigned, by any client of
CloudEvents, or with PutEvents of the vendor's SDKs, signed with the access key:
without one these are refused. Other actions of that API make buses, rules and
targets, and tell what became of events. The file of --rules holds a JSON array of
{"name", "bus", "pattern", "url", "retry"}: events on the bus that match the
pattern are sent to the URL with POST, again if the answer is not 2xx.`
	flags := cmd.Flags()
	flags.StringSliceVar(&options.Buses, "bus", nil, "the `name` of a custom bus; may be repeated")
	flags.StringVar(&options.Region, "region", "cn-hangzhou", "the `region` that events are stamped with")
	flags.StringVar(&options.Account, "account", "1234567890123456", "the `id` of the account that events are stamped with")
	flags.StringVar(&rules, "rules", "", "a `file` with rules")
	flags.StringVar(&options.DeadLetter, "dead-letters", "", "a `file` that gets a JSON line for each event that was given up")
	flags.Float64Var(&options.Scale, "retry-scale", 1, "multiplies the waits between two deliveries")
	flags.IntVar(&options.Duplicate, "duplicate", 1, "how often each event is delivered")
	return cmd
}

// readSeed reads the file of --seed; without a name it returns an empty seed.
func readSeed(path string) (*seed.Seed, error) {
	if path == "" {
		return &seed.Seed{}, nil
	}
	return seed.Read(path, post)
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
	cmd.Flags().BoolVar(&list, "limits", false, "list what the service does not imitate")
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
