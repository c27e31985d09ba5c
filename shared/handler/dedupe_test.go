package handler_test

import (
	"strings"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/handler"
)

// TestADedupeKeyStandsForOneBody: what means the same is a duplicate, however
// it is written; anything else is refused, and changes nothing.
// (decide rule 12)
func TestADedupeKeyStandsForOneBody(t *testing.T) {
	const first = `{"dedupeKey":"k","instanceIds":["i-1","i-2"],"expiresIn":"60m","notBefore":"2026-03-01T02:00:00+08:00","bootDeadline":"30m","labels":["a","b"],"reason":"old","run":{"name":"job","type":"RunShellScript","content":"true","parameters":{"a":"1","b":"2"}}}`
	for name, c := range map[string]struct{ body, result string }{
		"the same text": {first, handler.ResultDuplicate},
		"another order, white space and defaults": {
			`{ "run": {"parameters":{"b":"2","a":"1"},"content":"true","type":"RunShellScript","name":"job"},` + "\n" +
				`"priority":5,"expiresIn":"1h","notBefore":"2026-02-28T18:00:00Z","bootDeadline":"0.5h","onBootDeadline":"alert","whenNotBootable":"wait","labels":["b","a"],"repeatMode":"Once","instanceId":"i-1","instanceIds":["i-2"],"dedupeKey":"\u006b"}`, handler.ResultDuplicate,
		},
		"somebody else, for another reason": {strings.Replace(first, `"reason":"old"`, `"submittedBy":"bob","reason":"new"`, 1), handler.ResultDuplicate},
		"another time":                      {strings.Replace(first, "02:00:00", "02:00:01", 1), handler.ResultRefused},
		"another deadline":                  {strings.Replace(first, "30m", "31m", 1), handler.ResultRefused},
		"another label":                     {strings.Replace(first, `"b"]`, `"c"]`, 1), handler.ResultRefused},
		"another script":                    {strings.Replace(first, `"true"`, `"false"`, 1), handler.ResultRefused},
		"another parameter":                 {strings.Replace(first, `"2"}`, `"3"}`, 1), handler.ResultRefused},
		"another priority":                  {strings.Replace(first, `"run"`, `"priority":9,"run"`, 1), handler.ResultRefused},
		"fewer instances":                   {strings.Replace(first, `,"i-2"`, ``, 1), handler.ResultRefused},
		"a saved command":                   {`{"dedupeKey":"k","instanceId":"i-1","invoke":{"commandId":"c-1"}}`, handler.ResultRefused},
		"a cancel":                          {`{"dedupeKey":"k","instanceId":"i-1","cancel":{"taskId":"` + strings.Repeat("a", 32) + `"}}`, handler.ResultRefused},
		"a key that is longer":              {strings.Replace(first, `"k"`, `"kk"`, 1), handler.ResultAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rigWith(t, "i-1", "i-2")
			out, err := r.SubmitTask([]byte(first))
			must(t, err)
			task := out.Items[0].Answer.TaskID
			for range 2 {
				out, err = r.SubmitTask([]byte(c.body))
				must(t, err)
				item := out.Items[0]
				if item.Result != c.result && (c.result != handler.ResultAccepted || item.Result != handler.ResultDuplicate) {
					t.Errorf("answered %+v, want %s", item, c.result)
				}
				refused := item.Answer.Outcome == decide.Refused && strings.Contains(item.Answer.Reason, "dedupeKey")
				if refused != (c.result == handler.ResultRefused) {
					t.Errorf("the answer is %+v", item.Answer)
				}
			}
			want := 1
			if c.result == handler.ResultAccepted {
				want = 2
			}
			tasks := r.State("i-1").Tasks
			if len(tasks) != want || tasks[task].Command.Run.Content != "true" {
				t.Errorf("%d tasks, %+v, want the first one as it was", len(tasks), tasks)
			}
		})
	}
}
