package handler_test

import (
	"encoding/base64"
	"testing"

	"github.com/aliyun/fc-runtime-go-sdk/fccontext"

	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// TestAnInvocationIsARootOfATrace that its retries share, each with a span of its own,
// and keeps the trace in which Function Compute traces it.
func TestAnInvocationIsARootOfATrace(t *testing.T) {
	r := rigWith(t)
	const of, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	trace := func(retry int, context string) (ids [3]string) {
		t.Helper()
		ctx, cancel := r.Context()
		defer cancel()
		f, ok := fccontext.FromContext(ctx)
		if !ok {
			t.Fatal("there is no context of Function Compute")
		}
		again := *f
		again.RequestID, again.RetryCount, again.Tracing.OpenTracingSpanContext = "request-7", retry, context
		log := &rig.Log{}
		function, err := handler.NewWith("task-completed", r.Settings, log, r.Now)
		must(t, err)
		_, err = function.TaskCompleted(fccontext.NewContext(ctx, &again), []byte(`{}`))
		must(t, err)
		for _, line := range linesOf(t, log) {
			for i, name := range []string{"trace_id", "span_id", "parent_span_id"} {
				id, _ := line[name].(string)
				if ids[i] != "" && ids[i] != id {
					t.Errorf("lines of one invocation have the ids %s and %s", ids[i], id)
				}
				ids[i] = id
			}
		}
		return ids
	}
	first, second := trace(0, ""), trace(1, "")
	if len(first[0]) != 32 || len(first[1]) != 16 || first[0] != second[0] || first[1] == second[1] || first[2] != "" {
		t.Errorf("the ids are %v and %v, want one trace and two spans", first, second)
	}
	jaeger := of + ":" + parent + ":0:1"
	for _, context := range []string{jaeger, base64.StdEncoding.EncodeToString([]byte(jaeger))} {
		if got := trace(0, context); got[0] != of || got[2] != parent || got[1] != first[1] {
			t.Errorf("with %q the ids are %v", context, got)
		}
	}
	if got := trace(0, "c319c:31:0:1"); got[0] != "000000000000000000000000000c319c" || got[2] != "0000000000000031" {
		t.Errorf("short ids are %v", got)
	}
	for _, wrong := range []string{"x", "a:b:c", "0:1:0:1", "XY:1:0:1", of + "0:1:0:1", "::: "} {
		if got := trace(0, wrong); got != first {
			t.Errorf("with %q the ids are %v", wrong, got)
		}
	}
}
