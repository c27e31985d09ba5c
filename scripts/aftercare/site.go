package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/credential"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/assistant"
	"aftercare/shared/invoke"
	"aftercare/shared/ledger"
	"aftercare/shared/mask"
	"aftercare/shared/setup"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
)

// The variables of an access key, which only the process's environment may hold.
const (
	variableKeyID  = "ALIBABA_CLOUD_ACCESS_KEY_ID"
	variableSecret = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
)

const keysHelp = `The access key comes from the environment (` + variableKeyID + `,
` + variableSecret + `, and ALIBABA_CLOUD_SECURITY_TOKEN for a
temporary one), from a profile of the vendor's command line, or from a role of
this ECS instance.
`

// service is one that a command needs; services can be added up.
type service int

const (
	ofTables service = 1 << iota
	ofFunctions
	ofECS
	ofRAM
	ofLogs
	ofEvents
	ofCloudMonitor
)

// site holds the flags that say where a command works.
type site struct {
	getenv             func(string) string
	name               *string
	endpoint, instance string
	deadLetters        string
	timeout            time.Duration
}

// siteFlags adds the flags that say where a command works.
func siteFlags(cmd *cobra.Command, getenv func(string) string) *site {
	s := &site{getenv: getenv, name: environmentFlag(cmd, getenv)}
	flags := cmd.Flags()
	flags.StringVar(&s.endpoint, "tablestore-endpoint", "", "the Tablestore instance's `URL` (default $"+variableEndpoint+")")
	flags.StringVar(&s.instance, "tablestore-instance", "", "the Tablestore instance's `name` (default $"+variableInstance+")")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Second, "give up after this `time`")
	if cmd.Long != "" {
		cmd.Long += "\n\n"
	}
	cmd.Long += keysHelp
	return s
}

// slowError says that an answer did not come within --timeout.
type slowError struct {
	error
	after time.Duration
}

func (e slowError) Unwrap() error { return e.error }

// with opens the ledger for use, which the timeout bounds.
func (s *site) with(ctx context.Context, use func(context.Context, *ledger.Ledger) error) error {
	return s.connect(ctx, ofTables, func(ctx context.Context, c *connection) error { return use(ctx, c.ledger) })
}

// connection holds the clients of the services that a command needs. Those of
// the others are nil.
type connection struct {
	environment
	mask      mask.Mask
	ledger    *ledger.Ledger
	functions *invoke.Client
	assistant *assistant.Client
	roles     *setup.RAM
	logs      *setup.SLS
	deployed  *setup.FC // with ofFunctions
	names     setup.Names
	events    *subscription.Client
	monitor   *subscription.CloudMonitor
	// key says where the access key, keys, was found.
	key  string
	keys transport.Credentials
	// answers knows the dates of the services' answers.
	answers *dated
}

// connect finds the environment and the access key, and makes the clients for
// use, which the timeout bounds. It names all that is missing at once.
func (s *site) connect(ctx context.Context, needs service, use func(context.Context, *connection) error) error {
	e, err := openEnvironment(*s.name, s.getenv)
	if err != nil {
		return cli.Usage(err)
	}
	mistakes, places := s.places(e, needs)
	masks, err := mask.New(e.get(variableMask))
	if err != nil {
		mistakes = append(mistakes, fmt.Errorf("%s %w%s", variableMask, err, e.where()))
	}
	if s.timeout <= 0 {
		mistakes = append(mistakes, errors.New("--timeout must be more than 0"))
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	pool := transport.NewPool(time.Now)
	defer pool.CloseIdleConnections()
	answers := &dated{RoundTripper: pool}
	keys := keySource(e, s.getenv, answers)
	found, err := keys.Find(ctx)
	if errors.Is(err, credential.ErrNone) {
		mistakes = append(mistakes, err)
	}
	if len(mistakes) > 0 {
		return cli.Usage(errors.Join(mistakes...))
	}
	if err != nil {
		return err
	}
	c := &connection{environment: e, mask: masks, key: found.From, keys: found.Credentials, answers: answers}
	if needs&ofTables != 0 {
		c.ledger, err = ledger.Open(ctx, ledger.Config{Endpoint: places.endpoint, Instance: places.instance, Transport: answers}, found.Credentials)
	}
	if needs&ofFunctions != 0 && err == nil {
		c.functions, err = invoke.New(invoke.Config{Endpoint: places.functions, RoundTripper: answers}, found.Credentials)
		if err == nil {
			c.deployed, err = setup.NewFC(setup.Config{Endpoint: places.functions, RoundTripper: answers}, e.names(), found.Credentials)
		}
	}
	if needs&ofECS != 0 && err == nil {
		c.assistant, err = assistant.New(assistant.Config{Region: places.region, Endpoint: e.get(variableECS), RoundTripper: answers}, found.Credentials)
	}
	c.names = e.names()
	if needs&ofRAM != 0 && err == nil {
		c.roles, err = setup.NewRAM(setup.Config{Endpoint: e.get(variableRAM), RoundTripper: answers}, found.Credentials)
	}
	if needs&ofLogs != 0 && err == nil {
		c.logs, err = setup.NewSLS(setup.Config{Endpoint: e.get(variableSLS), RoundTripper: answers}, places.region, found.Credentials)
	}
	if needs&ofEvents != 0 && err == nil {
		c.events, err = subscription.New(subscription.Config{Site: places.site, Endpoint: e.get(variableEvents), RoundTripper: answers}, found.Credentials)
	}
	if needs&ofCloudMonitor != 0 && err == nil {
		site := subscription.Site{Region: places.region}
		c.monitor, err = subscription.NewCloudMonitor(subscription.Config{Site: site, Endpoint: e.get(variableCMS), RoundTripper: answers}, found.Credentials)
	}
	if err != nil {
		return cli.Usage(err)
	}
	err = use(ctx, c)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return slowError{err, s.timeout}
	}
	return err
}

