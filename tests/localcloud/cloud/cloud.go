// Package cloud runs the services of the local cloud together in one process,
// on loopback, wired as on Alibaba Cloud: service events go from ECS to
// EventBridge's bus default, the event triggers of a project file are ordinary
// rules there, which calls can read and change, that invoke functions
// synchronously (so an error makes EventBridge deliver again), its timers fire,
// and the functions' temporary keys are accepted by Tablestore and ECS.
//
// Acknowledged changes survive SIGKILL in the data folder: tables, instances,
// invocations, undelivered events, and the buses, rules and functions that calls
// make. Queued asynchronous invocations, holds and planned faults do not.
//
// The functions find the services by the variables
// AFTERCARE_TABLESTORE_ENDPOINT, AFTERCARE_TABLESTORE_INSTANCE,
// AFTERCARE_ECS_ENDPOINT and AFTERCARE_FC_ENDPOINT, and the inbox by AFTERCARE_DINGTALK_URL,
// AFTERCARE_DINGTALK_SECRET, AFTERCARE_WEBHOOK_URL and AFTERCARE_WEBHOOK_SECRET,
// whatever values the project gives them. The package does not read the
// process's environment, so that no real endpoint or webhook gets in.
//
// Each service has limits of its own (see the packages' Limits). Here, one
// project, region and account exist, and roles have no meaning.
//
// # The control surface
//
// Programs outside the process use the control surface: JSON over HTTP, with
// Client as its client in Go. Errors are answered with
// {"error": "..."}. Requests of web pages (with an Origin header, or for
// another host than a loopback address) are refused.
//
//	GET    /                              Info: endpoints, keys, functions
//	POST   /reset                         forget everything except the keys and functions.log, and start anew
//	GET    /process                       Process: goroutines and live heap
//	GET    /instances                     every Instance
//	POST   /instances                     make one: {"id": "i-1", "name", "tags", "osType", "zone"}
//	POST   /instances/ID/STEP             boot, reboot, stop, delete, stop-agent or start-agent
//	GET    /instances/ID/runs             every Run on it, in order
//	GET    /functions                     every FunctionInfo
//	POST   /functions/NAME/invoke         invoke it with the body, and wait: Result
//	POST   /functions/NAME/kill           SIGKILL its instances: {"killed": n}
//	POST   /functions/NAME/timers/TIMER   fire a timer now, and wait: Result
//	GET    /events?type=T&instance=ID     events of the bus default, in order
//	POST   /events                        put a service event, or an array of them, on the bus default
//	GET    /deliveries                    Deliveries: pending and dropped ones
//	GET    /deliveries/idle?timeout=30s   wait until only held ones are left
//	PUT    /deliveries/duplicate          {"times": n} for events from now on
//	GET    /deliveries/dead               every event that EventBridge gave up and put on no bus
//	GET    /holds                         every HoldInfo
//	POST   /holds                         hold deliveries: {"type", "id", "instance", "rule"}, each may be missing
//	POST   /holds/N/release               {"order": "in-order" or "reversed"}; returns when all were tried; "never" loses them
//	GET    /faults                        FaultState: calls by name, calls struck
//	POST   /faults                        plan a Fault
//	DELETE /faults                        drop all planned faults
//	DELETE /faults/calls                  count calls from zero
//	GET    /inbox                         InboxState: accepted messages, refusals, incidents, alerts
package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"sync"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/functioncompute"
	"aftercare/tests/localcloud/inbox"
	"aftercare/tests/localcloud/tablestore"
)

// Cloud is a running local cloud. It is safe for concurrent use.
type Cloud struct {
	opt    Options
	folder *folder
	plan   plan
	faults *fault.Set
	log    io.Writer
	record *record
	stored stored

	tables    *tablestore.Server
	inbox     *inbox.Server
	bus       *eventbridge.Server
	ecs       *ecs.Server
	functions *functioncompute.Server
	planes    planes
	// open is closed when the functions can be invoked.
	open chan struct{}

	ports   ports
	control *access.Server
	serving sync.WaitGroup // requests to the control surface
	holds   *holds

	// mu guards changes of the services: a reset and the end hold it. Requests
	// of the control surface read the services without it, because both wait
	// for those requests.
	mu     sync.RWMutex
	closed bool
	// life ends when the services do.
	life   context.Context
	end    context.CancelFunc
	failed chan error // of a reset

	once sync.Once
	err  error // of Close
}

// Up starts the local cloud. Its error is a *BusyError if another one uses the
// data folder, and holds project.Mistakes or project.Missing if the project
// file has mistakes or lacks variables.
func Up(opt Options) (*Cloud, error) {
	if err := opt.fill(); err != nil {
		return nil, fmt.Errorf("start the local cloud: %w", err)
	}
	c := &Cloud{opt: opt, faults: opt.Faults, failed: make(chan error, 1)}
	if err := c.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the local cloud: %w", err), c.Close())
	}
	return c, nil
}

