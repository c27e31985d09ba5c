package neighbours_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/functioncompute"
	"aftercare/tests/localcloud/tablestore"
)

const (
	region, account, instance = "cn-hangzhou", "1234567890123456", "neighbours"
	patience                  = time.Minute // for what must happen
	sweepEvery                = 100 * time.Millisecond
)

// world is the services and the functions of two versions, which take turns.
type world struct {
	t         *testing.T
	versions  []string
	turn      int
	key       access.Key
	tables    *tablestore.Server
	ecs       *ecs.Server
	functions *functioncompute.Server
	ledger    *ledger.Ledger
	client    *sdk.TableStoreClient
	events    chan ecs.CloudEvent
	log       *logged

	mu   sync.Mutex
	told map[string]string // alerts that the webhook got, by the message's id

	// rows are those with what a version does not know, as they were; kept counts by
	// kind how often another version than the newer rewrote one of its own.
	rows map[string]string
	kept map[string]int
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	return text[max(0, len(text)-6000):]
}

// newWorld starts the services, and the functions in these folders, by version.
func newWorld(t *testing.T, folders map[string]string, versions ...string) *world {
	t.Helper()
	w := &world{
		t: t, versions: versions, key: access.Key{ID: "STS.own", Secret: "own-secret-key"}, events: make(chan ecs.CloudEvent, 1000), log: &logged{},
		told: map[string]string{}, rows: map[string]string{}, kept: map[string]int{},
	}
	keys := access.NewKeys(w.key)
	var err error
	w.tables, err = tablestore.Start(tablestore.Options{Keys: keys})
	must(t, err)
	t.Cleanup(func() { w.tables.Close() })
	var sent atomic.Int64
	w.ecs, err = ecs.Start(ecs.Options{
		Dir: t.TempDir(), Keys: keys, Region: region, Account: account, Delays: ecs.Delays{Boot: -1, Pickup: -1},
		Emit: func(e ecs.CloudEvent) { w.events <- e }, NewInvokeID: func() string { return fmt.Sprint("t-sent", sent.Add(1)) },
	})
	must(t, err)
	t.Cleanup(func() { w.ecs.Close() })
	hook := httptest.NewServer(http.HandlerFunc(w.hear))
	t.Cleanup(hook.Close)

	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	w.ledger, err = ledger.Open(t.Context(), ledger.Config{Endpoint: w.tables.Endpoint(), Instance: instance, Transport: pool}, transport.NewCredentials(w.key.ID, w.key.Secret, ""))
	must(t, err)
	_, _, err = w.ledger.CreateTables(t.Context(), decide.DefaultPolicy().TableTTL)
	must(t, err)
	config := sdk.NewDefaultTableStoreConfig()
	config.Transport = pool
	w.client = sdk.NewClientWithConfig(w.tables.Endpoint(), instance, w.key.ID, w.key.Secret, "", config)

	var list []functioncompute.Function
	for _, version := range versions {
		for _, name := range functions {
			list = append(list, functioncompute.Function{
				Name: version + "-" + name, Dir: folders[version], Handler: name, Region: region, Account: account, Role: "acs:ram::1:role/neighbours", Timeout: 10 * time.Second,
				Env: map[string]string{
					"AFTERCARE_TABLESTORE_ENDPOINT": w.tables.Endpoint(), "AFTERCARE_TABLESTORE_INSTANCE": instance, "AFTERCARE_ECS_ENDPOINT": "http://" + w.ecs.Endpoint(),
					"AFTERCARE_FLOWS": "flows.compiled", "AFTERCARE_WAKE_PRECISION": "100ms", "AFTERCARE_AGENT_CHECK_FIRST": "100ms", "AFTERCARE_END_MARGIN": "1s",
					"AFTERCARE_CLAIM_GRACE": "1s", "AFTERCARE_STOP_CHECK": "1s", "AFTERCARE_ALERT_START": "0s", "AFTERCARE_ALERT_WAIT": "0s", "AFTERCARE_WEBHOOK_URL": hook.URL,
				},
			})
		}
	}
	w.functions, err = functioncompute.Start(functioncompute.Options{Functions: list, Keys: keys, Log: w.log, EndpointIn: "AFTERCARE_FC_ENDPOINT", IdleAfter: -1, StartTimeout: patience})
	must(t, err)
	t.Cleanup(func() { _ = w.functions.Close() })
	return w
}

