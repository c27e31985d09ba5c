package alert_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"aftercare/shared/decide"
)

// noon is what the injected clock says.
var noon = time.Date(2025, 3, 4, 12, 0, 0, 123_000_000, time.UTC)

func clock() time.Time { return noon }

func sample() decide.Alert {
	code := int64(3)
	return decide.Alert{
		Fingerprint: "9c1f0a",
		Kind:        decide.AlertExecution,
		Summary:     "install-agent failed; nothing follows",
		InstanceID:  "i-sh4web0017",
		Region:      "cn-shanghai",
		CommandName: "install-agent",
		InvokeID:    "t-sh01install77",
		TaskID:      "task-1",
		Flow:        "after-install",
		Status:      "Failed",
		ExitCode:    &code,
		ErrorCode:   "ExitCodeNonzero",
		ErrorDesc:   "the script ended with a code other than zero",
		At:          time.Date(2025, 3, 4, 5, 0, 9, 875_000_000, time.UTC),
	}
}

// received is one request as a receiver saw it.
type received struct {
	path   string
	query  map[string][]string
	header http.Header
	body   []byte
}

// receiver answers every request with this status and body, and keeps them.
func receiver(t *testing.T, status int, answer string) (address string, requests chan received) {
	t.Helper()
	requests = make(chan received, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- received{r.URL.Path, r.URL.Query(), r.Header.Clone(), body}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// filled is an alert that has the text in every field.
func filled(text string) decide.Alert {
	a := sample()
	for _, field := range []*string{
		&a.Fingerprint, &a.Summary, &a.InstanceID, &a.Region, &a.CommandName, &a.InvokeID,
		&a.TaskID, &a.Flow, &a.Status, &a.ErrorCode, &a.ErrorDesc,
	} {
		*field = text
	}
	a.Kind = decide.AlertKind(text)
	a.Requeued = true
	return a
}
