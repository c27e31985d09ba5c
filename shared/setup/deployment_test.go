package setup_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/setup"
	"aftercare/shared/transport"
)

// preview is what the real s prints, with a warning before it.
const preview = `[WARN][s_cli] not as root
{"edition":"3.0.0","resources":{"sweep":{"component":"fc3","props":{"region":"cn-hangzhou","functionName":"sweep","code":"./dist/sweep","cpu":0.2,
"environmentVariables":{"A":"1","HUSH":"HushSecret"},"concurrencyConfig":{"reservedConcurrency":4},"asyncInvokeConfig":{"qualifier":"live","maxAsyncRetryAttempts":0},
"triggers":[{"triggerName":"minute","triggerType":"timer","triggerConfig":{"enable":true,"cronExpression":"@every 1m"}}]}}}}`

// TestADeploymentIsComparedInWords: what the service adds does not count, and errors are
// no news.
func TestADeploymentIsComparedInWords(t *testing.T) {
	const base = "/2023-03-30/functions/sweep"
	same := map[string]string{
		base:                  `{"functionName":"sweep","cpu":0.2,"state":"Active","environmentVariables":{"A":"1","HUSH":"HushSecret"},"layers":[]}`,
		base + "/triggers":    `{"triggers":[{"triggerName":"minute","triggerType":"timer","triggerConfig":"{\"cronExpression\":\"@every 1m\",\"enable\":true,\"payload\":\"\"}"},{"triggerName":"default|rule"}]}`,
		base + "/concurrency": `{"reservedConcurrency":4}`,
		base + "/async-invoke-config?qualifier=live": `{"maxAsyncRetryAttempts":0,"createdTime":"x"}`,
	}
	for name, c := range map[string]struct {
		path, answer string
		want         string
		failed       error
	}{
		"all is as it should be":      {},
		"no function":                 {base, `404 FunctionNotFound`, "make the function sweep", nil},
		"another core":                {base, `{"cpu":0.1,"environmentVariables":{"A":"1","HUSH":"HushSecret"}}`, "change the function sweep (cpu)", nil},
		"another value":               {base, `{"cpu":0.2,"environmentVariables":{"A":"1","HUSH":"HushOther"}}`, "change the function sweep (environmentVariables.HUSH)", nil},
		"a variable too many":         {base, `{"functionName":"sweep","cpu":0.2,"environmentVariables":{"A":"1","B":"2","HUSH":"HushSecret"}}`, "change the function sweep (environmentVariables.B)", nil},
		"no trigger":                  {base + "/triggers", `{}`, "make the trigger minute of sweep", nil},
		"a trigger that is off":       {base + "/triggers", `{"triggers":[{"triggerName":"minute","triggerType":"timer","triggerConfig":"{\"cronExpression\":\"@every 1m\",\"enable\":false}"}]}`, "change the trigger minute of sweep (triggerConfig.enable)", nil},
		"one that s would leave":      {base + "/triggers", `{"triggers":[{"triggerName":"old"}]}`, "make the trigger minute of sweep; the function sweep has the trigger old, which the file has not. Serverless Devs leaves it: delete it in the console if it is yours", nil},
		"no other configuration":      {base + "/async-invoke-config?qualifier=live", `404 AsyncConfigNotExists`, "change the function sweep (asyncInvokeConfig)", nil},
		"another reservation":         {base + "/concurrency", `{"reservedConcurrency":1}`, "change the function sweep (concurrencyConfig.reservedConcurrency)", nil},
		"a function that is denied":   {base, `403 AccessDenied`, "", engine.ErrDenied},
		"triggers that are denied":    {base + "/triggers", `403 AccessDenied`, "", engine.ErrDenied},
		"a proxy's not found":         {base, `404 proxy error`, "", engine.ErrInvalid},
		"a configuration of no words": {base + "/concurrency", `<html>`, "", engine.ErrUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			answers := maps.Clone(same)
			answers[c.path] = c.answer
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path := r.URL.Path
				if q := r.URL.Query().Get("qualifier"); q != "" {
					path += "?qualifier=" + q
				}
				answer := answers[path]
				var status int
				var code string
				if n, _ := fmt.Sscanf(answer, "%d %s", &status, &code); n == 2 {
					w.WriteHeader(status)
					answer = fmt.Sprintf(`{"Code":%q}`, code)
				}
				fmt.Fprint(w, answer)
			}))
			t.Cleanup(s.Close)
			pool := transport.NewPool(time.Now)
			t.Cleanup(pool.CloseIdleConnections)
			fc, err := setup.NewFC(setup.Config{Endpoint: s.URL, RoundTripper: pool, Backoff: quick}, names, transport.NewCredentials("a", "b", ""))
			if err != nil {
				t.Fatal(err)
			}
			found, err := fc.Deployment([]byte(preview))(t.Context())
			var words []string
			for _, change := range found.Changes {
				words = append(words, change.What)
			}
			if got := strings.Join(append(words, found.Notes...), "; "); got != c.want || !errors.Is(err, c.failed) || (err == nil) != (c.failed == nil) {
				t.Errorf("got %s, %v\nwant %s, %v", got, err, c.want, c.failed)
			}
		})
	}
	fc := &setup.FC{}
	for _, text := range []string{"", "{}", preview[:40], `{"resources":{}}`} {
		if _, err := fc.Deployment([]byte(text))(t.Context()); err == nil {
			t.Errorf("%q is taken for a preview", text)
		}
	}
}
