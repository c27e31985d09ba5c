package inbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/inbox"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, opt inbox.Options) *inbox.Server {
	t.Helper()
	if opt.Now == nil {
		opt.Now = func() time.Time { return noon }
	}
	s, err := inbox.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func post(t *testing.T, address, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(data)
}

func mac(key, message string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(message))
	return h.Sum(nil)
}

func TestFingerprintIsFoundInEveryForm(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"a member", `{"fingerprint":"ab12"}`, "ab12"},
		{"a nested member", `{"alerts":[{"Fingerprint":"ab12"}]}`, "ab12"},
		{"a line of markdown", `{"msgtype":"markdown","markdown":{"text":"### Alert\n- **Fingerprint:** ab12\n"}}`, "ab12"},
		{"a line of text", `{"text":"Fingerprint: ab12"}`, "ab12"},
		{"a member wins over a text", `{"summary":"fingerprint is cd34","z":{"fingerprint":"ab12"}}`, "ab12"},
		{"a body that is no JSON", "hello, fingerprint=ab12!", "ab12"},
		{"none", `{"text":"hello"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, inbox.Options{})
			post(t, s.URL(inbox.Webhook), tt.body, nil)
			if m := s.Messages(); len(m) != 1 || m[0].Fingerprint != tt.want {
				t.Errorf("got %+v, want %q", m, tt.want)
			}
		})
	}
}

func TestMessagesAreWrittenToTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	s := start(t, inbox.Options{File: path})
	post(t, s.URL(inbox.Webhook), `{"fingerprint":"ab12"}`, nil)
	post(t, s.URL(inbox.WeCom), text, nil)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"channel":"webhook","at":"2026-05-01T12:00:00Z","verified":false,"fingerprint":"ab12","body":"{\"fingerprint\":\"ab12\"}"}` + "\n" +
		`{"channel":"wecom","at":"2026-05-01T12:00:00Z","verified":false,"body":"{\"msgtype\":\"text\",\"text\":{\"content\":\"hello\"}}"}` + "\n"
	if string(data) != want {
		t.Errorf("file is\n%swant\n%s", data, want)
	}
}

func TestMessagesOfTheFileAreThereAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	s := start(t, inbox.Options{File: path})
	header := http.Header{"Webhook-Id": {"msg_1"}}
	post(t, s.URL(inbox.Webhook), "hello", header)
	post(t, s.URL(inbox.Webhook), "hello", header)
	want := s.Messages()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"channel":"web`...), 0o600); err != nil {
		t.Fatal(err)
	}
	s = start(t, inbox.Options{File: path})
	if diff := cmp.Diff(s.Messages(), want); diff != "" || !want[1].Repeated {
		t.Errorf("got (-) differs from want (+):\n%s", diff)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != string(whole) {
		t.Errorf("the unfinished line is still in\n%s%v", text, err)
	}
	if err := os.WriteFile(path, []byte("{}\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.Start(inbox.Options{File: path}); err == nil || !strings.Contains(err.Error(), path+":2: ") {
		t.Errorf("got %v, want an error with line 2", err)
	}
}

func TestAPageWithAHeaderCanBePlanned(t *testing.T) {
	var faults fault.Set
	s := start(t, inbox.Options{Faults: &faults})
	faults.Add(fault.Fault{Call: "Webhook:lark", Mode: fault.ErrorBefore, Status: 200, Message: "<html>sorry</html>"})
	faults.Add(fault.Fault{Call: "Webhook:slack", Mode: fault.ErrorBefore, Status: 429, Message: "rate_limited", Header: map[string]string{"Retry-After": "30"}})
	res, answer := post(t, s.URL(inbox.Lark), larkText, nil)
	if res.StatusCode != 200 || answer != "<html>sorry</html>" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("got %d %s %v", res.StatusCode, answer, res.Header)
	}
	if res, answer = post(t, s.URL(inbox.Slack), `{"text":"x"}`, nil); res.StatusCode != 429 || answer != "rate_limited" || res.Header.Get("Retry-After") != "30" {
		t.Errorf("got %d %s %v", res.StatusCode, answer, res.Header)
	}
	if n := len(s.Messages()) + len(s.Refusals()); n != 0 {
		t.Errorf("%d messages arrived", n)
	}
}

func TestPlannedFaults(t *testing.T) {
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			var faults fault.Set
			s := start(t, inbox.Options{Faults: &faults})
			faults.Add(fault.Fault{Call: "Webhook:wecom", Mode: mode, Status: 200, Message: `{"errcode":-1,"errmsg":"busy"}`})
			client := http.Client{Transport: faults.Impatient(http.DefaultTransport)}
			res, err := client.Post(s.URL(inbox.WeCom), "application/json", strings.NewReader(text))
			if answered := mode == fault.ErrorBefore || mode == fault.ErrorAfter; answered != (err == nil) {
				t.Fatalf("got error %v", err)
			}
			if err == nil {
				data, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if string(data) != `{"errcode":-1,"errmsg":"busy"}` {
					t.Errorf("answer is %s", data)
				}
			}
			after := mode == fault.ErrorAfter || mode == fault.CutAfter || mode == fault.HangAfter
			if accepted := len(s.Messages()) == 1; accepted != after {
				t.Errorf("accepted is %v, want %v", accepted, after)
			}
		})
	}
}

func TestLimitsAreSentences(t *testing.T) {
	for _, limit := range inbox.Limits() {
		if !strings.HasSuffix(limit, ".") {
			t.Errorf("%q is no sentence", limit)
		}
	}
}
