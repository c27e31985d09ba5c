package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/scripts/observe"
	"aftercare/shared/alerting"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// The shapes of Simple Log Service's API, as its Go client has them.
// See https://github.com/aliyun/aliyun-log-go-sdk: client_dashboard.go, client_alert.go,
// index.go
type (
	search struct {
		Logstore, Topic, Query, Start, End string
	}
	dashboard struct {
		DashboardName, DisplayName, Description string
		Charts                                  []struct {
			Title, Type string
			Search      search
			Display     struct {
				XAxis, YAxis              []string
				XPos, YPos, Width, Height int
				DisplayName               string
			}
		}
	}
	named     struct{ Key, Value string }
	alertRule struct {
		Name, DisplayName, Description, State string
		Schedule                              struct {
			Type, Interval, TimeZone string
			Delay                    int
		}
		Configuration struct {
			Version, Type, Dashboard string
			QueryList                []struct {
				StoreType, Project, Store, Region, Query, TimeSpanType, Start, End, PowerSqlMode string
			}
			GroupConfiguration struct {
				Type   string
				Fields []string
			}
			JoinConfigurations     []struct{ Type, Condition string }
			SeverityConfigurations []struct {
				Severity      int
				EvalCondition struct{ Condition, CountCondition string }
			}
			Labels, Annotations                      []named
			Threshold, MuteUntil, NoDataSeverity     int
			NoDataFire, SendResolved, AutoAnnotation bool
			PolicyConfiguration                      struct{ AlertPolicyId, ActionPolicyId, RepeatInterval string }
			Tags                                     []string
		}
	}
	indexKey struct {
		Type                                     string
		Doc_value, CaseSensitive, Chn, Index_all bool
		Max_depth                                int
		Token                                    []string
		Json_keys                                map[string]indexKey
	}
	index struct {
		Line indexKey
		Keys map[string]indexKey
	}
)

// severities are those of the service: report, low, medium, high, critical.
var severities = []int{2, 4, 6, 8, 10}

// observed are the documents of scripts/observe.
type observed struct {
	dashboards []dashboard
	rules      []alertRule
	index      index
	queries    map[string]string // by what they are for
}

// readObserved reads them strictly.
func readObserved(t *testing.T) (o observed) {
	t.Helper()
	o.queries = map[string]string{}
	for _, d := range observe.Documents() {
		read := func(into any) {
			t.Helper()
			strict := json.NewDecoder(strings.NewReader(d.JSON))
			strict.DisallowUnknownFields()
			if err := strict.Decode(into); err != nil {
				t.Errorf("%s: %v", d.File, err)
			}
		}
		for _, placeholder := range regexp.MustCompile(`<[a-z-]+>`).FindAllString(d.JSON, -1) {
			if !slices.Contains([]string{"<log-project>", "<log-store>", "<region>"}, placeholder) {
				t.Errorf("%s: nobody fills in %s", d.File, placeholder)
			}
		}
		switch {
		case strings.Contains(d.JSON, `"dashboardName"`):
			var one dashboard
			read(&one)
			for _, c := range one.Charts {
				o.queries[d.File+" "+c.Title] = c.Search.Query
			}
			o.dashboards = append(o.dashboards, one)
		case strings.Contains(d.JSON, `"json_keys"`):
			read(&o.index)
		default:
			var one alertRule
			read(&one)
			for _, q := range one.Configuration.QueryList {
				o.queries[d.File] = q.Query
			}
			o.rules = append(o.rules, one)
		}
	}
	return o
}

var (
	inQuery  = regexp.MustCompile(`message\.([a-z_]+)(?:\.([a-z]+))?`)
	literals = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	words    = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	aliases  = regexp.MustCompile(`\bas ([a-z0-9_]+)`)
	// sql are the words of the service's SQL that the queries use.
	sql = strings.Fields(`select as from group by order desc limit having case when then else end or and count count_if sum max min round
		approx_percentile date_trunc max_by nullif log __time__`)
)

