// Package rig runs all of Aftercare inside one test process: the handlers in
// this process, which call the local Tablestore and ECS as real servers
// through the official SDKs, and one clock that the test moves. It does not run
// the functions' binaries; the demo does.
package rig

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

// The region and account of the rig.
const (
	Region  = "cn-hangzhou"
	Account = "1234567890123456"
)

// Options change a rig from its defaults.
type Options struct {
	// Flows is the text of the flows file; empty means no flows.
	Flows string
	// Definitions replace Flows. They may start each other without end, which
	// no file may.
	Definitions []flow.Definition
	// Timeout is the timeout of each invocation; 0 means a minute.
	Timeout time.Duration
	// Policy changes the policy.
	Policy func(*decide.Policy)
	// Settings changes the settings, after Policy.
	Settings func(*handler.Settings)
	// ECS changes the local ECS.
	ECS func(*ecs.Options)
	// Impatient makes the functions give up at once on a call to Tablestore that a
	// fault lets hang. All other calls have the time that a busy machine takes.
	Impatient bool
	// NoAlerts raises no alert.
	NoAlerts bool
	// OneClock gives the local ECS the rig's clock, so that its throttled
	// minutes and days pass with it. After the clock has moved by more than 15
	// minutes, every signature is too old.
	OneClock bool
	// Still stops the rig's clock, at a full minute: only Advance moves it. So a history
	// has the same times whenever it is played.
	Still bool
}

// Rig is one running Aftercare.
type Rig struct {
	t        testing.TB
	Tables   *tablestore.Server
	ECS      *ecs.Server
	Faults   *fault.Set // of every service
	Settings handler.Settings
	Timeout  time.Duration
	Log      *Log
	// Key signs the calls of invocations. The services accept only the key that
	// the rig started with.
	Key access.Key

	given    map[string]string // names of flows' commands, by their words on the wire
	dir      string            // of the instances
	still    time.Time         // what the clock begins with if only Advance moves it; else zero
	offset   atomic.Int64
	requests atomic.Int64
	process  *Process
	ledger   *ledger.Ledger

	mu     sync.Mutex
	events []ecs.CloudEvent
	asked  []Asked
	crash  context.CancelFunc // of the latest invocation
	more   chan struct{}
}

// Log keeps what the functions log. It is safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

const instance = "rig"

// tables is a local Tablestore in which Aftercare's tables were made; it is closed.
var tables = sync.OnceValues(func() (*tablestore.Server, error) {
	ctx, key := context.Background(), access.Key{ID: "STS.tables", Secret: "tables-secret-key"}
	server, err := tablestore.Start(tablestore.Options{Keys: access.NewKeys(key)})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	pool := transport.NewPool(time.Now)
	defer pool.CloseIdleConnections()
	l, err := ledger.Open(ctx, ledger.Config{Endpoint: server.Endpoint(), Instance: instance, Transport: pool},
		transport.NewCredentials(key.ID, key.Secret, key.Token))
	if err == nil {
		_, _, err = l.CreateTables(ctx, decide.DefaultPolicy().TableTTL)
	}
	return server, err
})

// New starts a rig, whose tables are there. The rig ends with the test.
func New(t testing.TB, o Options) *Rig {
	t.Helper()
	r := &Rig{
		t: t, Faults: &fault.Set{}, Timeout: time.Minute, Log: &Log{},
		Key:  access.Key{ID: "STS.rig", Secret: "rig-secret-key", Token: "rig-security-token"},
		more: make(chan struct{}, 1),
	}
	if o.Still {
		r.still = time.Now().UTC().Truncate(time.Minute)
	}
	if o.Timeout > 0 {
		r.Timeout = o.Timeout
	}
	keys := access.NewKeys(r.Key)
	made, err := tables()
	r.must(err)
	r.Tables, err = tablestore.Start(tablestore.Options{Keys: keys, Now: r.Now, Faults: r.Faults, Copy: made})
	r.must(err)
	t.Cleanup(func() { r.Tables.Close() })

	// The SDK signs with the machine's clock, so the local ECS uses that clock
	// too. Aftercare's clock is ahead of it, so events seem to arrive late.
	r.dir = t.TempDir()
	cloud := ecs.Options{
		Dir: r.dir, Keys: keys, Region: Region, Account: Account, Faults: r.Faults, Emit: r.emit,
		Delays: ecs.Delays{Boot: -1, Pickup: -1},
	}
	// The delays before retries are derived from these ids.
	var sent atomic.Int64
	cloud.NewInvokeID = func() string { return fmt.Sprint("t-sent", sent.Add(1)) }
	if o.OneClock {
		cloud.Now = r.Now
	}
	if o.ECS != nil {
		o.ECS(&cloud)
	}
	r.ECS, err = ecs.Start(cloud)
	r.must(err)
	t.Cleanup(func() { r.ECS.Close() })

	if o.Flows != "" {
		o.Definitions, err = flowfile.Read("flows.yaml", []byte(o.Flows))
		r.must(err)
	}
	r.given = givenNames(o.Definitions)
	stored, err := flow.Store(o.Definitions)
	r.must(err)
	flows := filepath.Join(t.TempDir(), "flows.compiled")
	r.must(os.WriteFile(flows, stored, 0o600))
	settings, err := handler.FromEnv([]string{
		"AFTERCARE_TABLESTORE_ENDPOINT=" + r.Tables.Endpoint(), "AFTERCARE_TABLESTORE_INSTANCE=" + instance,
		"AFTERCARE_ECS_ENDPOINT=http://" + r.ECS.Endpoint(), "AFTERCARE_FLOWS=" + flows,
	})
	r.must(err)
	settings.FCEndpoint = r.startFunctions(keys)
	settings.Margin = 50 * time.Millisecond
	if o.Impatient {
		pool := transport.NewPool(r.Now)
		t.Cleanup(pool.CloseIdleConnections)
		settings.Ledger.Transport, settings.Ledger.PerTry = r.Faults.Impatient(pool), r.Timeout
	}
	if o.NoAlerts {
		settings.Policy.AlertOn = nil
	}
	if o.Policy != nil {
		o.Policy(&settings.Policy)
	}
	if o.Settings != nil {
		o.Settings(&settings)
	}
	r.Settings = settings
	r.openLedger()
	r.Restart()
	return r
}