// lacks says what is missing for a service; nil if nothing is.
func (s *site) lacks(needs service) error {
	e, err := openEnvironment(*s.name, s.getenv)
	if err != nil {
		return err
	}
	mistakes, _ := s.places(e, needs)
	return errors.Join(mistakes...)
}

// places are the addresses of services.
type places struct {
	endpoint, instance, functions, region string
	site                                  subscription.Site
}

// places finds the addresses of the services that are needed, or what is missing.
func (s *site) places(e environment, needs service) (mistakes []error, p places) {
	p = places{
		endpoint: cmp.Or(s.endpoint, e.get(variableEndpoint)), instance: cmp.Or(s.instance, e.get(variableInstance)),
		functions: e.get(variableFC), region: e.get(variableRegion),
	}
	account := e.get(variableAccount)
	lacks := func(what string) { mistakes = append(mistakes, fmt.Errorf("%s%s", what, e.where())) }
	if needs&ofTables != 0 {
		if p.endpoint == "" && p.instance != "" && p.region != "" {
			p.endpoint = tablestoreAddress(p.instance, p.region)
		}
		if p.endpoint == "" {
			lacks("the endpoint is missing: set --tablestore-endpoint or " + variableEndpoint)
		}
		if p.instance == "" {
			lacks("the Tablestore instance is missing: set --tablestore-instance or " + variableInstance)
		}
	}
	if needs&ofFunctions != 0 && p.functions == "" {
		if account == "" || p.region == "" {
			lacks("Function Compute's address is missing: set " + variableAccount + " and " + variableRegion + ", or " + variableFC)
		}
		p.functions = account + "." + p.region + ".fc.aliyuncs.com"
	}
	if needs&(ofECS|ofCloudMonitor) != 0 && p.region == "" {
		lacks("the region is missing: set " + variableRegion)
	}
	if needs&(ofRAM|ofLogs) != 0 {
		for _, v := range named {
			if e.get(v.name) == "" {
				lacks(v.missing())
			}
		}
	}
	if needs&ofEvents != 0 {
		p.site = subscription.Site{Region: p.region, Account: account}
		if account == "" || p.region == "" {
			lacks("the region or the account is missing: set " + variableRegion + " and " + variableAccount)
		}
		switch to := cmp.Or(s.deadLetters, e.get(variableDeadLettersTo)); {
		case to == "" || to == "bus":
		case subscription.IsDeadLetters(to):
			p.site.DeadLetters = to
		default:
			lacks("--dead-letters or " + variableDeadLettersTo + " is neither bus nor the ARN of a queue, such as\nacs:mns:REGION:ACCOUNT:/queues/NAME")
		}
	}
	return mistakes, p
}

// announce says where an act happens, and by which key.
func (c *connection) announce(cmd *cobra.Command) {
	say(cmd.ErrOrStderr(), "in %s, by the key of %s", c.environment, c.key)
}

// waiting shows on a terminal what is waited for.
func waiting(cmd *cobra.Command, what string) (end func()) {
	return screen.Busy(cmd.ErrOrStderr(), what)
}

// tablestoreAddress is the public address of a Tablestore instance.
func tablestoreAddress(instance, region string) string {
	return "https://" + instance + "." + region + ".ots.aliyuncs.com"
}

// keySource is where to look for an access key. The environment's profile comes before
// the process's.
func keySource(e environment, getenv func(string) string, next http.RoundTripper) credential.Source {
	return credential.Source{
		Getenv: func(name string) string {
			if name == variableProfile {
				return cmp.Or(e.get(name), getenv(name))
			}
			return getenv(name)
		}, STS: e.get(variableSTS), RoundTripper: next, Now: time.Now,
	}
}