// fieldsOf returns the fields of our lines that a query names, and the other names.
func fieldsOf(query string) (ours []string, others []string) {
	for _, found := range inQuery.FindAllStringSubmatch(query, -1) {
		if !slices.Contains(ours, found[1]) {
			ours = append(ours, found[1])
		}
	}
	find, analysis, _ := strings.Cut(query, " | ")
	for _, pair := range regexp.MustCompile(`\b([A-Za-z_.]+) ?(?::|>=|>)`).FindAllStringSubmatch(find, -1) {
		if !strings.HasPrefix(pair[1], "message.") {
			others = append(others, pair[1])
		}
	}
	var named []string
	for _, a := range aliases.FindAllStringSubmatch(analysis, -1) {
		named = append(named, a[1])
	}
	for _, word := range words.FindAllString(literals.ReplaceAllString(analysis, ""), -1) {
		if !slices.Contains(sql, word) && !slices.Contains(named, word) {
			others = append(others, word)
		}
	}
	return ours, others
}

// requestLog are the fields of Function Compute's own lines. See
// https://help.aliyun.com/zh/sls/function-compute-3-0-log-field-details
var requestLog = []string{
	"functionName", "versionId", "qualifier", "requestId", "operation", "invocationType", "memoryMB", "memoryUsageMB", "durationMs", "isColdStart",
	"hasFunctionError", "errorType", "invokeFunctionLatencyMs", "scheduleLatencyMs", "instanceID",
}

// TestTheQueriesNameFieldsThatExist, in our lines or in Function Compute's, and that the
// index has.
func TestTheQueriesNameFieldsThatExist(t *testing.T) {
	o := readObserved(t)
	types := map[string]string{}
	for _, f := range handler.LogFields {
		types[f.Name] = f.Type
	}
	if len(o.queries) < 20 {
		t.Errorf("there are %d queries", len(o.queries))
	}
	for what, query := range o.queries {
		ours, others := fieldsOf(query)
		for _, name := range ours {
			if types[name] == "" {
				t.Errorf("%s: no line has the field %s", what, name)
			}
		}
		for _, name := range others {
			if !slices.Contains(requestLog, name) || o.index.Keys[name].Type == "" {
				t.Errorf("%s: %s is no field of Function Compute's lines, or not in the index", what, name)
			}
		}
		if len(ours)+len(others) == 0 {
			t.Errorf("%s names no field: %s", what, query)
		}
	}
	want := map[string]string{}
	for name, typ := range types {
		switch typ {
		case "count", "ms", "bytes":
			want[name] = "long"
		case "counts by kind":
			for _, kind := range []string{"end", "boot", "send"} {
				want[name+"."+kind] = "long"
			}
		case "list": // the index of whole lines finds what is in it
		default:
			want[name] = "text"
		}
	}
	keys := o.index.Keys["message"].Json_keys
	for name, key := range keys {
		if want[name] != key.Type || !key.Doc_value {
			t.Errorf("the index has %s as %+v, want %q", name, key, want[name])
		}
	}
	if len(keys) != len(want) {
		t.Errorf("the index has %d fields of our lines, want %d", len(keys), len(want))
	}
}

