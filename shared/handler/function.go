// Package handler is the edge to Function Compute: settings, credentials, a
// logger and payloads go in, and outcomes or one error come out. Only this
// package knows the FC SDK.
package handler

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
	"github.com/rs/zerolog"

	"aftercare/shared/assistant"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/shared/version"
)

// Function holds what a function's process makes once and its invocations
// share.
type Function struct {
	name     string
	settings Settings
	pool     http.RoundTripper
	sends    *engine.SendCap
	bell     *bell
	served   atomic.Bool // the first invocation
	older    *sync.Once  // says that the function is older than the tables
	log      zerolog.Logger
	now      func() time.Time
	// engine makes the engine of an invocation; nil in a plain function, which so links
	// neither that nor Cloud Assistant.
	engine func(v *invocation) (*engine.Engine, error)
}

// New sets a function up from an environment as os.Environ returns it. It
// makes no call. The error lists every mistake in the settings, and what is
// wrong with the flows file.
func New(name string, environ []string, log io.Writer) (*Function, error) {
	settings, err := FromEnv(environ)
	if err != nil {
		_, flowsErr := loadFlows(settings.FlowsFile)
		return nil, errors.Join(fmt.Errorf("wrong settings:\n%w", err), flowsErr)
	}
	return NewWith(name, settings, log, func() time.Time { return time.Now().UTC() })
}

func loadFlows(file string) (*flow.Set, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		var reason *fs.PathError
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return nil, fmt.Errorf("AFTERCARE_FLOWS names a file that cannot be read: %w", err)
	}
	flows, err := flow.Load(src)
	if err != nil {
		return nil, fmt.Errorf("AFTERCARE_FLOWS: %w", err)
	}
	return flows, nil
}

// NewWith is New with given settings and a clock, in UTC.
func NewWith(name string, s Settings, log io.Writer, now func() time.Time) (*Function, error) {
	var err error
	if s.Policy.Flows, err = loadFlows(s.FlowsFile); err != nil {
		return nil, err
	}
	f := Plain(name, s, log, now)
	f.engine = func(v *invocation) (*engine.Engine, error) {
		commander, err := assistant.New(assistant.Config{Region: v.region, Endpoint: s.ECSEndpoint, RoundTripper: counted{f.pool, &v.ecs, nil}}, v.keys)
		return &engine.Engine{
			Ledger: v.ledger, Shared: watchedShared{v.ledger, &v.watch}, Commander: watchedCommander{commander, v}, Inbox: v.ledger, Waker: v, Policy: s.Policy,
			Now: now, NewID: NewID, Sends: f.sends, Pause: engine.Conflicts.Pause, Sleep: transport.Sleep,
		}, err
	}
	return f, nil
}

// Plain is a function that has no flows and runs no commands.
func Plain(name string, s Settings, log io.Writer, now func() time.Time) *Function {
	pool := transport.NewPool(now)
	if s.Ledger.Transport == nil {
		s.Ledger.Transport = pool
	}
	s.Ledger.Now = now
	return &Function{
		name: name, settings: s, pool: pool, now: now,
		sends: &engine.SendCap{PerMinute: s.SendsPerMinute, Minute: s.Policy.Minute}, bell: &bell{}, older: &sync.Once{},
		log: zerolog.New(log).Level(s.LogLevel).With().Timestamp().Str("function", name).Str("version", version.Name()).Logger(),
	}
}

// Transport carries the function's requests.
func (f *Function) Transport() http.RoundTripper { return f.pool }

// Invocation is one call of a function that another package makes.
type Invocation struct {
	Ledger *ledger.Ledger
	Log    zerolog.Logger
	// Credentials are those of the function's role.
	Credentials transport.Credentials
}

// Serve returns the handler of a function that another package makes. What do
// returns becomes the answer's one item.
func (f *Function) Serve(do func(ctx context.Context, payload []byte, i Invocation) (Item, error)) Handler {
	return func(ctx context.Context, payload []byte) (Outcome, error) {
		return f.invoke(ctx, func(ctx context.Context, v *invocation) error {
			v.readConcerns(ctx)
			item, err := do(ctx, payload, Invocation{Ledger: v.ledger, Log: v.log, Credentials: v.keys})
			v.out.add(item)
			return err
		})
	}
}

// Handler is a function's code as Function Compute calls it.
type Handler func(ctx context.Context, payload []byte) (Outcome, error)

// Start serves h to Function Compute's runtime. It does not return.
func Start(h Handler) {
	// The SDK polls the runtime through the default transport, which would
	// keep two connections and so dial for most invocations.
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t.MaxIdleConns = 0
		t.MaxIdleConnsPerHost = 100
	}
	fc.Start(func(ctx context.Context, payload []byte) (Outcome, error) { return h(ctx, payload) })
}

