package setup_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/setup"
	"aftercare/shared/transport"
)

// TestFunctionsAreReadWithWhatIsWrong: the answers have the members that the
// vendor's SDK for Node.js (@alicloud/fc20230330 4.7.6) names.
func TestFunctionsAreReadWithWhatIsWrong(t *testing.T) {
	const role = `"role":"acs:ram::1234567890123456:role/aftercare-`
	answers := map[string]string{
		"/2023-03-30/functions/aftercare-sweep":          `{"state":"Active","lastUpdateStatus":"Successful",` + role + `sweep","logConfig":{"project":"aftercare-logs","logstore":"functions"}}`,
		"/2023-03-30/functions/aftercare-alerts":         `{"state":"Failed","stateReason":"no such image","lastUpdateStatus":"Failed",` + role + `sweep","logConfig":{"project":"other","logstore":"functions"}}`,
		"/2023-03-30/functions/aftercare-sweep/triggers": `{"triggers":[{"triggerName":"minute","triggerType":"timer","qualifier":"LATEST","triggerConfig":"{}"}],"nextToken":"more"}`,
		"more": `{"triggers":[{"triggerName":"default|rule","triggerType":"eventbridge"},{"triggerName":"ecs","triggerType":"eventbridge","qualifier":"live","triggerConfig":"{\"triggerEnable\":false}"}]}`,
		"/2023-03-30/functions/aftercare-alerts/triggers": `{"triggers":[]}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if token := r.URL.Query().Get("nextToken"); token != "" {
			answer = answers[token]
		}
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"Code":"FunctionNotFound","Message":"function does not exist"}`
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	c, err := setup.NewFC(setup.Config{Endpoint: s.URL, RoundTripper: pool, Backoff: quick}, names, transport.NewCredentials("a", "b", ""))
	if err != nil {
		t.Fatal(err)
	}
	all, missing, err := c.Functions(t.Context(), []string{"sweep", "alerts", "submit-task"}, names)
	if err != nil || !slices.Equal(missing, []string{"aftercare-submit-task"}) || len(all) != 2 {
		t.Fatalf("got %+v, missing %q, %v", all, missing, err)
	}
	if got, want := fmt.Sprint(all[0]), "{aftercare-sweep [{minute timer LATEST} {ecs eventbridge live}] [its trigger ecs is turned off]}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	const wrong = "its state is Failed: no such image; its last update failed: no reason is given; " +
		"it has the role acs:ram::1234567890123456:role/aftercare-sweep, not acs:ram::1234567890123456:role/aftercare-alerts; it logs to other/functions, not to aftercare-logs/functions; no timer starts it"
	if got := strings.Join(all[1].Wrong, "; "); got != wrong {
		t.Errorf("wrong is %s\nwant %s", got, wrong)
	}

	// An answer that is no function is not a missing one.
	delete(answers, "/2023-03-30/functions/aftercare-sweep/triggers")
	answers["/2023-03-30/functions/aftercare-submit-task"] = "<html>"
	for _, f := range []string{"sweep", "submit-task"} {
		if all, missing, err := c.Functions(t.Context(), []string{f}, names); err == nil {
			t.Errorf("%s: got %+v, missing %q, want an error", f, all, missing)
		}
	}
}
