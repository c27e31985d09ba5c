package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger/ledgertest"
)

// desk is a ledger, a Cloud Assistant and an inbox that answer at once, and
// note each call. What becomes of a call is said by on.
type desk struct {
	ports
	// clock is what the engine and the cloud take for now.
	clock time.Time
	// on may change the fate of a call, whose name and detail it is given. It
	// may also do something else before the call takes effect.
	on func(what, detail string) fate
	// wait holds up a call before that, beside others; nil if nothing does.
	wait func(ctx context.Context, what, detail string) error

	mu     sync.Mutex
	made   []string
	reads  int // of stops
	asked  int // whether a command has succeeded since
	alerts []decide.Alert
	ids    int
}

// fate is what becomes of a call.
type fate struct {
	err     error
	applied bool          // it takes effect all the same
	void    bool          // it finds nothing
	takes   time.Duration // so long
	also    func()        // this happens before it, by others
}

var (
	refused    = fate{err: engine.ErrUnavailable}
	lost       = fate{err: engine.ErrUnknownOutcome}
	answerLost = fate{err: engine.ErrUnknownOutcome, applied: true}
)

func newDesk() *desk {
	d := &desk{clock: now}
	d.ports = ports{newTable(), newCloud(), func() time.Time { return d.clock }, d.call}
	d.cloud.tokenLife = time.Hour
	d.cloud.machine("i-1").up = true
	return d
}

func (d *desk) engine(p decide.Policy) *engine.Engine {
	return &engine.Engine{
		Ledger: d, Shared: d, Commander: d, Inbox: d, Waker: d, Policy: p,
		Now: func() time.Time {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.clock
		},
		NewID: func() string {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.ids++
			return fmt.Sprintf("commit-%d", d.ids)
		},
		Pause: func(context.Context, int) {},
	}
}

// store puts a state into the table as it is.
func (d *desk) store(s decide.State) {
	s.Instance.WaitingUntil = time.Time{}
	for _, t := range s.Tasks {
		if until := s.Instance.WaitingUntil; t.State == decide.TaskQueued && (until.IsZero() || t.ExpiresAt.Before(until)) {
			s.Instance.WaitingUntil = t.ExpiresAt
		}
	}
	d.table.rows[s.Instance.ID] = batchOf(ledgertest.Creation("", s)).puts
	d.table.rev[s.Instance.ID] = s.Instance.Rev
}

// open counts the sends and messages that are left on i-1.
func (d *desk) open() int {
	s := d.table.state("i-1")
	return len(s.Sends) + len(s.Messages)
}

// calls are the names of the calls that were made, apart from those that are
// made beside others.
func (d *desk) calls() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.made, " ")
}

// hanging are calls of these names that never answer.
func hanging(names ...string) func(context.Context, string, string) error {
	var calls atomic.Int64
	return func(ctx context.Context, what, _ string) error {
		if !slices.Contains(names, what) {
			return nil
		}
		if calls.Add(1) > 1000 {
			panic(what + " is called for ever")
		}
		<-ctx.Done()
		return fmt.Errorf("the time is up: %w", engine.ErrUnknownOutcome)
	}
}

// real gives the engine the clock of a synctest bubble, which begins now.
func (d *desk) real(e *engine.Engine) *engine.Engine {
	time.Sleep(time.Until(now))
	e.Now = func() time.Time { return time.Now().UTC() }
	return e
}

// count is how many calls of a name were made, in on or when all is over.
func (d *desk) count(what string) (n int) {
	for _, made := range d.made {
		if made == what {
			n++
		}
	}
	return n
}

func (d *desk) call(ctx context.Context, what, detail string, do func() error) error {
	if d.wait != nil {
		if err := d.wait(ctx, what, detail); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch what {
	case "control":
		d.reads++
	case "succeeded":
		d.asked++
	case "texts":
	default:
		d.made = append(d.made, what)
	}
	var f fate
	if d.on != nil {
		f = d.on(what, detail)
	}
	if d.clock = d.clock.Add(f.takes); f.also != nil {
		d.mu.Unlock()
		f.also()
		d.mu.Lock()
	}
	if f.err == nil && !f.void {
		return do()
	}
	if f.applied {
		if err := do(); err != nil {
			return errors.Join(err, f.err)
		}
	}
	return f.err
}

func (d *desk) Load(ctx context.Context, id string) (decide.State, error) {
	s := decide.NewState(id)
	err := tell(ctx, d.ports, "load", id, func() { d.table.scan(&s, "", -1) })
	return s, err
}

func (d *desk) Send(ctx context.Context, s engine.Send) (id string, err error) {
	err = d.call(ctx, "send", s.Token, func() error {
		if s.Command.Run == nil && s.Command.Invoke == nil {
			return engine.ErrInvalid
		}
		id = d.cloud.accept(s, d.clock, 0)
		return nil
	})
	return id, err
}

func (d *desk) Post(ctx context.Context, key string, _ int64, a decide.Alert) error {
	return tell(ctx, d.ports, "alert", key, func() { d.alerts = append(d.alerts, a) })
}

func (d *desk) Wake(ctx context.Context, a decide.Alert) {
	_ = tell(ctx, d.ports, "wake-alerts", a.InstanceID, func() {}) // nobody hears of it
}

// TestTheFakeLedgerKeepsTheLedgersPromises: what the tests of this package show
// holds for the real ledger as far as both pass this.
func TestTheFakeLedgerKeepsTheLedgersPromises(t *testing.T) {
	ledgertest.Exercise(t, func(*testing.T) ledgertest.Subject {
		d := newDesk()
		return ledgertest.Subject{
			Ledger: d, Shared: d,
			Torn: func(_ context.Context, id string, n int, between func()) (decide.State, error) {
				s := decide.NewState(id)
				if last := d.table.scan(&s, "", n); last != "" {
					between()
					d.table.scan(&s, last, -1)
				}
				return s, nil
			},
			Stop:   func(s decide.Stop) error { d.table.stop(s); return nil },
			Resume: func(s decide.Scope) error { d.table.resume(s, d.clock); return nil },
		}
	})
}
