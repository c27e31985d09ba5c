package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fccontext"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// slow carries requests to the local Tablestore without a connection. Each takes
// the given time on the bubble's clock.
type slow struct {
	server http.Handler
	takes  time.Duration
}

func (s slow) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	defer func() {
		if recover() != nil { // a connection that is cut
			err = io.ErrUnexpectedEOF
		}
	}()
	answered := time.NewTimer(s.takes)
	defer answered.Stop()
	select {
	case <-answered.C:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w.Result(), nil
}

// function makes a function whose calls to Tablestore take the given time on the
// bubble's clock.
func function(t *testing.T, r *rig.Rig, log io.Writer, call time.Duration) *handler.Function {
	t.Helper()
	settings := r.Settings
	settings.Ledger.Transport = slow{r.Tables.Handler(), call}
	settings.Margin = time.Second
	f, err := handler.NewWith("rig", settings, log, func() time.Time { return time.Now().UTC() })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// newInvocation returns the context of a new invocation with 60 s.
func newInvocation(r *rig.Rig, requestID string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	return fccontext.NewContext(ctx, &fccontext.FcContext{
		RequestID: requestID, Region: rig.Region, AccountId: rig.Account,
		Credentials: fccontext.Credentials{AccessKeyId: r.Key.ID, AccessKeySecret: r.Key.Secret, SecurityToken: r.Key.Token},
	}), cancel
}

// deliverArray delivers a payload until it is acknowledged, with 60 s for each
// delivery, and returns how many it took. A failed delivery must log one line,
// with how many events are left, and each delivery must leave fewer.
func deliverArray(t *testing.T, r *rig.Rig, call time.Duration, invoke func(*handler.Function) handler.Handler, payload []byte) (deliveries int) {
	t.Helper()
	log := &rig.Log{}
	f := function(t, r, log, call)
	last, logged := 1<<30, 0
	for deliveries < 100 {
		deliveries++
		began := time.Now()
		ctx, cancel := newInvocation(r, fmt.Sprint("delivery ", deliveries))
		_, err := invoke(f)(ctx, payload)
		cancel()
		text := log.String()[logged:]
		logged += len(text)
		t.Logf("delivery %d took %s", deliveries, time.Since(began))
		if err == nil {
			return deliveries
		}
		var refused *handler.Error
		var left struct {
			N int `json:"events_left"`
		}
		for line := range strings.Lines(text) {
			if !strings.Contains(line, `"message":"event handled"`) {
				if left.N > 0 || json.Unmarshal([]byte(line), &left) != nil || left.N == 0 {
					t.Errorf("delivery %d: a line besides the one that says how many are left: %s", deliveries, line)
				}
			}
		}
		if !errors.As(err, &refused) || left.N == 0 || left.N >= last {
			t.Fatalf("delivery %d: %v, %d events are left, of %d before", deliveries, err, left.N, last)
		}
		last = left.N
	}
	return deliveries
}

// arrayOf is an array of n events of one kind, each with data of its own.
func arrayOf(n int, kind event.Kind, data func(i int) any) []byte {
	list := make([]map[string]any, n)
	for i := range list {
		list[i] = map[string]any{
			"id": fmt.Sprint("event-", i), "source": "acs.ecs", "specversion": "1.0", "type": "ecs:" + kind,
			"aliyunaccountid": rig.Account, "time": time.Now().Add(time.Duration(i-n) * time.Hour).UTC().Format(time.RFC3339),
			"data": data(i),
		}
	}
	payload, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return payload
}

// endOf is the end of an execution; every second one has no times.
func endOf(i int, instanceID, invokeID string) any {
	data := map[string]any{
		"instanceId": instanceID, "invokeId": invokeID, "invocationStatus": "Success", "exitCode": "0",
		"repeatMode": "Period", "repeats": i,
	}
	if i%2 == 0 {
		data["finishTime"] = time.Now().UTC().Format(time.RFC3339)
	}
	return data
}

// TestALargeArrayGetsThroughInAFewDeliveries: and each event is recorded once.
func TestALargeArrayGetsThroughInAFewDeliveries(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes most of a minute")
	}
	ends := func(f *handler.Function) handler.Handler { return f.TaskCompleted }
	beats := func(f *handler.Function) handler.Handler { return f.FirstHeartbeat }
	for name, c := range map[string]struct {
		events int
		call   time.Duration // of one Tablestore call
		kind   event.Kind
		invoke func(*handler.Function) handler.Handler
		data   func(i int) any
		// instances is how many instances the events are about.
		instances int
	}{
		"ends on 10,000 instances": {10_000, 5 * time.Millisecond, event.KindTaskCompleted, ends,
			func(i int) any { return endOf(i, fmt.Sprint("i-", i), "t-1") }, 10_000},
		"10,000 ends on one instance": {10_000, 5 * time.Millisecond, event.KindTaskCompleted, ends,
			func(i int) any { return endOf(i, "i-0", fmt.Sprint("t-", i/4)) }, 1},
		// As long as 10,000 with calls of 5 ms, in a fifth of the steps.
		"boots of one instance": {2_000, 25 * time.Millisecond, event.KindFirstHeartbeat, beats,
			func(int) any { return map[string]any{"vmName": "i-0", "uptime": 20_000} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rig.New(t, rig.Options{NoAlerts: true})
			now := time.Now().Round(0)
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now)) // the bubble's clock begins in the year 2000
				payload := arrayOf(c.events/step, c.kind, c.data)
				if n := deliverArray(t, r, c.call*step, c.invoke, payload); n > 6 {
					t.Errorf("it took %d deliveries, want at most 6", n)
				}
				if n := recorded(t, r, c.instances); n != c.events/step {
					t.Errorf("%d events are recorded, want %d", n, c.events/step)
				}
			})
		})
	}
}