// hear is the webhook that gets the alerts.
func (w *world) hear(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var message struct {
		Data struct{ Alerts []decide.Alert }
	}
	_ = json.Unmarshal(body, &message)
	var alerts []string
	for _, a := range message.Data.Alerts {
		text := fmt.Sprint(a.Kind, " ", a.InstanceID, " ", a.CommandName, " ", a.Flow)
		if a.Recovered {
			text += " over"
		}
		alerts = append(alerts, text)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told[r.Header.Get("webhook-id")] = strings.Join(alerts, "\n")
	out.WriteHeader(http.StatusNoContent)
}

// invoke has the version whose turn it is handle a payload.
func (w *world) invoke(function string, payload []byte) (handler.Outcome, string) {
	w.t.Helper()
	version := w.versions[w.turn%len(w.versions)]
	w.turn++
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	res, err := w.functions.Invoke(ctx, version+"-"+function, payload)
	if err == nil {
		err = res.Err()
	}
	var out handler.Outcome
	if err == nil {
		err = json.Unmarshal(res.Body, &out)
	}
	if err != nil || out.Version != version {
		w.t.Fatalf("%s of the %s version: %v, %s\n%s", function, version, err, res.Body, w.log)
	}
	w.inspect(version, function)
	return out, version
}

// input is invoke with what the input must come to; the same input again, by the next
// version, is a duplicate.
func (w *world) input(function string, payload []byte, want string) {
	w.t.Helper()
	for _, want := range []string{want, handler.ResultDuplicate} {
		out, version := w.invoke(function, payload)
		for _, item := range out.Items {
			// A heartbeat that comes again is noticed, and changes nothing.
			if item.Result != want && !(want == handler.ResultDuplicate && item.Result == handler.ResultNoticed) {
				w.t.Fatalf("%s of the %s version: %+v, want %s\n%s\n%s", function, version, item, want, payload, w.log)
			}
		}
	}
	w.turn++ // who got the duplicate handles the next one
}

// next takes the next event of a kind; others before it wait.
func (w *world) next(kind event.Kind) []byte {
	w.t.Helper()
	late := time.After(patience)
	var others []ecs.CloudEvent
	defer func() {
		for _, e := range others {
			w.events <- e
		}
	}()
	for {
		select {
		case e := <-w.events:
			if e.Type == "ecs:"+string(kind) {
				payload, err := json.Marshal(e)
				must(w.t, err)
				return payload
			}
			others = append(others, e)
		case <-late:
			w.t.Fatalf("no %s came\n%s", kind, w.log)
		}
	}
}

// until sweeps by turns until what must happen has happened.
func (w *world) until(what string, happened func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !happened(); {
		if time.Now().After(end) {
			w.t.Fatalf("%s does not happen\n%s", what, w.log)
		}
		w.invoke("sweep", []byte(`{}`))
		time.Sleep(sweepEvery)
	}
}

// written stands for when a row was written.
const written = "written"

// stored reads all rows of a table with two text keys, by its name and both.
func (w *world) stored(table string, key ...string) map[string]map[string]any {
	w.t.Helper()
	out := map[string]map[string]any{}
	from, to := new(sdk.PrimaryKey), new(sdk.PrimaryKey)
	for _, name := range key {
		from.AddPrimaryKeyColumnWithMinValue(name)
		to.AddPrimaryKeyColumnWithMaxValue(name)
	}
	for from != nil {
		page, err := w.client.GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: &sdk.RangeRowQueryCriteria{
			TableName: table, StartPrimaryKey: from, EndPrimaryKey: to, Direction: sdk.FORWARD, MaxVersion: 1,
		}})
		must(w.t, err)
		for _, row := range page.Rows {
			columns := map[string]any{}
			for _, c := range row.Columns {
				columns[c.ColumnName], columns[written] = c.Value, c.Timestamp
			}
			k := row.PrimaryKey.PrimaryKeys
			out[fmt.Sprint(table, " ", k[0].Value, " ", k[1].Value)] = columns
		}
		from = page.NextStartPrimaryKey
	}
	return out
}

