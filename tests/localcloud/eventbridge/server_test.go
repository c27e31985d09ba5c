package eventbridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/tests/localcloud/eventbridge"
)

func serviceEvent(id string) []byte {
	return fmt.Appendf(nil, `{"id":%q,"source":"acs.ecs","specversion":"1.0","type":"ecs:CloudAssistant:TaskCompleted","data":{"n":1.50}}`, id)
}

// inbox is a target that remembers what it got.
type inbox struct {
	mu  sync.Mutex
	got []string
	at  []time.Time
	// fail is the error of the first failures deliveries.
	failures int
}

func (in *inbox) target(_ context.Context, payload []byte) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.at = append(in.at, time.Now())
	if in.failures != 0 {
		in.failures--
		return errors.New("target is down")
	}
	in.got = append(in.got, string(payload))
	return nil
}

// ids are the ids of the delivered events.
func (in *inbox) ids() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []string
	for _, raw := range in.got {
		var e struct{ ID string }
		if json.Unmarshal([]byte(raw), &e) != nil {
			e.ID = "not JSON: " + raw
		}
		out = append(out, e.ID)
	}
	return out
}

func (in *inbox) attempts() []time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.at)
}

func ruleTo(in *inbox) eventbridge.Rule {
	return eventbridge.Rule{Name: "rule", Pattern: `{"source":["acs.ecs"]}`, Target: in.target}
}

func newServer(t *testing.T, opt eventbridge.Options) *eventbridge.Server {
	t.Helper()
	s, err := eventbridge.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func put(t *testing.T, s *eventbridge.Server, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := s.PutServiceEvent(serviceEvent(id)); err != nil {
			t.Fatal(err)
		}
	}
}

func waitIdle(t *testing.T, s *eventbridge.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.WaitIdle(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestServiceEventIsStampedAndDelivered(t *testing.T) {
	var in inbox
	now := time.Date(2026, 5, 1, 20, 0, 0, 28e6, time.FixedZone("CST", 8*3600))
	s := newServer(t, eventbridge.Options{
		Rules: []eventbridge.Rule{ruleTo(&in)}, Region: "cn-hangzhou", Account: "123456789012",
		Now: func() time.Time { return now },
	})
	put(t, s, "e-1")
	if err := s.PutServiceEvent([]byte(`{"id":"e-2","source":"acs.oss","specversion":"1.0","type":"x"}`)); err != nil {
		t.Fatal(err)
	}
	waitIdle(t, s)
	want := `{"aliyunaccountid":"123456789012","aliyuneventbusname":"default","aliyunpublishtime":"2026-05-01T12:00:00.028Z","aliyunregionid":"cn-hangzhou",` +
		`"data":{"n":1.50},"id":"e-1","source":"acs.ecs","specversion":"1.0","type":"ecs:CloudAssistant:TaskCompleted"}`
	if len(in.got) != 1 || in.got[0] != want {
		t.Errorf("delivered %q, want only %s", in.got, want)
	}
}

func TestEventsAreStampedWithoutSettings(t *testing.T) {
	var in inbox
	s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{ruleTo(&in)}})
	put(t, s, "e")
	waitIdle(t, s)
	for _, want := range []string{`"aliyunaccountid":"1234567890123456"`, `"aliyunregionid":"cn-hangzhou"`} {
		if len(in.got) != 1 || !strings.Contains(in.got[0], want) {
			t.Errorf("delivered %q, want %s in it", in.got, want)
		}
	}
}

func TestServiceEventKeepsWhatItBrings(t *testing.T) {
	var in inbox
	s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{ruleTo(&in)}, Region: "cn-hangzhou"})
	event := `{"aliyunregionid":"cn-beijing","id":"e","source":"acs.ecs","specversion":"1.0","time":"2020-08-17T16:04:46.149Asia/Shanghai","type":"x"}`
	if err := s.PutServiceEvent([]byte(event)); err != nil {
		t.Fatal(err)
	}
	waitIdle(t, s)
	if len(in.got) != 1 || !strings.Contains(in.got[0], `"aliyunregionid":"cn-beijing"`) || !strings.Contains(in.got[0], "Asia/Shanghai") {
		t.Errorf("delivered %q", in.got)
	}
}

