package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fccontext"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/tests/rig"
)

// slow carries requests to the local Tablestore without a connection, each in
// the given time of the clock in whose bubble it runs.
type slow struct {
	server http.Handler
	takes  time.Duration
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
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

// deliverArray delivers a payload until it is acknowledged, with 60 s for each
// delivery, and returns how many it took. Each that fails must say once, and
// in no other words, how many events are left; every delivery leaves fewer.
func deliverArray(t *testing.T, r *rig.Rig, call time.Duration, invoke func(*handler.Function) handler.Handler, payload []byte) (deliveries int) {
	t.Helper()
	settings := r.Settings
	settings.Ledger.Transport = slow{r.Tables.Handler(), call}
	settings.Margin = time.Second
	log := &rig.Log{}
	f, err := handler.NewWith("rig", settings, log, func() time.Time { return time.Now().UTC() })
	if err != nil {
		t.Fatal(err)
	}
	last, logged := 1<<30, 0
	for deliveries < 100 {
		deliveries++
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		began := time.Now()
		_, err := invoke(f)(fccontext.NewContext(ctx, &fccontext.FcContext{
			RequestID: fmt.Sprint("delivery ", deliveries), Region: rig.Region, AccountId: rig.Account,
			Credentials: fccontext.Credentials{AccessKeyId: r.Key.ID, AccessKeySecret: r.Key.Secret, SecurityToken: r.Key.Token},
		}), payload)
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
					t.Errorf("delivery %d: a line beside the one that says how many are left: %s", deliveries, line)
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

// endOf is the end of an execution; of every second one, without times.
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

// TestALargeArrayGetsThroughInAFewDeliveries whatever it is about, and each
// event is recorded once.
func TestALargeArrayGetsThroughInAFewDeliveries(t *testing.T) {
	ends := func(f *handler.Function) handler.Handler { return f.TaskCompleted }
	beats := func(f *handler.Function) handler.Handler { return f.FirstHeartbeat }
	for name, c := range map[string]struct {
		events int
		call   time.Duration // of one Tablestore call
		kind   event.Kind
		invoke func(*handler.Function) handler.Handler
		data   func(i int) any
		// instances are those that the events are about.
		instances int
	}{
		"ends on 10,000 instances": {10_000, 5 * time.Millisecond, event.KindTaskCompleted, ends,
			func(i int) any { return endOf(i, fmt.Sprint("i-", i), "t-1") }, 10_000},
		"10,000 ends on one instance": {10_000, 5 * time.Millisecond, event.KindTaskCompleted, ends,
			func(i int) any { return endOf(i, "i-0", fmt.Sprint("t-", i/4)) }, 1},
		// As 10,000 in 5 ms a call, in a fifth of the steps.
		"boots of one instance": {2_000, 25 * time.Millisecond, event.KindFirstHeartbeat, beats,
			func(int) any { return map[string]any{"vmName": "i-0", "uptime": 20_000} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rig.New(t, rig.Options{NoAlerts: true})
			now := time.Now().Round(0)
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now)) // the bubble's clock begins in the year 2000
				payload := arrayOf(c.events, c.kind, c.data)
				if n := deliverArray(t, r, c.call, c.invoke, payload); n > 6 {
					t.Errorf("it took %d deliveries, want at most 6", n)
				}
				if n := recorded(t, r, c.instances); n != c.events {
					t.Errorf("%d events are recorded, want %d", n, c.events)
				}
			})
		})
	}
}

// recorded counts the executions and boots of the instances i-0, i-1 …
func recorded(t *testing.T, r *rig.Rig, instances int) (n int) {
	t.Helper()
	c := r.Settings.Ledger
	c.Transport = slow{r.Tables.Handler(), time.Millisecond}
	l, err := ledger.Open(t.Context(), c, ledger.Credentials{AccessKeyID: r.Key.ID, AccessKeySecret: r.Key.Secret, SecurityToken: r.Key.Token})
	if err != nil {
		t.Fatal(err)
	}
	for i := range instances {
		records, err := l.Records(t.Context(), fmt.Sprint("i-", i))
		if err != nil {
			t.Fatal(err)
		}
		n += len(records.Executions) + len(records.Boots)
	}
	return n
}
