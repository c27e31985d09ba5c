package flowfile_test

import (
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/flowfile"
)

// manyFlows is a file of n flows like the shipped ones.
func manyFlows(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nflows:\n")
	for i := range n {
		fmt.Fprintf(&b, `
  - name: flow-%[1]d
    on: task-completed
    when: event.commandName == "command-%[1]d" && event.invocationStatus in ["Success", "Failed"] && event.exitCode >= 0
    steps:
      - id: collect
        run:
          type: RunShellScript
          content: |
            echo "host $host: $text"
            tail -n 100 /var/log/install.log
          timeout: 60s
          parameters:
            host: ${{ event.instanceId }}
            text: exit code ${{ event.exitCode }} at ${{ event.finishTime }}
`, i)
	}
	return []byte(b.String())
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{1, 10, 100, 500} {
		b.Run(fmt.Sprintf("flows=%d", n), func(b *testing.B) {
			src := manyFlows(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := flowfile.Read("flows.yaml", src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