// ledgerOf is the ledger for use in a bubble.
func ledgerOf(t *testing.T, r *rig.Rig) *ledger.Ledger {
	t.Helper()
	c := r.Settings.Ledger
	c.Transport = slow{r.Tables.Handler(), time.Millisecond}
	l, err := ledger.Open(t.Context(), c, transport.NewCredentials(r.Key.ID, r.Key.Secret, r.Key.Token))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// recorded counts the executions and boots of the instances i-0, i-1 …
func recorded(t *testing.T, r *rig.Rig, instances int) (n int) {
	t.Helper()
	l := ledgerOf(t, r)
	for i := range instances {
		records, err := l.Records(t.Context(), fmt.Sprint("i-", i))
		if err != nil {
			t.Fatal(err)
		}
		n += len(records.Executions) + len(records.Boots)
	}
	return n
}

// TestEveryFailedCallOfAnArrayIsMadeGood fails the n-th call until a delivery
// meets no fault, in the modes that could differ from those of a single event.
// The array has twelve ends of one instance, one of another, and a malformed
// element.
func TestEveryFailedCallOfAnArrayIsMadeGood(t *testing.T) {
	in := slices.DeleteFunc(slices.Clone(modes), func(m mode) bool {
		return !m.crash && m.Mode != fault.ErrorBefore && m.Mode != fault.CutAfter
	})
	for _, m := range some(t, "array", in) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			r := rig.New(t, rig.Options{NoAlerts: true})
			now := time.Now().Round(0)
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now))
				log := &rig.Log{}
				f, l := function(t, r, log, time.Millisecond), ledgerOf(t, r)
				n := 1
				for ; failCall(t, r, f, l, n, m); n++ {
					if t.Failed() {
						t.Fatalf("call %d; log:\n%s", n, log)
					}
				}
				if n < 15 { // two loads, and a commit for each of 13 ends
					t.Errorf("only %d calls were made", n)
				}
			})
		})
	}
}

// failCall reports whether there was an n-th call that could fail.
func failCall(t *testing.T, r *rig.Rig, f *handler.Function, l *ledger.Ledger, n int, m mode) bool {
	t.Helper()
	many, one := fmt.Sprint("i-many-", n), fmt.Sprint("i-one-", n)
	payload := arrayOf(14, event.KindTaskCompleted, func(i int) any {
		switch i {
		case 12:
			return endOf(i, one, "t-1")
		case 13:
			return fmt.Sprint("malformed ", n)
		}
		return endOf(i, many, fmt.Sprint("t-", i/4))
	})
	ctx, cancel := newInvocation(r, fmt.Sprint("failing ", n))
	planned := fault.Fault{Nth: n, Mode: m.Mode}
	if m.crash {
		planned.OnStrike = cancel
	}
	before := r.Faults.Struck()
	r.Faults.Add(planned)
	_, _ = f.TaskCompleted(ctx, payload) // what it could not commit is delivered again
	cancel()
	r.Faults.Clear()
	struck := r.Faults.Struck() > before
	var out handler.Outcome
	for range 2 {
		ctx, cancel := newInvocation(r, fmt.Sprint("again ", n))
		var err error
		out, err = f.TaskCompleted(ctx, payload)
		cancel()
		if err != nil {
			t.Errorf("delivered again: %v", err)
		}
	}
	if len(out.Items) != 14 {
		t.Errorf("the answer has %d items", len(out.Items))
	}
	for i, item := range out.Items {
		if want := map[bool]string{true: handler.ResultQuarantined, false: handler.ResultDuplicate}[i == 13]; item.Result != want {
			t.Errorf("event %d is %s, want %s", i, item.Result, want)
		}
	}
	executions := map[string]int{}
	for _, id := range []string{many, one} {
		records, err := l.Records(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		executions[id] = len(records.Executions)
	}
	inHistory, kept := 0, 0
	ends := ledger.Query{From: time.Now().Add(-24 * time.Hour), Before: time.Now().Add(time.Hour), Kinds: []ledger.EntryKind{ledger.EntryExecution}}
	err := l.History(t.Context(), ends, func(e ledger.Entry) error {
		if id := e.InstanceID; id == many || id == one {
			inHistory++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = l.EachQuarantined(t.Context(), func(q ledger.Quarantined) error { kept++; return nil })
	if err != nil || executions[many] != 12 || executions[one] != 1 || inHistory != 13 || kept != n {
		t.Errorf("%v executions, %d in the history, %d kept, %v; want 12 and 1, 13, %d", executions, inHistory, kept, err, n)
	}
	return struck
}
