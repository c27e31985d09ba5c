package main

import (
	"strings"
	"testing"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/mask"
	"aftercare/tests/rig"
)

// TestSecretsAreMaskedInEveryView: those of the usual forms, and of that in
// AFTERCARE_MASK. Each secret has the word hush.
func TestSecretsAreMaskedInEveryView(t *testing.T) {
	const more = `badge\shush\d`
	masks, err := mask.New(more)
	if err != nil {
		t.Fatal(err)
	}
	r := rig.New(t, rig.Options{Settings: func(s *handler.Settings) { s.Policy.Mask = masks }})
	keys := credentials(t, r)
	variables := map[string]string{
		variableEndpoint: r.Tables.Endpoint(), variableInstance: "rig", variableECS: r.Settings.ECSEndpoint, variableRegion: rig.Region,
		variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret, "ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken, variableMask: more,
	}
	getenv := func(name string) string { return variables[name] }
	r.Create("i-1")
	must(t)(r.FirstHeartbeat(r.Boot("i-1")))
	must(t)(r.SubmitTask(encode(map[string]any{
		"instanceId": "i-1", "dedupeKey": "a", "submittedBy": "me", "reason": "its secret: hush-1",
		"run": map[string]any{"name": "dump --password hush-2", "type": "RunShellScript", "content": "echo token=hush-3, badge hush4; exit 3"},
	})))
	end := r.Take(event.KindTaskCompleted)
	must(t)(r.TaskCompleted([]byte(strings.Replace(string(end), `"errorDesc":"`, `"errorDesc":"badge hush5 `, 1))))
	invocation := r.ECS.Runs("i-1")[0].InvokeID

	for _, c := range []struct{ args, want string }{
		{"show i-1 --since 1h", "dump --password [masked]"},
		{"show i-1 --since 1h -o json", `"errorDesc": "[masked] `},
		{"show i-1/" + invocation, "[masked] "},
		{"history", "dump --password [masked]"},
		{"history -o json", "[masked] "},
		{"acts", ""},
		{"tasks -o json", "dump --password [masked]"},
		{"now", ""},
		{"output i-1/" + invocation, "token=[masked], [masked]\n"},
		{"output i-1/" + invocation + " -o json", `token=[masked], [masked]\n`},
	} {
		out, errOut, code := played(t, getenv, strings.Fields(c.args)...)
		if code != 0 || !strings.Contains(out, c.want) || strings.Contains(out+errOut, "hush") {
			t.Errorf("aftercare %s: exit code %d, want %q and no secret in\n%s%s", c.args, code, c.want, out, errOut)
		}
	}
	variables[variableMask] = "hush-3 ("
	if _, errOut, code := played(t, getenv, "output", invocation); code != 2 || !strings.Contains(errOut, "AFTERCARE_MASK has a regular expression that cannot be read, number 2") ||
		strings.Contains(errOut, "hush") {
		t.Errorf("with a wrong form, exit code %d: %s", code, errOut)
	}
}
