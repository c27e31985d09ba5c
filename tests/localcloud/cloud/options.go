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

// Listen is the addresses of the services; a free port of 127.0.0.1 for each
// that is empty. ECS, FunctionCompute and Control run programs, and listen on
// loopback only.
type Listen struct {
	Tablestore, ECS, FunctionCompute, EventBridge, Inbox, Control string
}

// Options say how a local cloud runs. Only Data is required.
type Options struct {
	// Data is the folder that keeps everything. It is made if it does not
	// exist; one that has other things in it is refused.
	Data string
	// Fresh removes what an earlier local cloud left in Data.
	Fresh bool

	// Project is the path of the project file; without one there are no
	// functions.
	Project string
	// Dist is the folder with the functions' code, each in a folder named as
	// the last part of the project's code path; empty means where the project
	// says.
	Dist string
	// Lookup gives the values of the environment variables that the project
	// refers to. With nil, they are those of Env, the local cloud's own for
	// region and account (by their names), and empty for all others, which
	// Info.StandIns lists.
	Lookup func(name string) (string, bool)
	// Env goes before the functions' own environment and before what the local
	// cloud tells them.
	Env map[string]string
	// Timeouts are the functions' timeouts, by name, in place of the project's;
	// the one of the name "" is for all others.
	Timeouts map[string]time.Duration

	// Region is that of the project's functions if it is empty, and
	// cn-hangzhou if none of them runs here. Account is 1234567890123456 if empty.
	Region, Account string
	// TablestoreInstance is the name that functions and operator use,
	// "aftercare" if empty. The local Tablestore accepts any.
	TablestoreInstance string
	// Key is the operator's access key. If its ID is empty, one is made, and
	// kept in Data.
	Key    access.Key
	Listen Listen
	// AllowRemote lets Tablestore, EventBridge and the inbox listen on addresses
	// that other machines can reach.
	AllowRemote bool
	// Open is net.Listen if nil.
	Open func(network, address string) (net.Listener, error)
	// Requests gets a line for each request to each service. It may be nil.
	Requests io.Writer

	// Delays, Throttle, Quota and Retain are those of ECS.
	Delays   ecs.Delays
	Throttle map[string]int
	Quota    int
	Retain   int
	// RetryScale multiplies the waits between EventBridge's deliveries of an
	// event, AsyncScale those between asynchronous invocations, and TimerScale
	// those between two firings of a timer; 0 means 1.
	RetryScale, AsyncScale, TimerScale float64
	// Buses are custom buses of EventBridge.
	Buses []string
	// Seed is there before any function runs, and again after a reset. Its tables
	// are TablestoreInstance's. It may be nil.
	Seed *seed.Seed
	// Duplicate is how often EventBridge delivers each event; 0 means once.
	Duplicate int
	// Delay holds deliveries back before their first attempt. It may be nil.
	Delay func(eventbridge.Delivery) time.Duration
	// IdleAfter and NoFreeze are those of Function Compute.
	IdleAfter time.Duration
	NoFreeze  bool
	// NoSync skips the fsync of each write to Tablestore.
	NoSync bool

	// Faults are asked for each call of each service; a new set if nil.
	Faults *fault.Set
	// Log gets the functions' output beside the file in Data. It may be nil.
	Log io.Writer
	// Now is the clock of all services; time.Now if nil.
	Now func() time.Time
	// Prepare is called when Tablestore, ECS, EventBridge and the inbox
	// answer, and before any function runs. Its calls are not counted in
	// Faults. It may be nil.
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
