package ledger_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

// orderOf is an order under a key.
func orderOf(key string, kind decide.ActKind, s decide.Scope) decide.Order {
	return decide.Order{Scope: s, Hash: "h", Act: decide.Act{Key: key, Kind: kind, At: start, By: "Ann", Reason: "why"}}
}

// outcomes gives orders one after another, and returns what came of each.
func outcomes(t *testing.T, l *ledger.Ledger, orders ...decide.Order) (got []string) {
	t.Helper()
	for _, o := range orders {
		a, again, err := l.Order(t.Context(), o)
		must(t, err)
		if again {
			a.Outcome += " again"
		}
		got = append(got, a.Outcome)
	}
	return got
}

// TestAnOrderThatComesAgainChangesNothing, and gets the first answer.
// (ledger rule 57)
func TestAnOrderThatComesAgainChangesNothing(t *testing.T) {
	l, _, _ := open(t)
	s := decide.Scope{Label: "nightly"}
	stop, resume := orderOf("a", decide.ActStop, s), orderOf("b", decide.ActResume, s)
	another, other := orderOf("c", decide.ActStop, s), orderOf("a", decide.ActStop, s)
	another.By, other.Hash = "Bob", "another body"
	got := outcomes(t, l, stop, stop, another, resume, stop, another, resume, other, orderOf("d", decide.ActResume, s))
	want := []string{"stopped", "stopped again", "already_stopped", "resumed", "stopped again", "already_stopped again", "resumed again", "refused again", "not_stopped"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	wantControl(t, l)
	r, err := l.Records(t.Context(), decide.ActsID)
	must(t, err)
	var acts []string
	for _, a := range r.Acts {
		acts = append(acts, fmt.Sprint(a.Key, " ", a.Kind, " ", a.What, " ", a.Outcome, " by ", a.By))
	}
	if want := []string{"a stop label nightly stopped by Ann", "b resume label nightly resumed by Ann", "c stop label nightly already_stopped by Bob", "d resume label nightly not_stopped by Ann"}; !slices.Equal(acts, want) {
		t.Errorf("acts\n%q, want\n%q", acts, want)
	}
	here := orderOf("e", decide.ActStop, decide.Scope{Instance: instanceID})
	outcomes(t, l, here)
	if r, err := l.Records(t.Context(), instanceID); err != nil || len(r.Acts) != 1 {
		t.Errorf("the instance has the acts %+v, %v, want one", r.Acts, err)
	}
}

// TestAnOrderIsCarriedOutOnceWhateverFails: every fault strikes every call. Who asked
// asks again until there is an answer.
// (ledger rule 57)
func TestAnOrderIsCarriedOutOnceWhateverFails(t *testing.T) {
	flow := decide.Scope{Flow: "clean-up"}
	stop, resume := orderOf("a", decide.ActStop, flow), orderOf("b", decide.ActResume, flow)
	for _, mode := range []fault.Mode{fault.ErrorBefore, fault.ErrorAfter, fault.CutBefore, fault.CutAfter} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			for n, struck := 1, true; struck; n++ {
				l, _, faults := open(t)
				mustOpen(t, l, breakerOf("e1", 0))
				faults.Add(fault.Fault{Nth: n, Mode: mode, Status: 500, Code: "OTSInternalServerError"})
				do := func(o decide.Order, outcome string) {
					t.Helper()
					var a decide.Ordered
					err := errors.New("not asked")
					for try := 0; err != nil && try < 3; try++ {
						a, _, err = l.Order(t.Context(), o)
					}
					if a.Outcome != outcome || err != nil {
						t.Errorf("fault %d: %s: %q, %v, want %s", n, o.Kind, a.Outcome, err, outcome)
					}
				}
				do(stop, "stopped")
				wantControl(t, l, decide.Stop{Scope: flow, By: "Ann", Reason: "why", At: start}, breakerOf("e1", 0))
				do(resume, "resumed")
				wantControl(t, l)
				if r, err := l.Records(t.Context(), decide.ActsID); len(r.Acts) != 2 || err != nil {
					t.Errorf("fault %d: acts %+v, %v, want two", n, r.Acts, err)
				}
				if struck = faults.Struck() > 0; t.Failed() || n == 40 {
					t.Fatalf("with fault %d, or there is always one more call", n)
				}
			}
		})
	}
}