func TestRetriesFollowTheirStrategy(t *testing.T) {
	exponential := []time.Duration{0}
	for wait := time.Second; wait <= 256*time.Second; wait *= 2 {
		exponential = append(exponential, wait)
	}
	for range 167 {
		exponential = append(exponential, 512*time.Second)
	}
	for _, tt := range []struct {
		name  string
		retry eventbridge.RetryStrategy
		want  []time.Duration // from one attempt to the next
	}{
		{"backoff is the default", "", []time.Duration{0, 12 * time.Second, 12 * time.Second, 12 * time.Second}},
		{"backoff", eventbridge.BackoffRetry, []time.Duration{0, 12 * time.Second, 12 * time.Second, 12 * time.Second}},
		{"exponential decay lasts a day", eventbridge.ExponentialDecayRetry, exponential},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := inbox{failures: -1}
				r := ruleTo(&in)
				r.Retry = tt.retry
				s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{r}, Chance: func() float64 { return 0.2 }})
				last := time.Now()
				put(t, s, "e")
				if err := s.WaitIdle(t.Context()); err != nil {
					t.Fatal(err)
				}
				var got []time.Duration
				for _, at := range in.attempts() {
					got = append(got, at.Sub(last))
					last = at
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("waits are %v, want %v", got, tt.want)
				}
				if s.Dropped() != 1 || s.Pending() != 0 {
					t.Errorf("%d dropped and %d pending, want 1 and 0", s.Dropped(), s.Pending())
				}
			})
		})
	}
}

func TestBackoffIsRandomBetweenTenAndTwentySeconds(t *testing.T) {
	for _, chance := range []float64{0, 0.5, 0.999} {
		for n := 1; n <= 3; n++ {
			wait, again := eventbridge.BackoffRetry.Delay(n, chance)
			if want := time.Duration((10 + 10*chance) * float64(time.Second)); wait != want || !again {
				t.Errorf("after attempt %d with chance %v: %v and %v, want %v", n, chance, wait, again, want)
			}
		}
	}
}

func TestScaleShortensTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := inbox{failures: 1}
		s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{ruleTo(&in)}, Scale: 0.01, Chance: func() float64 { return 0 }})
		put(t, s, "e")
		if err := s.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at := in.attempts(); len(at) != 2 || at[1].Sub(at[0]) != 100*time.Millisecond {
			t.Errorf("attempts at %v, want two, 100ms apart", at)
		}
		if got := in.ids(); !slices.Equal(got, []string{"e"}) {
			t.Errorf("delivered %v", got)
		}
	})
}

func TestGivenUpEventIsWrittenToTheDeadLetterFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	in := inbox{failures: -1}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	s := newServer(t, eventbridge.Options{
		Rules: []eventbridge.Rule{ruleTo(&in)}, DeadLetter: path, Scale: 1e-6, Now: func() time.Time { return now },
	})
	put(t, s, "e")
	waitIdle(t, s)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got eventbridge.DeadLetter
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !got.Time.Equal(now) || got.Bus != "default" || got.Rule != "rule" || got.Attempts != 4 || got.LastError != "target is down" || !strings.Contains(string(got.Event), `"id":"e"`) {
		t.Errorf("dead letter is %s", data)
	}
	if s.Dropped() != 0 {
		t.Errorf("%d events dropped", s.Dropped())
	}
}

