package handler

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
	"github.com/rs/zerolog"
)

// traced adds to a log the trace of an invocation, which is a root, and its span, as
// W3C Trace Context has them: 32 and 16 hex digits. Each try of a request has the same
// trace. If Function Compute traces the request, its trace is kept, and its span is the
// parent. What caused the invocation is in its lines: events, runs and tasks by their
// ids.
func traced(log zerolog.Logger, f *fccontext.FcContext) zerolog.Logger {
	sum := sha256.Sum256([]byte(f.RequestID))
	trace := hex.EncodeToString(sum[:16])
	sum = sha256.Sum256(fmt.Append(nil, f.RequestID, "/", f.RetryCount))
	with := log.With()
	if of, parent, ok := parentIn(f.Tracing.OpenTracingSpanContext); ok {
		trace, with = of, with.Str("parent_span_id", parent)
	}
	return with.Str("trace_id", trace).Str("span_id", hex.EncodeToString(sum[:8])).Logger()
}

// parentIn reads the span that Function Compute made of a request: in base64, the ids
// of the trace, the span and its parent, and flags, in hex with colons between them, as
// Jaeger has them. Not known: whether FC 3 sends it so. Without base64 it is read, too.
func parentIn(context string) (trace, span string, ok bool) {
	if plain, err := base64.StdEncoding.DecodeString(context); err == nil {
		context = string(plain)
	}
	parts := strings.Split(strings.TrimSpace(context), ":")
	if len(parts) != 4 || !isSpan(parts[0], 32) || !isSpan(parts[1], 16) {
		return "", "", false
	}
	return fmt.Sprintf("%032s", parts[0]), fmt.Sprintf("%016s", parts[1]), true
}

func isSpan(hex string, most int) bool {
	return hex != "" && len(hex) <= most && strings.Trim(hex, "0123456789abcdef") == "" && strings.Trim(hex, "0") != ""
}

// counted carries the requests of one invocation to a service, and counts them.
type counted struct {
	http.RoundTripper
	calls *atomic.Int64
	// busy counts the answers that ask for fewer; nil where others know that.
	busy *atomic.Int64
}

// RoundTrip carries a request.
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.calls.Add(1)
	resp, err := c.RoundTripper.RoundTrip(r)
	if c.busy != nil && err == nil && resp.StatusCode == http.StatusServiceUnavailable {
		c.busy.Add(1)
	}
	return resp, err
}
