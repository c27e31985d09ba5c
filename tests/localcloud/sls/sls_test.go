package sls_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/sls"
)

var key = access.Key{ID: "me", Secret: "s3cret"}

func start(t *testing.T, o sls.Options) *sls.Server {
	t.Helper()
	if o.Keys == nil {
		o.Keys = access.NewKeys(key)
	}
	s, err := sls.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// call makes a signed call as the newest SDK for Node.js does, and returns the
// answer, or the error as "STATUS CODE". Target is a path without an encoded query.
func call(t *testing.T, s *sls.Server, method, project, target, body string) (string, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.Endpoint()+strings.ReplaceAll(target, " ", "%20"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = project + "." + r.URL.Host
	date := time.Now().UTC().Format(http.TimeFormat)
	sum := ""
	if body != "" {
		sum = fmt.Sprintf("%X", md5.Sum([]byte(body)))
		r.Header.Set("Content-MD5", sum)
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range map[string]string{
		"Date": date, "x-log-apiversion": "0.6.0", "x-log-bodyrawsize": fmt.Sprint(len(body)), "x-log-signaturemethod": "hmac-sha256",
	} {
		r.Header.Set(name, value)
	}
	mac := hmac.New(sha256.New, []byte(key.Secret))
	fmt.Fprintf(mac, "%s\n%s\n%s\n%s\nx-log-apiversion:0.6.0\nx-log-bodyrawsize:%d\nx-log-signaturemethod:hmac-sha256\n%s",
		method, sum, r.Header.Get("Content-Type"), date, len(body), target)
	r.Header.Set("Authorization", "LOG "+key.ID+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		var refused struct{ ErrorCode string }
		if json.Unmarshal(text, &refused) != nil || res.Header.Get("x-log-requestid") == "" {
			t.Errorf("an error answer without its form: %s", text)
		}
		return "", fmt.Sprint(res.StatusCode, " ", refused.ErrorCode)
	}
	return string(text), ""
}

const index = `{"line":{"token":[" "]}}`

// TestResourcesLiveThroughTheirCalls plays calls in order; each says how it is
// refused, empty if it succeeds, and what its answer holds.
func TestResourcesLiveThroughTheirCalls(t *testing.T) {
	s := start(t, sls.Options{Taken: []string{"others"}})
	const project = `{"projectName":"aftercare-logs","description":"logs"}`
	const alert = `{"name":"aftercare-sweep","displayName":"sweep"}`
	for n, c := range []struct{ method, project, path, body, want, holds string }{
		{"GET", "aftercare-logs", "/", "", "404 ProjectNotExist", ""},
		{"POST", "others", "/", `{"projectName":"others","description":""}`, "400 ProjectAlreadyExist", ""},
		{"GET", "others", "/", "", "401 Unauthorized", ""},
		{"POST", "aftercare-logs", "/", `{"projectName":"aftercare-logs"}`, "400 ParameterInvalid", ""},
		{"POST", "aftercare-logs", "/", `[]`, "400 PostBodyInvalid", ""},
		{"POST", "aftercare-logs", "/logstores", `{"logstoreName":"functions"}`, "404 ProjectNotExist", ""},
		{"POST", "aftercare-logs", "/", project, "", ""},
		{"POST", "aftercare-logs", "/", project, "400 ProjectAlreadyExist", ""},
		{"GET", "aftercare-logs", "/", "", "", `"projectName":"aftercare-logs"`},
		{"GET", "aftercare-logs", "/logstores/functions", "", "404 LogStoreNotExist", ""},
		{"GET", "aftercare-logs", "/logstores/functions/index", "", "404 LogStoreNotExist", ""},
		{"POST", "aftercare-logs", "/logstores", `{"logstoreName":"functions","ttl":30}`, "", ""},
		{"POST", "aftercare-logs", "/logstores", `{"logstoreName":"functions","ttl":30}`, "400 LogStoreAlreadyExist", ""},
		{"PUT", "aftercare-logs", "/logstores/functions", `{"logstoreName":"functions","ttl":90}`, "", ""},
		{"GET", "aftercare-logs", "/logstores/functions", "", "", `"ttl":90`},
		{"GET", "aftercare-logs", "/logstores/functions/index", "", "404 IndexConfigNotExist", ""},
		{"PUT", "aftercare-logs", "/logstores/functions/index", index, "404 IndexConfigNotExist", ""},
		{"POST", "aftercare-logs", "/logstores/functions/index", `{}`, "400 ParameterInvalid", ""},
		{"POST", "aftercare-logs", "/logstores/functions/index", index, "", ""},
		{"POST", "aftercare-logs", "/logstores/functions/index", index, "400 IndexAlreadyExist", ""},
		{"PUT", "aftercare-logs", "/logstores/functions/index", `{"line":{"token":[","]}}`, "", ""},
		{"GET", "aftercare-logs", "/logstores/functions/index", "", "", `"token":[","]`},
		{"POST", "aftercare-logs", "/dashboards", `{"dashboardName":"aftercare"}`, "", ""},
		{"POST", "aftercare-logs", "/dashboards", `{"dashboardName":"aftercare"}`, "400 ParameterInvalid", ""},
		{"GET", "aftercare-logs", "/dashboards/other", "", "404 DashboardNotExist", ""},
		{"PUT", "aftercare-logs", "/dashboards/aftercare", `{"dashboardName":"aftercare","charts":[1]}`, "", ""},
		{"GET", "aftercare-logs", "/dashboards/aftercare", "", "", `"charts":[1]`},
		{"POST", "aftercare-logs", "/alerts", alert, "", ""},
		{"POST", "aftercare-logs", "/alerts", alert, "400 JobAlreadyExist", ""},
		{"PUT", "aftercare-logs", "/alerts/aftercare-sweep?action=disable", "", "", ""},
		{"GET", "aftercare-logs", "/jobs/aftercare-sweep", "", "", `"status":"DISABLED"`},
		{"DELETE", "aftercare-logs", "/alerts/aftercare-sweep", "", "", ""},
		{"GET", "aftercare-logs", "/alerts/aftercare-sweep", "", "404 JobNotExist", ""},
		{"GET", "aftercare-logs", "/machinegroups", "", "400 LocalCloud.NotImitated", ""},
		{"DELETE", "aftercare-logs", "/", "", "", ""},
		{"GET", "aftercare-logs", "/dashboards/aftercare", "", "404 ProjectNotExist", ""},
	} {
		text, got := call(t, s, c.method, c.project, c.path, c.body)
		if got != c.want || !strings.Contains(text, c.holds) {
			t.Fatalf("call %d, %s %s: got %q with %s, want %q with %s", n, c.method, c.path, got, text, c.want, c.holds)
		}
	}
}

// withStore is a server with an indexed logstore.
func withStore(t *testing.T, o sls.Options) *sls.Server {
	t.Helper()
	s := start(t, o)
	for _, c := range [][2]string{
		{"/", `{"projectName":"logs","description":""}`}, {"/logstores", `{"logstoreName":"functions"}`}, {"/logstores/functions/index", index},
	} {
		if _, refused := call(t, s, "POST", "logs", c[0], c[1]); refused != "" {
			t.Fatal(refused)
		}
	}
	return s
}

func TestLinesAreFoundByTimeAndWords(t *testing.T) {
	s := withStore(t, sls.Options{})
	begin := time.Unix(1_000_000, 0)
	for n, fields := range []map[string]string{
		{"functionName": "aftercare-sweep", "invocationType": "Async"},
		{"functionName": "aftercare-sweep", "invocationType": "Sync"},
		{"functionName": "aftercare-alerts", "invocationType": "Async"},
	} {
		if !s.Write("logs", "functions", sls.Line{At: begin.Add(time.Duration(n) * time.Second), Topic: "FCRequestMetrics:/", Fields: fields}) {
			t.Fatal("the logstore is not there")
		}
	}
	if s.Write("logs", "other", sls.Line{}) {
		t.Error("a line for a missing logstore was taken")
	}
	const path = "/logstores/functions?"
	for _, c := range []struct{ query, want, refused string }{
		{"from=1000000&query=*&to=1000003&type=log", "Async Sync Async", ""},
		{"from=1000000&query=*&reverse=true&to=1000002&type=log", "Sync Async", ""},
		{"from=1000000&line=1&offset=1&query=*&to=1000003&type=log", "Sync", ""},
		{"from=1000000&query=functionName: aftercare-sweep and invocationType: \"Sync\"&to=1000003&type=log", "Sync", ""},
		{"from=1000000&query=AFTERCARE-alerts&to=1000003&type=log", "Async", ""},
		{"from=1000003&query=*&to=2000000&type=log", "", ""},
		{"from=1000003&query=*&to=1000003&type=log", "", "400 InvalidTimeRange"},
		{"from=1000000&query=*|select 1&to=1000003&type=log", "", "400 LocalCloud.NotImitated"},
		{"from=noon&query=*&to=1000003&type=log", "", "400 ParameterInvalid"},
	} {
		text, refused := call(t, s, "GET", "logs", path+c.query, "")
		var lines []struct{ InvocationType string }
		if refused == "" {
			if err := json.Unmarshal([]byte(text), &lines); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		var got []string
		for _, line := range lines {
			got = append(got, line.InvocationType)
		}
		if strings.Join(got, " ") != c.want || refused != c.refused {
			t.Errorf("%s: got %q and %q, want %q and %q", c.query, got, refused, c.want, c.refused)
		}
	}
	text, refused := call(t, s, "POST", "logs", "/logstores/functions/logs", `{"from":1000000,"to":1000003,"query":"Async"}`)
	if refused != "" || !strings.Contains(text, `"count":2`) || !strings.Contains(text, `"progress":"Complete"`) {
		t.Errorf("the second form answered %s %s", refused, text)
	}
}

func TestWhatIsMadeIsThereAfterANewStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sls.db")
	withStore(t, sls.Options{Path: path}).Close()
	s := start(t, sls.Options{Path: path})
	if text, refused := call(t, s, "GET", "logs", "/logstores/functions/index", ""); refused != "" || !strings.Contains(text, "token") {
		t.Errorf("got %s %s, want the index", refused, text)
	}
}

func TestAPlannedFaultStrikesBeforeOrAfterTheEffect(t *testing.T) {
	faults := &fault.Set{}
	s := start(t, sls.Options{Faults: faults})
	faults.Add(fault.Fault{Call: "CreateProject", Mode: fault.ErrorBefore, Status: 403, Code: "Unauthorized"})
	faults.Add(fault.Fault{Call: "CreateProject", Nth: 2, Mode: fault.ErrorAfter})
	for _, want := range []string{"403 Unauthorized", "500 InternalServerError", "400 ProjectAlreadyExist"} {
		if _, got := call(t, s, "POST", "logs", "/", `{"projectName":"logs","description":""}`); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	s := withStore(t, sls.Options{})
	for _, tt := range []struct{ project, logstore, want string }{
		{"logs", "functions", ""},
		{"logs", "", ""},
		{"logs", "none", "logstore 'none' does not exist"},
		{"none", "functions", "project 'none' does not exist"},
	} {
		got := ""
		if err := s.Check(tt.project, tt.logstore); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s/%s: %q, want %q", tt.project, tt.logstore, got, tt.want)
		}
	}
}
