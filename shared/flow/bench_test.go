package flow_test

import (
	"fmt"
	"testing"

	"aftercare/shared/flow"
)

// manyFlows is n flows such as people write. The first is for the event of
// ended.
func manyFlows(n int) []flow.Definition {
	var flows []flow.Definition
	for i := range n {
		command := fmt.Sprintf("command-%d", i)
		if i == 0 {
			command = "install-agent"
		}
		d := definition(runStep("collect", "host", "${{ event.instanceId }}", "text", "exit code ${{ event.exitCode }} at ${{ event.finishTime }}"))
		d.Name = fmt.Sprintf("flow-%d", i)
		d.When = fmt.Sprintf(`event.commandName == "%s" && event.invocationStatus in ["Success", "Failed"] && event.exitCode >= 0`, command)
		flows = append(flows, d)
	}
	return flows
}

func stored(t testing.TB, flows []flow.Definition) []byte {
	t.Helper()
	text, err := flow.Store(flows)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func load(t testing.TB, text []byte) *flow.Set {
	t.Helper()
	set, err := flow.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 100, 500} {
		b.Run(fmt.Sprintf("flows=%d", n), func(b *testing.B) {
			set := load(b, stored(b, manyFlows(n)))
			set.Match(ended(), instance, 0)
			b.ReportAllocs()
			for b.Loop() {
				if got := set.Match(ended(), instance, 0); !got[0].Matched {
					b.Fatal(got[0].Reason)
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	text := stored(b, manyFlows(500))
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		load(b, text)
	}
}

func BenchmarkFirstMatchAfterLoad(b *testing.B) {
	text := stored(b, manyFlows(500))
	b.ReportAllocs()
	for b.Loop() {
		if got := load(b, text).Match(ended(), instance, 0); !got[0].Matched {
			b.Fatal(got[0].Reason)
		}
	}
}

func BenchmarkBegin(b *testing.B) {
	d := definition(runStep("collect", "host", "${{ event.instanceId }}"))
	b.ReportAllocs()
	for b.Loop() {
		r := flow.NewRun("run-1", d, ended(), 0)
		if got := r.Begin(at(0)); len(got) != 1 {
			b.Fatal(got)
		}
	}
}
