package cloud

import (
	"encoding/json"
	"runtime"
	"time"

	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/inbox"
)

// Endpoints are the addresses of the services and the keys to use them. They
// hold secrets.
type Endpoints struct {
	Tablestore         string `json:"tablestore"` // URL
	TablestoreInstance string `json:"tablestoreInstance"`
	ECS                string `json:"ecs"`             // URL
	FunctionCompute    string `json:"functionCompute"` // URL; empty while the cloud is prepared
	EventBridge        string `json:"eventBridge"`     // URL
	Inbox              string `json:"inbox"`           // URL
	RAM                string `json:"ram"`             // URL
	SLS                string `json:"sls"`             // URL, for any project
	CloudMonitor       string `json:"cloudMonitor"`    // URL
	Control            string `json:"control"`         // URL; empty while the cloud is prepared
	Region             string `json:"region"`
	Account            string `json:"account"`
	// AccessKeyID and AccessKeySecret are the operator's.
	AccessKeyID     string `json:"accessKeyId"`
	AccessKeySecret string `json:"accessKeySecret"`
	// Webhooks are the inbox's, by channel.
	Webhooks map[string]string `json:"webhooks"`
	// WebhookSecrets sign messages, by channel; channels without a secret are
	// missing.
	WebhookSecrets map[string]string `json:"webhookSecrets"`
}

// Endpoints returns the addresses of the services. It is safe for concurrent
// use.
func (c *Cloud) Endpoints() Endpoints {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.endpoints()
}

func (c *Cloud) endpoints() Endpoints {
	e := Endpoints{
		Tablestore: c.tables.Endpoint(), TablestoreInstance: c.opt.TablestoreInstance,
		ECS: "http://" + c.ecs.Endpoint(), EventBridge: c.bus.Endpoint(), Inbox: c.inbox.Endpoint(),
		RAM: c.planes.ram.Endpoint(), SLS: c.planes.sls.Endpoint(), CloudMonitor: c.planes.monitor.Endpoint(),
		Region: c.opt.Region, Account: c.opt.Account,
		AccessKeyID: c.stored.AccessKeyID, AccessKeySecret: c.stored.AccessKeySecret,
		Webhooks: map[string]string{}, WebhookSecrets: map[string]string{},
	}
	for name, channel := range c.channels() {
		e.Webhooks[name] = c.inbox.URL(name)
		if channel.Secret != "" {
			e.WebhookSecrets[name] = channel.Secret
		}
	}
	if c.functions != nil {
		e.FunctionCompute = c.functions.Endpoint()
	}
	if c.control != nil {
		e.Control = c.control.URL()
	}
	return e
}

// Info is what runs, and where.
type Info struct {
	Endpoints
	Data      string         `json:"data"`
	Project   string         `json:"project"`
	Functions []FunctionInfo `json:"functions"`
	// LeftOut lists what the project declares and the local cloud does not
	// imitate.
	LeftOut []string `json:"leftOut,omitempty"`
	// StandIns are the project's variables that have no value and stay empty.
	StandIns []string `json:"standIns,omitempty"`
}

// Process is what the local cloud's process holds. A number that does not fall
// when the work is done is a leak.
type Process struct {
	Goroutines int `json:"goroutines"`
	// HeapBytes is the live heap, after a garbage collection.
	HeapBytes uint64 `json:"heapBytes"`
}

func process() Process {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Process{Goroutines: runtime.NumGoroutine(), HeapBytes: m.HeapAlloc}
}

// FunctionInfo is one function.
type FunctionInfo struct {
	Name      string   `json:"name"`
	TimeoutMS int64    `json:"timeoutMs"`
	Instances int      `json:"instances"` // processes, busy and idle
	Timers    []string `json:"timers,omitempty"`
	Rules     []string `json:"rules,omitempty"`
}

// Info describes the local cloud. It is safe for concurrent use.
func (c *Cloud) Info() Info {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.info()
}

func (c *Cloud) info() Info {
	i := Info{
		Endpoints: c.endpoints(), Data: c.folder.dir, Project: c.plan.Name,
		LeftOut: c.plan.LeftOut, StandIns: c.plan.standIns, Functions: []FunctionInfo{},
	}
	for _, f := range c.functions.Functions() {
		info := FunctionInfo{Name: f.Name, TimeoutMS: f.Timeout.Milliseconds(), Instances: f.Instances, Timers: f.Timers}
		for _, e := range f.Events {
			info.Rules = append(info.Rules, ruleName(f.Name, e))
		}
		i.Functions = append(i.Functions, info)
	}
	return i
}