// start prepares everything that a reset keeps, and runs the services.
func (c *Cloud) start() (err error) {
	if c.plan, err = makePlan(&c.opt); err != nil {
		return err
	}
	if c.folder, err = openFolder(c.opt.Data, c.opt.Fresh); err != nil {
		return err
	}
	if c.stored, err = c.folder.keys(); err != nil {
		return err
	}
	if c.opt.Key.ID != "" {
		c.stored.AccessKeyID, c.stored.AccessKeySecret = c.opt.Key.ID, c.opt.Key.Secret
	}
	logFile, err := os.OpenFile(c.folder.path(fileLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	c.folder.keep(logFile)
	c.log = logFile
	if c.opt.Log != nil {
		c.log = io.MultiWriter(logFile, c.opt.Log)
	}
	c.ports = c.openPorts()
	if err := c.run(); err != nil {
		return err
	}
	return c.startControl()
}

// run starts the services. EventBridge comes before ECS, which hands it events,
// and before the functions that it invokes: deliveries wait for those.
func (c *Cloud) run() (err error) {
	c.life, c.end = context.WithCancel(context.Background())
	c.open, c.holds = make(chan struct{}), &holds{}
	if c.record, err = openRecord(c.folder.path(fileEvents)); err != nil {
		return err
	}
	keys := access.NewKeys(access.Key{ID: c.stored.AccessKeyID, Secret: c.stored.AccessKeySecret})
	if err := c.startServices(keys); err != nil {
		return err
	}
	if c.opt.Prepare != nil {
		if err := c.opt.Prepare(c.endpoints()); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		c.faults.ResetCalls() // those of the preparation are nobody's business
	}
	if err := c.tables.Fill(c.opt.TablestoreInstance, c.opt.Seed.Tables); err != nil {
		return err
	}
	return c.startFunctions(keys)
}

func (c *Cloud) startServices(keys *access.Keys) (err error) {
	o := c.opt
	c.tables, err = tablestore.Start(tablestore.Options{
		Listen: c.ports.tables, Path: c.folder.path("tablestore.db"), NoSync: o.NoSync,
		Keys: keys, Now: o.Now, Faults: c.faults,
	})
	if err != nil {
		return err
	}
	c.inbox, err = inbox.Start(inbox.Options{
		Listen: c.ports.inbox, Channels: c.channels(),
		File: c.folder.path("inbox.jsonl"), Now: o.Now, Faults: c.faults,
	})
	if err != nil {
		return err
	}
	buses, rules := o.Seed.AddBuses(o.Buses, c.plan.rules())
	c.bus, err = eventbridge.Start(eventbridge.Options{
		Listen: c.ports.bus, Path: c.folder.path("eventbridge.db"),
		DeadLetter: c.folder.path(FileDeadLetters), Buses: buses, Rules: rules,
		Keys: keys, Region: o.Region, Account: o.Account, Now: o.Now, Scale: o.RetryScale,
		Duplicate: o.Duplicate, Delay: o.Delay, Lag: o.RuleLag, NoQueryByID: o.NoQueryByID, Invoke: c.invoke, Faults: c.faults,
	})
	if err != nil {
		return err
	}
	c.ecs, err = ecs.Start(ecs.Options{
		Listen: c.ports.ecs, Dir: c.folder.path("instances"), Path: c.folder.path("ecs.db"),
		Keys: keys, Region: o.Region, Account: o.Account, Now: o.Now, Faults: c.faults,
		Emit: c.emit, Delays: o.Delays, Throttle: o.Throttle, Quota: o.Quota, Retain: o.Retain,
	})
	if err != nil {
		return err
	}
	return c.planes.start(c, keys)
}

func (c *Cloud) startFunctions(keys *access.Keys) (err error) {
	o := c.opt
	destinations := c.folder.path("destinations")
	if err := os.MkdirAll(destinations, 0o755); err != nil {
		return err
	}
	c.functions, err = functioncompute.Start(functioncompute.Options{
		Listen: c.ports.functions, Functions: c.plan.functions(destinations), Override: c.environment(),
		Dir: c.folder.path("functions"), Region: o.Region, Account: o.Account, Rules: triggerRules{c.plan, c.bus}, CheckLog: c.planes.sls.Check, StateLag: o.StateLag,
		Keys: keys, Now: o.Now, Faults: c.faults, Log: c.log, OnInvoked: c.planes.logInvocation, IdleAfter: o.IdleAfter, NoFreeze: o.NoFreeze,
		EndpointIn: "AFTERCARE_FC_ENDPOINT", AsyncScale: o.AsyncScale, TimerScale: o.TimerScale,
	})
	if err == nil {
		close(c.open)
	}
	return err
}

// ownVariables are the functions' variables that the local cloud sets.
var ownVariables = []string{
	"AFTERCARE_TABLESTORE_ENDPOINT", "AFTERCARE_TABLESTORE_INSTANCE", "AFTERCARE_ECS_ENDPOINT",
	"AFTERCARE_DINGTALK_URL", "AFTERCARE_DINGTALK_SECRET", "AFTERCARE_WEBHOOK_URL", "AFTERCARE_WEBHOOK_SECRET",
}

// environment returns the variables that override the project's.
func (c *Cloud) environment() map[string]string {
	channels := c.channels()
	values := []string{
		c.tables.Endpoint(), c.opt.TablestoreInstance, "http://" + c.ecs.Endpoint(),
		c.inbox.URL(inbox.DingTalk), channels[inbox.DingTalk].Secret, c.inbox.URL(inbox.Webhook), channels[inbox.Webhook].Secret,
	}
	env := map[string]string{}
	for i, name := range ownVariables {
		env[name] = values[i]
	}
	maps.Copy(env, c.opt.Env)
	return env
}

// channels returns the inbox's settings: the folder's secrets, and over them what
// the seed says.
func (c *Cloud) channels() map[string]inbox.Channel {
	own := map[string]inbox.Channel{
		inbox.DingTalk: {Token: c.stored.DingTalkToken, Secret: c.stored.DingTalkSecret},
		inbox.Lark:     {Secret: c.stored.LarkSecret},
		inbox.Webhook:  {Secret: c.stored.WebhookSecret},
	}
	out := map[string]inbox.Channel{}
	for _, name := range inbox.Names() {
		out[name] = c.opt.Seed.Channel(name, own[name])
	}
	return out
}

// emit puts an event of ECS on the bus default.
func (c *Cloud) emit(e ecs.CloudEvent) {
	raw, err := json.Marshal(e)
	if err == nil {
		err = c.putEvent(raw)
	}
	if err != nil {
		fmt.Fprintf(c.log, "localcloud: event %s of ECS is lost: %v\n", e.ID, err)
	}
}

// putEvent puts an event on the bus default, and records it.
func (c *Cloud) putEvent(raw []byte) error {
	if err := c.bus.PutServiceEvent(raw); err != nil {
		return err
	}
	return c.record.add(raw)
}

// invoke invokes a function for a rule.
func (c *Cloud) invoke(ctx context.Context, in eventbridge.Invocation) error {
	select {
	case <-c.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	res, err := c.functions.Do(ctx, functioncompute.Call(in))
	if err != nil {
		return err
	}
	return res.Err()
}

// halt stops the services. It leaves deliveries in the data folder and kills
// scripts and functions. It returns when no process, goroutine or request to
// the control surface of theirs is left.
func (c *Cloud) halt() error {
	var errs []error
	if c.end != nil {
		c.end()
	}
	if c.ecs != nil {
		errs = append(errs, c.ecs.Close())
	}
	if c.bus != nil {
		errs = append(errs, c.bus.Close())
	}
	if c.functions != nil {
		errs = append(errs, c.functions.Close())
	}
	if c.inbox != nil {
		errs = append(errs, c.inbox.Close())
	}
	if c.tables != nil {
		errs = append(errs, c.tables.Close())
	}
	errs = append(errs, c.planes.halt())
	c.serving.Wait()
	if c.record != nil {
		errs = append(errs, c.record.Close())
	}
	c.ecs, c.bus, c.functions, c.inbox, c.tables, c.record = nil, nil, nil, nil, nil, nil
	return errors.Join(errs...)
}

// reset starts the services anew, on the same ports, with the same keys and an
// empty folder. Meanwhile requests wait. After an error, which Failed also
// reports, nothing runs.
func (c *Cloud) reset() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return refuse(http.StatusServiceUnavailable, "the local cloud is closed")
	}
	err := c.halt()
	if err == nil {
		err = c.folder.empty(fileKeys, fileLog, FileEnvironment)
	}
	if err == nil {
		c.faults.Clear()
		c.faults.ResetCalls()
		err = c.run()
	}
	if err != nil {
		err = fmt.Errorf("reset the local cloud: %w", err)
		c.closed = true
		c.failed <- err
	}
	return err
}

// Failed delivers the error of a failed reset, after which nothing runs.
func (c *Cloud) Failed() <-chan error { return c.failed }

// Close stops everything, and returns when no process or goroutine is left.
func (c *Cloud) Close() error {
	c.once.Do(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.closed = true
		var errs []error
		if c.control != nil {
			errs = append(errs, c.control.Close())
		}
		errs = append(errs, c.halt(), c.ports.release())
		if c.folder != nil {
			errs = append(errs, c.folder.close())
		}
		if c.err = errors.Join(errs...); c.err != nil {
			c.err = fmt.Errorf("stop the local cloud: %w", c.err)
		}
	})
	return c.err
}
