package backfill_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"aftercare/scripts/internal/backfill"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/invoke"
)

// sample is the payload of an event.
type sample struct {
	Instance string
	Kind     event.Kind
	N        int
	Filling  string `json:",omitempty"`
}

func (s sample) finding() *backfill.Finding {
	payload, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return backfill.Finding{InstanceID: s.Instance, Kind: s.Kind, ID: fmt.Sprint(s.Instance, "/", s.N)}.With(string(payload), s.N)
}

// functions answer as functions do, and note what they got, by instance.
type functions struct {
	t     *testing.T
	mu    sync.Mutex
	got   map[string][]int
	calls int
	// fails says whether an invocation with this event fails, and how.
	fails func(sample) error
}

func (f *functions) invoke(_ context.Context, kind event.Kind, payload []byte) (out handler.Outcome, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	var events []sample
	if err := json.Unmarshal(payload, &events); err != nil || len(events) == 0 || len(events) > backfill.BatchEvents || len(payload) > 2*backfill.BatchBytes {
		f.t.Errorf("an array has %d events, %d bytes: %v", len(events), len(payload), err)
	}
	for _, e := range events {
		if f.fails != nil && f.fails(e) != nil {
			return out, f.fails(e)
		}
	}
	for _, e := range events {
		if e.Kind != kind {
			f.t.Errorf("the function for %s got %+v", kind, e)
		}
		f.got[e.Instance] = append(f.got[e.Instance], e.N)
		result := handler.ResultNoticed
		if kind == event.KindTaskCompleted {
			result = handler.ResultRecorded
		}
		out.Items = append(out.Items, handler.Item{Result: result, InstanceID: e.Instance})
	}
	return out, nil
}

func send(t *testing.T, fails func(sample) error, events ...*backfill.Finding) (*functions, backfill.Repaired, error) {
	f := &functions{t: t, got: map[string][]int{}, fails: fails}
	r, err := backfill.Search{}.Send(t.Context(), backfill.Lacking(events...), f.invoke)
	return f, r, err
}

// TestAnInstancesEventsKeepTheirOrder, whatever their kinds, and each is sent once.
func TestAnInstancesEventsKeepTheirOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	var events []*backfill.Finding
	ends, counts := 0, map[string]int{}
	for n := range 2000 {
		s := sample{fmt.Sprint("i-", chance.IntN(30)), backfill.Kinds[chance.IntN(3)], n, ""}
		if chance.IntN(3) == 0 {
			s.Instance, s.Kind = "i-busy", event.KindTaskCompleted
		}
		if s.Kind == event.KindTaskCompleted {
			ends++
		}
		counts[s.Instance]++
		events = append(events, s.finding())
	}
	f, r, err := send(t, nil, events...)
	if err != nil || r.Executions != ends || r.Failed != 0 {
		t.Errorf("sent %+v, %v, want %d ends", r, err, ends)
	}
	for id, want := range counts {
		if len(f.got[id]) != want {
			t.Errorf("%s got %d events, want %d", id, len(f.got[id]), want)
		}
		for i, n := range f.got[id] {
			if i > 0 && n <= f.got[id][i-1] {
				t.Errorf("%s got %d after %d", id, n, f.got[id][i-1])
			}
		}
	}
}

// TestAnArrayHasABound of events and of bytes.
func TestAnArrayHasABound(t *testing.T) {
	var many, large []*backfill.Finding
	for n := range 250 {
		many = append(many, sample{"i-1", event.KindTaskCompleted, n, ""}.finding())
	}
	for n := range 5 {
		large = append(large, sample{"i-1", event.KindTaskCompleted, n, strings.Repeat("x", 400<<10)}.finding())
	}
	for want, events := range map[int][]*backfill.Finding{3: many, 4: append(large, sample{"i-1", event.KindStateChange, 9, ""}.finding())} {
		if f, r, err := send(t, nil, events...); err != nil || f.calls != want || r.Failed > 0 {
			t.Errorf("%d events took %d arrays, want %d: %+v, %v", len(events), f.calls, want, r, err)
		}
	}
}

// TestAFunctionThatFailsGetsSmallerArrays until the events that it fails with are alone.
func TestAFunctionThatFailsGetsSmallerArrays(t *testing.T) {
	var events []*backfill.Finding
	for n := range 60 {
		events = append(events, sample{fmt.Sprint("i-", n%3), event.KindTaskCompleted, n, ""}.finding())
	}
	poison := func(s sample) error {
		if s.N == 17 || s.N == 18 {
			return &invoke.FunctionError{Function: "aftercare-task-completed", Type: "FunctionTimeoutError"}
		}
		return nil
	}
	f, r, err := send(t, poison, events...)
	if err != nil || r.Executions != 58 || r.Failed != 2 {
		t.Errorf("sent %+v, %v", r, err)
	}
	for n, e := range events {
		if bad := n == 17 || n == 18; e.Failed != bad || bad && (e.Result != "error" || !strings.Contains(e.Why, "FunctionTimeoutError")) {
			t.Errorf("event %d: %+v", n, e)
		}
	}
	if f.calls > 40 {
		t.Errorf("it took %d invocations", f.calls)
	}
}

// TestAnErrorThatAllWouldMeetEndsTheSending of an instance's events, not of all that
// go another way.
func TestAnErrorThatAllWouldMeetEndsTheSending(t *testing.T) {
	var events []*backfill.Finding
	for n := range 20 {
		events = append(events, sample{"i-1", backfill.Kinds[n%2], n, ""}.finding(), sample{fmt.Sprint("i-", n+2), event.KindTaskCompleted, n, ""}.finding())
	}
	denied := func(s sample) error {
		if s.Instance == "i-1" && s.N == 4 {
			return fmt.Errorf("invoke: %w", engine.ErrDenied)
		}
		return nil
	}
	f, r, err := send(t, denied, events...)
	if !errors.Is(err, engine.ErrDenied) || len(f.got["i-1"]) != 4 || r.Executions < 2 || r.Failed < 16 || r.Executions+r.Failed+2 != len(events) {
		t.Errorf("sent %+v, %v; i-1 got %v", r, err, f.got["i-1"])
	}
	for _, e := range events {
		if e.Result == "" || e.Result == "not sent" != e.Failed {
			t.Errorf("%+v", e)
		}
	}
}