// Instance is a machine; the fields are those of ecs.Instance.
type Instance struct {
	ID     string            `json:"id"`
	Name   string            `json:"name,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
	OSType string            `json:"osType,omitempty"` // linux or windows
	Zone   string            `json:"zone,omitempty"`
	// ResourceGroup is the id of a group other than the default one.
	ResourceGroup string `json:"resourceGroup,omitempty"`
	// WindowsExit is the exit code of the commands that cannot run here.
	WindowsExit int64 `json:"windowsExit,omitempty"`
	// OldAgent: its agent sends no first heartbeat event.
	OldAgent bool      `json:"oldAgent,omitempty"`
	State    string    `json:"state,omitempty"` // Stopped or Running
	AgentUp  bool      `json:"agentUp,omitempty"`
	Boots    int       `json:"boots,omitempty"`
	BootedAt time.Time `json:"bootedAt,omitzero"`
	Created  time.Time `json:"created,omitzero"`
}

// Run is one script that really started; the fields are those of ecs.Run.
type Run struct {
	InvokeID   string    `json:"invokeId"`
	InstanceID string    `json:"instanceId"`
	Name       string    `json:"name"`
	Repeats    int       `json:"repeats"`
	Start      time.Time `json:"start"`
	End        time.Time `json:"end,omitzero"`       // missing while it runs
	ExitCode   *int64    `json:"exitCode,omitempty"` // missing if it did not end by itself
	Output     string    `json:"output,omitempty"`
}

// Result is the answer of a function.
type Result struct {
	RequestID string `json:"requestId"`
	// FunctionError is empty if the function succeeded.
	FunctionError string `json:"functionError,omitempty"`
	Body          string `json:"body"`
}

// Deliveries is how far EventBridge has got.
type Deliveries struct {
	// Pending counts deliveries that are accepted and not finished, held ones
	// included.
	Pending int `json:"pending"`
	// Async counts asynchronous invocations that are queued or running.
	Async int `json:"async"`
}

// Match selects the deliveries to hold: those that fit every field that is not
// empty.
type Match struct {
	Type     string `json:"type,omitempty"`     // of the event
	ID       string `json:"id,omitempty"`       // of the event
	Instance string `json:"instance,omitempty"` // that the event is about
	Rule     string `json:"rule,omitempty"`
}

// HoldInfo is one hold.
type HoldInfo struct {
	Hold int `json:"hold"` // its number
	Match
	Held int `json:"held"` // deliveries
}

// Release orders.
const (
	InOrder  = "in-order"
	Reversed = "reversed"
	Never    = "never" // loses what is held
)

// Fault is a planned fault. If it names a function, it kills that function's
// instances when it strikes: before the call has an effect if the mode ends in
// "before", otherwise between the effect and the answer.
type Fault struct {
	fault.Fault
	Kill string `json:"kill,omitempty"`
}

// FaultState is what the faults saw and did.
type FaultState struct {
	Calls  map[string]int `json:"calls"` // by name
	Struck int            `json:"struck"`
}

// InboxState is what arrived at the inbox.
type InboxState struct {
	Messages []Message `json:"messages"`
	Refusals []Refusal `json:"refusals"`
	// Incidents are PagerDuty's, and Alerts the Alertmanager's.
	Incidents []inbox.Incident `json:"incidents"`
	Alerts    []inbox.Alert    `json:"alerts"`
}

// Message is one accepted message.
type Message struct {
	Channel     string          `json:"channel"`
	At          time.Time       `json:"at"`
	Body        json.RawMessage `json:"body"`     // a JSON text if it is not JSON
	Verified    bool            `json:"verified"` // its signature was right
	Fingerprint string          `json:"fingerprint,omitempty"`
	ID          string          `json:"id,omitempty"`       // the header webhook-id
	Repeated    bool            `json:"repeated,omitempty"` // its id came before
}

// Refusal is one message that the inbox answered with an error of the service.
type Refusal struct {
	Channel string          `json:"channel"`
	At      time.Time       `json:"at"`
	Code    string          `json:"code"` // of the service, or the HTTP status
	Reason  string          `json:"reason"`
	Body    json.RawMessage `json:"body"` // a JSON text if it is not JSON
}