// Now returns the time of the rig's clock, in UTC.
func (r *Rig) Now() time.Time {
	now := r.still
	if now.IsZero() {
		now = time.Now().UTC()
	}
	return now.Add(time.Duration(r.offset.Load()))
}

// Advance moves the rig's clock forward.
func (r *Rig) Advance(d time.Duration) { r.offset.Add(int64(d)) }

// Ledger returns a ledger whose calls have no time limit.
func (r *Rig) Ledger() *ledger.Ledger { return r.ledger }

func (r *Rig) openLedger() {
	pool := transport.NewPool(time.Now)
	r.t.Cleanup(pool.CloseIdleConnections)
	c := r.Settings.Ledger
	c.PerTry = 0 // the test's own calls must not fail
	c.Transport = pool
	var err error
	r.ledger, err = ledger.Open(context.Background(), c, transport.NewCredentials(r.Key.ID, r.Key.Secret, r.Key.Token))
	r.must(err)
}

// State loads an instance's state, with the commands of its tasks.
func (r *Rig) State(instanceID string) decide.State {
	r.t.Helper()
	ctx := context.Background()
	s, err := r.Ledger().Whole(ctx, instanceID)
	r.must(err)
	for ids := range slices.Chunk(slices.Collect(maps.Keys(s.Tasks)), 100) {
		texts, err := r.Ledger().Texts(ctx, instanceID, ids)
		r.must(err)
		for _, id := range ids {
			t := s.Tasks[id]
			t.Command = texts[id]
			s.Tasks[id] = t
		}
	}
	return s
}

func givenNames(flows []flow.Definition) map[string]string {
	given := map[string]string{}
	for _, d := range flows {
		for _, s := range slices.Concat(d.Steps, d.OnFailure, d.Finally) {
			if s.Run != nil {
				word, _ := command.Split(command.OnWire(s.Run.Name, strings.Repeat("0", 32)))
				given[word] = s.Run.Name
			}
		}
	}
	return given
}

// Given returns the name that a flow gave to a command, given its name on the
// wire; for other commands, that name without the task's id.
func (r *Rig) Given(wire string) string {
	word, _ := command.Split(wire)
	return cmp.Or(r.given[word], word)
}

// Letters lists what is in the inbox.
func (r *Rig) Letters() (out []dispatch.Letter) {
	r.t.Helper()
	for shard := range ledger.InboxShards {
		r.must(r.Ledger().Alerts().Inbox(context.Background(), shard, func(l dispatch.Letter) bool {
			out = append(out, l)
			return true
		}))
	}
	return out
}

// Alerts lists the alerts in the inbox, but for those about Aftercare itself: whatever
// fails may show a concern.
func (r *Rig) Alerts() (out []decide.Alert) {
	r.t.Helper()
	known, err := r.Ledger().Concerns(context.Background())
	r.must(err)
	for _, l := range r.Letters() {
		if _, concern := known[l.Key]; !concern {
			out = append(out, l.Alert)
		}
	}
	return out
}

// Records reads an instance's records.
func (r *Rig) Records(instanceID string) ledger.Records {
	r.t.Helper()
	records, err := r.Ledger().Records(context.Background(), instanceID)
	r.must(err)
	return records
}

func (r *Rig) emit(e ecs.CloudEvent) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// Take removes and returns the oldest event of a kind that the local ECS
// emitted; it waits until there is one.
func (r *Rig) Take(kind event.Kind) []byte {
	r.t.Helper()
	late := time.After(time.Minute)
	for {
		r.mu.Lock()
		for i, e := range r.events {
			if e.Type == "ecs:"+string(kind) {
				r.events = append(r.events[:i:i], r.events[i+1:]...)
				r.mu.Unlock()
				payload, err := json.Marshal(e)
				r.must(err)
				return payload
			}
		}
		r.mu.Unlock()
		select {
		case <-r.more:
		case <-late:
			r.t.Fatalf("the local ECS emitted no %s event; log:\n%s", kind, r.Log)
		}
	}
}

// Pending returns how many events of a kind wait for Take.
func (r *Rig) Pending(kind event.Kind) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if e.Type == "ecs:"+string(kind) {
			n++
		}
	}
	return n
}

// Create creates an instance that has not booted.
func (r *Rig) Create(id string) {
	r.t.Helper()
	r.must(r.ECS.CreateInstance(ecs.Instance{ID: id, Name: id}))
}

// Sleeper is a script that leaves a file for Begun to count, and then sleeps.
// The local ECS lists a run before its script begins, so tests wait for Begun.
const Sleeper = "echo > begun-$$; sleep 600"

// Begun returns how many Sleepers have begun.
func (r *Rig) Begun() int {
	n := 0
	err := filepath.WalkDir(r.dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), "begun-") {
			n++
		}
		return err
	})
	r.must(err)
	return n
}

// Boot boots an instance, and returns the event of its first heartbeat.
func (r *Rig) Boot(id string) []byte {
	r.t.Helper()
	r.must(r.ECS.Boot(id))
	return r.Take(event.KindFirstHeartbeat)
}

func (r *Rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}