// party does something with a ledger, whose calls wait for their turn.
type party struct {
	do   func(*ledger.Ledger)
	asks chan chan struct{} // closed when it has done all
}

// turns lets the calls of two parties happen one at a time. Where both wait, the
// schedule says which is next, and the first one behind its end. It returns the
// schedule that was kept.
func turns(t *testing.T, server *tablestore.Server, schedule []int, both ...func(*ledger.Ledger)) (kept []int) {
	t.Helper()
	pool := transport.NewPool(time.Now)
	defer pool.CloseIdleConnections()
	var waiting [2]chan struct{}
	var parties [2]party
	for i, do := range both {
		p := party{do, make(chan chan struct{})}
		parties[i] = p
		go func() {
			defer close(p.asks)
			// A try lasts as long as it waits for its turn.
			p.do(dial(t, ledger.Config{Endpoint: server.Endpoint(), PerTry: time.Hour, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				turn := make(chan struct{})
				p.asks <- turn
				<-turn
				return pool.RoundTrip(r)
			})}))
		}()
		waiting[i] = <-p.asks
	}
	for waiting[0] != nil || waiting[1] != nil {
		next := 0
		switch {
		case waiting[0] == nil:
			next = 1
		case waiting[1] != nil:
			if len(kept) < len(schedule) {
				next = schedule[len(kept)]
			}
			kept = append(kept, next)
		}
		close(waiting[next])
		waiting[next] = <-parties[next].asks // when it has its answer
	}
	return kept
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestOrdersMeetInEveryInterleaving of their calls: what they answer, and what is
// stored then, is what comes of one after the other.
// (ledger rules 52, 57)
func TestOrdersMeetInEveryInterleaving(t *testing.T) {
	for name, c := range map[string]struct {
		stopped bool // before
		kinds   [2]decide.ActKind
		same    bool // one order, delivered twice
	}{
		"a stop and a resume":                    {false, [2]decide.ActKind{decide.ActStop, decide.ActResume}, false},
		"a stop and a resume of what is stopped": {true, [2]decide.ActKind{decide.ActStop, decide.ActResume}, false},
		"two stops":                              {false, [2]decide.ActKind{decide.ActStop, decide.ActStop}, false},
		"a stop that is delivered twice":         {false, [2]decide.ActKind{decide.ActStop, decide.ActStop}, true},
		"a resume that is delivered twice":       {true, [2]decide.ActKind{decide.ActResume, decide.ActResume}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, server, _ := open(t)
			n := 0
			play := func(schedule []int) (kept []int, result string) {
				n++
				s := decide.Scope{Label: fmt.Sprint("l", n)}
				if c.stopped {
					outcomes(t, l, orderOf(fmt.Sprint(n, "before"), decide.ActStop, s))
				}
				var got [2]string
				party := func(i int) func(*ledger.Ledger) {
					o := orderOf(fmt.Sprint(n, "of", i), c.kinds[i], s)
					if o.By = fmt.Sprint("party ", i); c.same {
						o.Key, o.By = fmt.Sprint(n), "both"
					}
					return func(l *ledger.Ledger) { got[i] = outcomes(t, l, o)[0] }
				}
				kept = turns(t, server, schedule, party(0), party(1))
				control, err := l.Control(t.Context())
				must(t, err)
				return kept, fmt.Sprint(got, " ", control.Stops[s].By)
			}
			_, one := play(nil) // all of the first, then the second
			_, other := play(slices.Repeat([]int{1}, 100))
			var schedule []int
			for {
				kept, result := play(schedule)
				if result != one && result != other {
					t.Errorf("%v: %s, want %s or %s", kept, result, one, other)
				}
				i := len(kept) - 1
				for i >= 0 && kept[i] == 1 {
					i--
				}
				if i < 0 {
					break
				}
				schedule = append(kept[:i:i], 1)
			}
			if n < 20 {
				t.Errorf("there were %d interleavings only", n)
			}
		})
	}
}
