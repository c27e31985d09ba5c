package main

import (
	"bytes"
	"strings"
	"testing"

	"aftercare/scripts/internal/cli"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

// TestAPauseNeedsNoRead: what cannot be read must keep nobody from pausing.
func TestAPauseNeedsNoRead(t *testing.T) {
	key := access.Key{ID: "LTAIpause", Secret: "pause-secret-key"}
	faults := &fault.Set{}
	server, err := tablestore.Start(tablestore.Options{Keys: access.NewKeys(key), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	environment := map[string]string{
		variableEndpoint: server.Endpoint(), variableInstance: "pause", variableKeyID: key.ID, variableSecret: key.Secret,
	}
	aftercare := func(args ...string) (code int, out, errOut string) {
		var o, e bytes.Buffer
		code = run(t.Context(), args, func(name string) string { return environment[name] }, nil, &o, &e)
		return code, o.String(), e.String()
	}
	if code, _, errOut := aftercare("tables", "create"); code != 0 {
		t.Fatal(errOut)
	}
	faults.Add(fault.Fault{Call: "GetRange", Mode: fault.ErrorBefore, Status: 400, Code: "OTSParameterInvalid", Times: -1})
	code, out, errOut := aftercare("flows", "pause", "--by", "Ann")
	if code != cli.ExitFailed || !strings.HasPrefix(out, "paused all flows at ") || !strings.Contains(errOut, "OTSParameterInvalid") {
		t.Errorf("pause: exit code %d, %q, %q, want it paused and the error shown", code, out, errOut)
	}
	code, out, errOut = aftercare("flows", "resume")
	if code != cli.ExitFailed || !strings.HasPrefix(out, "resumed all flows, paused since ") || !strings.Contains(errOut, "OTSParameterInvalid") {
		t.Errorf("resume: exit code %d, %q, %q, want it resumed and the error shown", code, out, errOut)
	}
}