// marks are in rows that a version wrote whose neighbour does not know the field.
var marks = []string{`"` + laterField + `":"` + laterText + `"`, `"recent":[`}

// inspect checks that no row has lost what one of the versions does not know.
func (w *world) inspect(version, function string) {
	w.t.Helper()
	now := map[string]string{}
	for table, key := range map[string][]string{"aftercare_instances": {"pk", "row"}, "aftercare_shared": {"scope", "row"}, "aftercare_alerts": {"scope", "row"}} {
		for row, columns := range w.stored(table, key...) {
			data, _ := columns["data"].(string)
			for _, mark := range marks {
				was, had := w.rows[mark+row]
				is := fmt.Sprint(columns[written], " ", data)
				has := strings.Contains(data, mark)
				// What is put over a row without being read is its writer's: a letter.
				if had && !has && !strings.HasPrefix(row, "aftercare_alerts in/") {
					w.t.Fatalf("%s of the %s version rewrote the row %s, which lost a field:\n%s\n%s", function, version, row, was, data)
				}
				if has {
					now[mark+row] = is
				}
				if has && had && was != is && mark == marks[0] && version != newer {
					w.kept[kindOf(row)]++
				}
			}
			// A row that moves into the log, or out of the queue, keeps its number.
			if columns["v"] == int64(2) && data != "" && (!strings.Contains(data, marks[0]) || columns[laterColumn] != laterText) {
				w.t.Fatalf("%s of the %s version left the row %s without the newer version's column or field: %v", function, version, row, columns)
			}
		}
	}
	w.rows = now
}

// kindOf is the kind of a row, such as live/flow.
func kindOf(row string) string {
	_, scope, _ := strings.Cut(row, " ")
	scope, key, _ := strings.Cut(scope, " ")
	if scope, _, ok := strings.Cut(scope, "/"); ok {
		return scope // of alerts
	}
	parts := strings.Split(key, "/")
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// summary says what came of everything, without what differs from run to run.
func (w *world) summary(instances ...string) string {
	w.t.Helper()
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	code := func(n *int64) string {
		if n == nil {
			return "none"
		}
		return fmt.Sprint(*n)
	}
	for _, id := range append(instances, decide.ActsID, decide.SweepID) {
		s, err := w.ledger.Load(w.t.Context(), id)
		must(w.t, err)
		r, err := w.ledger.Records(w.t.Context(), id)
		must(w.t, err)
		for _, t := range r.Tasks {
			say("%s task %s %s attempt %d of step %q, exit %s %s", id, t.Name, t.State, t.Attempt, t.Step, code(t.ExitCode), t.Reason)
		}
		for _, e := range r.Executions {
			say("%s execution %s %s exit %s source %s task %t run %t step %q", id, e.Name, e.Event.Status, code(e.Event.ExitCode), e.Source, e.TaskID != "", e.RunID != "", e.Step)
		}
		for _, f := range r.Runs {
			say("%s run of %s %s at %q", id, f.Flow, f.Result, f.FailedStep)
			for _, step := range f.Steps {
				say("%s run of %s step %s %s", id, f.Flow, step.ID, step.Status)
			}
		}
		for _, a := range r.Acts {
			say("%s act %s %s %s", id, a.Kind, a.What, a.Outcome)
		}
		say("%s boots %d, lost %d; open: %d tasks, %d sends, %d messages, %d runs, %d unmatched, %d alerts, boot %s, queue %d",
			id, len(r.Boots), len(r.Lost), len(s.Tasks), len(s.Sends), len(s.Messages), len(s.Runs), len(s.Unmatched), len(s.Alerted), s.Instance.Boot, s.Instance.Waiting)
		for _, f := range s.Failing {
			say("%s failing %s %d", id, f.Name, f.Count)
		}
		for _, p := range s.Repairs {
			say("%s repairs %s %d", id, p.Kind, p.Count)
		}
		for _, ran := range w.ecs.Runs(id) {
			name, _, _ := strings.Cut(ran.Name, ".")
			say("%s ran %s", id, name)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, alerts := range w.told {
		say("told %s", alerts)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (w *world) create(id string) error {
	return w.ecs.CreateInstance(ecs.Instance{ID: id, Name: id})
}
