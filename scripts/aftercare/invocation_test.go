package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"aftercare/scripts/internal/cli"
)

// TestAnInvocationIsLookedForWhereECSSays, and in the history if ECS does not say.
func TestAnInvocationIsLookedForWhereECSSays(t *testing.T) {
	r := worked(t)
	keys := credentials(t, r)
	for name, c := range map[string]struct {
		status      int
		answer      string
		out, errOut string
		code        int
		history     bool
	}{
		"on one instance": {200, `{"Invocations":{"Invocation":[{"InvokeId":"t-sent1","InvokeInstances":{"InvokeInstance":[{"InstanceId":"i-web-1"}]}}]}}`,
			"execution i-web-1/t-sent1: Success", "ECS says that t-sent1 ran on i-web-1\n", 0, false},
		"on an instance that has no record of it": {200, `{"Invocations":{"Invocation":[{"InvokeId":"t-sent1","InvokeInstances":{"InvokeInstance":[{"InstanceId":"i-web-2"}]}}]}}`,
			"", "i-web-2 has no task, run, execution or event with the id t-sent1", cli.ExitNotFound, false},
		"on several": {200, `{"Invocations":{"Invocation":[{"InvokeId":"t-sent1","InvokeInstances":{"InvokeInstance":[{"InstanceId":"i-b"},{"InstanceId":"i-a"}]}}]}}`,
			"INSTANCE/ID\ni-a/t-sent1\ni-b/t-sent1\n", "ran on 2 instances: name one of these", cli.ExitUsage, false},
		"the list is of another": {200, `{"Invocations":{"Invocation":[{"InvokeId":"t-other","InvokeInstances":{"InvokeInstance":[{"InstanceId":"i-web-2"}]}}]}}`,
			"execution i-web-1/t-sent1: Success", "ECS does not know t-sent1\n", 0, true},
		"an id that is refused": {404, `{"Code":"InvalidInvokeId.NotFound"}`, "execution i-web-1/t-sent1: Success", "ECS does not know t-sent1\n", 0, true},
		"no right":              {403, `{"Code":"Forbidden.RAM"}`, "execution i-web-1/t-sent1: Success", "ECS does not say where t-sent1 ran: ", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				asked++
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer) // the client may be gone
			}))
			t.Cleanup(s.Close)
			out, errOut, code := played(t, func(name string) string {
				return map[string]string{
					variableEndpoint: r.Tables.Endpoint(), variableInstance: "rig", variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret,
					"ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken, variableECS: s.URL, variableRegion: "r",
				}[name]
			}, "show", "t-sent1")
			if code != c.code || !strings.HasPrefix(out, c.out) || !strings.Contains(errOut, c.errOut) || asked != 1 {
				t.Errorf("exit code %d, want %d; asked %d times:\n%s%s", code, c.code, asked, out, errOut)
			}
			if strings.Contains(errOut, "looking for t-sent1 in the history") != c.history {
				t.Errorf("looked in the history: %t\n%s", !c.history, errOut)
			}
		})
	}
}