// invocation is one call of the function.
type invocation struct {
	*Function
	requestID string
	retry     int // of Function Compute's own tries of this request
	account   string
	region    string
	function  string // its name in the deployment
	ledger    *ledger.Ledger
	keys      transport.Credentials
	engine    *engine.Engine // nil in a plain function
	watch     watch
	log       zerolog.Logger
	out       Outcome
	failed    atomic.Bool
	undecided atomic.Value // the engine.Undecided that came last
	// Requests to each service, and answers that ask for fewer of them.
	tablestore, ecs, fc, throttled atomic.Int64
}

// invoke runs do for one invocation and returns the answer. The context of do
// ends a margin before the invocation's deadline.
func (f *Function) invoke(ctx context.Context, do func(context.Context, *invocation) error) (Outcome, error) {
	id, log, start, cold := "unknown", f.log, f.now(), !f.served.Swap(true)
	if fctx, ok := fccontext.FromContext(ctx); ok {
		id, log = fctx.RequestID, traced(log, fctx)
	}
	log = log.With().Str("request_id", id).Logger()
	cancel := context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-f.settings.Margin))
	}
	defer cancel()
	var v *invocation
	if err := recovered(func() (err error) { v, err = f.begin(ctx, log); return err }); err != nil {
		log.Error().Err(err).Msg("invocation refused")
		return Outcome{}, &Error{RequestID: id}
	}
	if err := recovered(func() error { return do(ctx, v) }); err != nil {
		v.fail(log.Error(), err)
	}
	if err := recovered(func() error { return v.tell(ctx) }); err != nil && !v.failed.Load() {
		v.fail(log.Error(), err)
	}
	v.ended(f.now().Sub(start), cold)
	if v.failed.Load() {
		why, _ := v.undecided.Load().(engine.Undecided)
		return Outcome{}, &Error{RequestID: id, Reason: string(why)}
	}
	v.out.RequestID, v.out.Version = id, version.Name()
	return v.out, nil
}

// ended logs what the invocation took.
func (v *invocation) ended(took time.Duration, cold bool) {
	result, items := "done", len(v.out.Items)
	if v.failed.Load() {
		result = "failed"
	}
	for _, n := range v.out.More {
		items += n
	}
	v.log.Info().Str("result", result).Int64("took_ms", took.Milliseconds()).Int("items", items).Bool("cold", cold).Int("retry", v.retry).
		Int64("tablestore_calls", v.tablestore.Load()).Int64("ecs_calls", v.ecs.Load()).Int64("fc_calls", v.fc.Load()).
		Int64("throttled", v.throttled.Load()).Msg("invocation ended")
}

// recovered calls do, and returns its panic as an error.
func recovered(do func() error) (err error) {
	defer engine.Recovered(&err)
	return do()
}

// begin makes the clients of one invocation, with its credentials.
func (f *Function) begin(ctx context.Context, log zerolog.Logger) (*invocation, error) {
	fctx, ok := fccontext.FromContext(ctx)
	if !ok {
		return nil, errors.New("there is no Function Compute context: the runtime must be go1")
	}
	keys := transport.NewCredentials(fctx.Credentials.AccessKeyId, fctx.Credentials.AccessKeySecret, fctx.Credentials.SecurityToken)
	v := &invocation{
		Function: f, requestID: fctx.RequestID, retry: fctx.RetryCount, account: fctx.AccountId, region: fctx.Region,
		function: fctx.Function.Name, log: log, keys: keys,
	}
	tables := f.settings.Ledger
	tables.Rights, tables.Newer = v.right, v.isOlder
	tables.Transport = counted{tables.Transport, &v.tablestore, &v.throttled}
	l, err := ledger.Open(ctx, tables, keys)
	if err != nil {
		return nil, err
	}
	v.ledger = l
	if f.engine != nil {
		v.engine, err = f.engine(v)
	}
	return v, err
}

// isOlder logs, once in a process, that a later version of Aftercare made the tables.
func (v *invocation) isOlder(e ledger.NewerTables) {
	v.older.Do(func() { v.log.Warn().AnErr("trouble", e).Msg("the tables are of a later version") })
}

// fail notes and logs that an input is not committed. Joined errors become one
// line.
func (v *invocation) fail(line *zerolog.Event, err error) {
	v.failed.Store(true)
	if why := engine.Undecided(""); errors.As(err, &why) {
		v.undecided.Store(why)
	}
	withStack(line, err).Str("error", strings.ReplaceAll(err.Error(), "\n", "; ")).Msg("input not committed")
}

// withStack adds to a line where an error panicked, if it did.
func withStack(line *zerolog.Event, err error) *zerolog.Event {
	if p := (*engine.Panic)(nil); errors.As(err, &p) {
		return line.Bytes("stack", p.Stack)
	}
	return line
}

// NewID returns a random id of a commit or a claim.
func NewID() string {
	var b [12]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return hex.EncodeToString(b[:])
}
