package assistant_test

import (
	"net/http"
	"testing"

	"aftercare/shared/assistant"
	"aftercare/shared/engine"
)

func BenchmarkSend(b *testing.B) {
	cfg := assistant.Config{Region: "cn-test"}
	cfg.RoundTripper = carrier(func(*http.Request) (*http.Response, error) { return canned(200, `{"InvokeId":"t-1"}`), nil })
	c := client(b, cfg)
	for name, send := range map[string]engine.Send{"run": runSend(), "invoke": invokeSend()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Send(b.Context(), send); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