func TestEveryMatchingRuleGetsTheEvent(t *testing.T) {
	var a, b, c inbox
	other := ruleTo(&b)
	other.Name = "other"
	failed := ruleTo(&c)
	failed.Name, failed.Pattern = "failed", `{"data":{"n":[2]}}`
	s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{ruleTo(&a), other, failed}})
	put(t, s, "e")
	waitIdle(t, s)
	if len(a.ids()) != 1 || len(b.ids()) != 1 || len(c.ids()) != 0 {
		t.Errorf("delivered %v, %v and %v", a.ids(), b.ids(), c.ids())
	}
}

func TestDuplicates(t *testing.T) {
	var in inbox
	s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{ruleTo(&in)}, Duplicate: 3})
	put(t, s, "e")
	waitIdle(t, s)
	if got := in.ids(); !slices.Equal(got, []string{"e", "e", "e"}) {
		t.Errorf("delivered %v, want e three times", got)
	}
	s.SetDuplicate(1)
	put(t, s, "f")
	waitIdle(t, s)
	if got := in.ids(); len(got) != 4 {
		t.Errorf("delivered %v, want f once", got)
	}
}

func TestHeldDeliveriesAreReleasedInTheWantedOrder(t *testing.T) {
	for _, tt := range []struct {
		name  string
		order eventbridge.Order
		want  []string
	}{
		{"in order", eventbridge.InOrder, []string{"c", "a", "b", "d"}},
		{"in reverse", eventbridge.Reversed, []string{"c", "d", "b", "a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var in inbox
			s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{ruleTo(&in)}})
			held := s.Hold(func(d eventbridge.Delivery) bool { return !strings.Contains(string(d.Event), `"id":"c"`) })
			put(t, s, "a", "b", "c", "d")
			waitIdle(t, s)
			if held.Len() != 3 || s.Pending() != 3 {
				t.Errorf("%d held and %d pending, want 3", held.Len(), s.Pending())
			}
			held.Release(tt.order)
			if got := in.ids(); !slices.Equal(got, tt.want) {
				t.Errorf("delivered %v, want %v", got, tt.want)
			}
			put(t, s, "e")
			waitIdle(t, s)
			if got := in.ids(); len(got) != 5 {
				t.Errorf("delivered %v: the hold did not end", got)
			}
		})
	}
}

func TestSecondCopyAloneCanBeHeld(t *testing.T) {
	var in inbox
	s := newServer(t, eventbridge.Options{Rules: []eventbridge.Rule{ruleTo(&in)}, Duplicate: 2})
	held := s.Hold(func(d eventbridge.Delivery) bool { return d.Copy == 2 })
	put(t, s, "a", "b")
	waitIdle(t, s)
	if got := in.ids(); len(got) != 2 {
		t.Fatalf("delivered %v before the release", got)
	}
	held.Release(eventbridge.Reversed)
	if got := in.ids(); len(got) != 4 || got[2] != "b" || got[3] != "a" {
		t.Errorf("delivered %v, want b and a at the end", got)
	}
}

func TestDelayReordersDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in inbox
		s := newServer(t, eventbridge.Options{
			Rules: []eventbridge.Rule{ruleTo(&in)},
			Delay: func(d eventbridge.Delivery) time.Duration {
				if strings.Contains(string(d.Event), `"id":"a"`) {
					return time.Hour
				}
				return time.Minute
			},
		})
		put(t, s, "a", "b")
		if err := s.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := in.ids(); !slices.Equal(got, []string{"b", "a"}) {
			t.Errorf("delivered %v, want b before a", got)
		}
	})
}

func TestConcurrencyOfARuleIsBounded(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	gate := make(chan struct{})
	target := func(ctx context.Context, _ []byte) error {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		<-gate
		mu.Lock()
		running--
		mu.Unlock()
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		gate = make(chan struct{})
		s := newServer(t, eventbridge.Options{
			Rules:       []eventbridge.Rule{{Name: "rule", Pattern: `{}`, Target: target}},
			Concurrency: 2,
		})
		put(t, s, "a", "b", "c", "d")
		synctest.Wait()
		if most != 2 {
			t.Errorf("%d deliveries ran at a time, want 2", most)
		}
		close(gate)
		if err := s.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