// TestTheRulesAreWhole: each can fire, says what to do, and those that watch whether
// something runs fire without any line.
func TestTheRulesAreWhole(t *testing.T) {
	o := readObserved(t)
	silent := map[string]bool{}
	for _, r := range o.rules {
		c := r.Configuration
		if !strings.HasPrefix(r.Name, "aftercare-") || r.State != "Enabled" || r.Schedule.Type != "FixedRate" || c.Version != "2.0" || len(c.QueryList) != 1 || c.Threshold != 1 ||
			len(c.SeverityConfigurations) != 1 || !slices.Contains(severities, c.SeverityConfigurations[0].Severity) || c.NoDataSeverity != c.SeverityConfigurations[0].Severity ||
			!slices.ContainsFunc(o.dashboards, func(d dashboard) bool { return d.DashboardName == c.Dashboard }) {
			t.Errorf("%s is %+v", r.Name, r)
			continue
		}
		q := c.QueryList[0]
		if q.Project != "<log-project>" || q.Store != "<log-store>" || q.Region != "<region>" || q.StoreType != "log" || q.TimeSpanType != "Relative" || q.End != "now" {
			t.Errorf("%s asks %+v", r.Name, q)
		}
		condition := c.SeverityConfigurations[0].EvalCondition.Condition
		for _, name := range regexp.MustCompile(`[a-z_]+`).FindAllString(condition, -1) {
			if !strings.Contains(q.Query, " as "+name) {
				t.Errorf("%s: its condition %q names what its query does not give: %s", r.Name, condition, q.Query)
			}
		}
		if text := fmt.Sprint(c.Annotations); !strings.Contains(text, r.Description) || len(r.Description) < 60 {
			t.Errorf("%s does not say what to do: %s", r.Name, text)
		}
		// A count of nothing is a row, which would hide that there is nothing.
		if c.NoDataFire != strings.Contains(q.Query, " having count(*) > 0") {
			t.Errorf("%s fires without lines: %t, with the query %s", r.Name, c.NoDataFire, q.Query)
		}
		silent[r.Name] = c.NoDataFire
	}
	if !silent["aftercare-alerts-run"] || !silent["aftercare-sweeps-run"] {
		t.Errorf("nobody watches whether alerts and sweeps run: %v", silent)
	}
}

// play makes the functions write lines of every kind that the queries look for.
func play(t *testing.T) (lines []map[string]any) {
	t.Helper()
	r := rig.New(t, rig.Options{})
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(hook.Close)
	r.Create(instanceID)
	submit := func(name string) {
		t.Helper()
		task := run(name, "true")
		task["instanceId"] = instanceID
		must(t)(r.SubmitTask(encode(task)))
	}
	submit("waits")
	must(t)(r.FirstHeartbeat(r.Boot(instanceID)))
	r.Take(event.KindTaskCompleted) // it is lost
	must(t)(r.TaskCompleted([]byte(`{"cut`)))
	r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Times: -1, Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"})
	if _, err := r.TaskCompleted(endOf("other", 1)); err == nil {
		t.Fatal("it was committed")
	}
	r.Faults.Clear()
	must(t)(r.TaskCompleted(endOf("other", 1)))
	r.Advance(10 * time.Minute)
	must(t)(r.Sweep())
	s := r.Settings
	s.Alerts.Start = 0
	round, err := alerting.NewWith(alerts, s, []string{"AFTERCARE_WEBHOOK_URL=" + hook.URL}, r.Log, r.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := r.Context()
	defer cancel()
	if _, err := round(ctx, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(r.Log.String()) {
		line := map[string]any{}
		if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// found reports whether the search of a query finds a line.
func found(t *testing.T, find string, line map[string]any) bool {
	t.Helper()
	for _, term := range strings.Split(find, " and ") {
		if name, value, ok := strings.Cut(term, ": "); ok {
			name = strings.TrimPrefix(name, "message.")
			if name == "function" { // the rig has one name for most
				continue
			}
			if fmt.Sprint(line[name]) != strings.Trim(value, `"`) {
				return false
			}
			continue
		}
		name, _, ok := strings.Cut(term, " >")
		if !ok {
			t.Fatalf("the test does not read the search %q", term)
		}
		if _, there := line[strings.TrimPrefix(name, "message.")]; !there {
			return false
		}
	}
	return true
}

// TestTheQueriesFindLines that the functions write, with the fields that they name.
func TestTheQueriesFindLines(t *testing.T) {
	lines := play(t)
	for what, query := range readObserved(t).queries {
		ours, _ := fieldsOf(query)
		if len(ours) == 0 {
			continue // of Function Compute's own lines
		}
		find, _, _ := strings.Cut(query, " | ")
		whole := false
		for _, line := range lines {
			if found(t, find, line) && !slices.ContainsFunc(ours, func(name string) bool { _, there := line[name]; return !there }) {
				whole = true
			}
		}
		if !whole {
			t.Errorf("%s: no line has what this asks for: %s", what, query)
		}
	}
}
