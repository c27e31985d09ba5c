package cloud

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/seed"
)

// Listen holds the addresses of the services. An empty one means a free port of
// 127.0.0.1. ECS, FunctionCompute and Control run programs, and listen on
// loopback only.
type Listen struct {
	Tablestore, ECS, FunctionCompute, EventBridge, Inbox, Control, RAM, SLS, CloudMonitor string
}

// Options say how a local cloud runs. Only Data is required.
type Options struct {
	// Data is the folder that keeps everything. Up makes it if it does not
	// exist, and refuses it if it holds anything else.
	Data string
	// Fresh removes what an earlier local cloud left in Data.
	Fresh bool

	// Project is the path of the project file; empty means no functions.
	Project string
	// Dist is the folder with the functions' code, each in a folder with the
	// name of the last part of the project's code path; empty means the
	// project's own paths.
	Dist string
	// Lookup returns the values of the environment variables that the project
	// refers to. If it is nil, they come from Env, or are the local cloud's
	// region or account (by their names), or are empty, and then Info.StandIns
	// lists them.
	Lookup func(name string) (string, bool)
	// Env overrides the functions' own environment and the variables that the
	// local cloud sets.
	Env map[string]string
	// Timeouts replace the functions' timeouts of the project, by name; the
	// one under "" is for all others.
	Timeouts map[string]time.Duration

	// Region, if empty, is that of the project's functions, or cn-hangzhou if
	// there are none. Account is 1234567890123456 if empty.
	Region, Account string
	// TablestoreInstance is the name that functions and operator use,
	// "aftercare" if empty. The local Tablestore accepts any name.
	TablestoreInstance string
	// Key is the operator's access key. If its ID is empty, Up makes a key and
	// keeps it in Data.
	Key    access.Key
	Listen Listen
	// AllowRemote lets the services that run no programs listen on addresses that
	// other machines can reach.
	AllowRemote bool
	// Open is net.Listen if nil.
	Open func(network, address string) (net.Listener, error)
	// Requests gets a line for each request to each service. It may be nil.
	Requests io.Writer

	// Delays, Throttle, Quota and Retain are options of ECS.
	Delays   ecs.Delays
	Throttle map[string]int
	Quota    int
	Retain   int
	// RetryScale multiplies the waits between EventBridge's deliveries of an
	// event, AsyncScale those between asynchronous invocations, and TimerScale
	// those between two firings of a timer; 0 means 1.
	RetryScale, AsyncScale, TimerScale float64
	// NoRunOptions makes the rules of triggers without what runOptions say of
	// retries and dead letters, which the real Function Compute may ignore.
	NoRunOptions bool
	// RuleLag is an option of EventBridge: how long a change of a rule takes.
	RuleLag time.Duration
	// StateLag is an option of Function Compute: how long a function that a call
	// makes or changes is not ready for the next one.
	StateLag time.Duration
	// NoQueryByID makes EventBridge's QueryEvent refuse the bus default, as the
	// vendor's pages suggest.
	NoQueryByID bool
	// Buses are custom buses of EventBridge.
	Buses []string
	// Seed exists before any function runs, and again after a reset. Its tables
	// belong to TablestoreInstance. It may be nil.
	Seed *seed.Seed
	// Duplicate is how often EventBridge delivers each event; 0 means once.
	Duplicate int
	// Delay holds deliveries back before their first attempt. It may be nil.
	Delay func(eventbridge.Delivery) time.Duration
	// IdleAfter and NoFreeze are options of Function Compute.
	IdleAfter time.Duration
	NoFreeze  bool
	// NoSync skips the fsync of each write to Tablestore.
	NoSync bool

	// Faults are the faults to inject into calls of the services; a new set if
	// nil.
	Faults *fault.Set
	// Log gets the functions' output, as the file in Data does. It may be nil.
	Log io.Writer
	// Now is the clock of all services; time.Now if nil.
	Now func() time.Time
	// Up calls Prepare when Tablestore, ECS, EventBridge and the inbox answer,
	// and before any function runs. Faults does not count its calls. It may be
	// nil.
	Prepare func(Endpoints) error
}

func (o *Options) fill() error {
	if o.Data == "" {
		return errors.New("a data folder is required")
	}
	if o.Key.ID != "" && (o.Key.Secret == "" || o.Key.Token != "") {
		return fmt.Errorf("the operator's key %s needs a secret, and cannot have a token", o.Key.ID)
	}
	if o.Account == "" {
		o.Account = "1234567890123456"
	}
	if o.TablestoreInstance == "" {
		o.TablestoreInstance = "aftercare"
	}
	if o.Seed == nil {
		o.Seed = &seed.Seed{}
	}
	if o.Faults == nil {
		o.Faults = &fault.Set{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}
