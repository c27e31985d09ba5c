package inbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

func dingTalkURL(s *inbox.Server, at time.Time, secret string) string {
	timestamp := fmt.Sprint(at.UnixMilli())
	sign := base64.StdEncoding.EncodeToString(mac(secret, timestamp+"\n"+secret))
	return s.DingTalkURL() + "&timestamp=" + timestamp + "&sign=" + url.QueryEscape(sign)
}

const text = `{"msgtype":"text","text":{"content":"hello"}}`

func TestDingTalk(t *testing.T) {
	s := start(t, inbox.Options{DingTalkToken: "tok", DingTalkSecret: "SEC1"})
	good := dingTalkURL(s, noon, "SEC1")
	for _, tt := range []struct {
		name, address, body string
		code                int
	}{
		{"a signed text", good, text, 0},
		{"a signed markdown", good, `{"msgtype":"markdown","markdown":{"title":"t","text":"x"}}`, 0},
		{"a signature that is an hour old", dingTalkURL(s, noon.Add(-time.Hour), "SEC1"), text, 0},
		{"a signature that is older", dingTalkURL(s, noon.Add(-time.Hour-time.Second), "SEC1"), text, 310000},
		{"a signature of the future", dingTalkURL(s, noon.Add(2*time.Hour), "SEC1"), text, 310000},
		{"another secret", dingTalkURL(s, noon, "SEC2"), text, 310000},
		{"no signature", s.DingTalkURL(), text, 310000},
		{"a timestamp in seconds", s.DingTalkURL() + fmt.Sprintf("&timestamp=%d&sign=x", noon.Unix()), text, 310000},
		{"another token", strings.Replace(good, "access_token=tok", "access_token=other", 1), text, 300005},
		{"no token", strings.Replace(good, "access_token=tok", "x=y", 1), text, 300005},
		{"no JSON", good, `hello`, 40035},
		{"a message of no kind", good, `{}`, 400105},
		{"a message of an unknown kind", good, `{"msgtype":"video"}`, 400105},
		{"a message that is too long", good, `{"msgtype":"text","text":{"content":"` + strings.Repeat("x", 20000) + `"}}`, 460101},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(s.Messages())
			res, answer := post(t, tt.address, tt.body, nil)
			var got struct {
				ErrCode int
				ErrMsg  string
			}
			if err := json.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatalf("answer %s: %v", answer, err)
			}
			if res.StatusCode != 200 || got.ErrCode != tt.code || got.ErrMsg == "" {
				t.Errorf("got %d %s, want errcode %d", res.StatusCode, answer, tt.code)
			}
			if accepted := len(s.Messages()) == before+1; accepted != (tt.code == 0) {
				t.Errorf("accepted is %v", accepted)
			}
		})
	}
	for _, m := range s.Messages() {
		if m.Channel != inbox.DingTalk || !m.Verified || !m.At.Equal(noon) {
			t.Errorf("message is %+v", m)
		}
	}
	if n := len(s.Refusals()); n != 11 {
		t.Errorf("%d refusals, want 11", n)
	}
}

func TestLark(t *testing.T) {
	s := start(t, inbox.Options{LarkToken: "tok", LarkSecret: "key"})
	signed := func(at time.Time, secret string) string {
		timestamp := fmt.Sprint(at.Unix())
		sign := base64.StdEncoding.EncodeToString(mac(timestamp+"\n"+secret, ""))
		return fmt.Sprintf(`{"timestamp":%q,"sign":%q,"msg_type":"text","content":{"text":"hello"}}`, timestamp, sign)
	}
	for _, tt := range []struct {
		name, address, body string
		code                int
	}{
		{"a signed text", s.LarkURL(), signed(noon, "key"), 0},
		{"a signature that is older than an hour", s.LarkURL(), signed(noon.Add(-time.Hour-time.Second), "key"), 19021},
		{"another secret", s.LarkURL(), signed(noon, "other"), 19021},
		{"no signature", s.LarkURL(), `{"msg_type":"text","content":{"text":"hello"}}`, 19021},
		{"another token", s.LarkURL() + "x", signed(noon, "key"), 19001},
		{"no JSON", s.LarkURL(), `hello`, 9499},
		{"no kind", s.LarkURL(), `{}`, 9499},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, answer := post(t, tt.address, tt.body, nil)
			var got struct{ Code int }
			if err := json.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatalf("answer %s: %v", answer, err)
			}
			if res.StatusCode != 200 || got.Code != tt.code {
				t.Errorf("got %d %s, want code %d", res.StatusCode, answer, tt.code)
			}
		})
	}
	if m := s.Messages(); len(m) != 1 || m[0].Channel != inbox.Lark || !m[0].Verified {
		t.Errorf("accepted %+v", m)
	}
}

func TestWeCom(t *testing.T) {
	s := start(t, inbox.Options{WeComKey: "key"})
	for _, tt := range []struct{ name, address, body, want string }{
		{"a text", s.WeComURL(), text, `{"errcode":0,"errmsg":"ok"}`},
		{"another key", s.WeComURL() + "x", text, `{"errcode":93000,"errmsg":"invalid webhook url"}`},
		{"no key", s.Endpoint() + "/wecom/cgi-bin/webhook/send", text, `{"errcode":93000,"errmsg":"invalid webhook url"}`},
		{"no JSON", s.WeComURL(), `hello`, `{"errcode":47001,"errmsg":"data format error"}`},
		{"no kind", s.WeComURL(), `{}`, `{"errcode":40008,"errmsg":"invalid message type"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if res, answer := post(t, tt.address, tt.body, nil); res.StatusCode != 200 || answer != tt.want {
				t.Errorf("got %d %s, want %s", res.StatusCode, answer, tt.want)
			}
		})
	}
	if m := s.Messages(); len(m) != 1 || m[0].Channel != inbox.WeCom || m[0].Verified {
		t.Errorf("accepted %+v", m)
	}
}

func TestSlack(t *testing.T) {
	s := start(t, inbox.Options{SlackToken: "T0/B0/X0"})
	for _, tt := range []struct {
		name, address, body string
		status              int
		want                string
	}{
		{"a text", s.SlackURL(), `{"text":"hello"}`, 200, "ok"},
		{"blocks", s.SlackURL(), `{"blocks":[{}]}`, 200, "ok"},
		{"another address", s.SlackURL() + "x", `{"text":"hello"}`, 403, "invalid_token"},
		{"no JSON", s.SlackURL(), `hello`, 400, "invalid_payload"},
		{"no text", s.SlackURL(), `{}`, 400, "no_text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, answer := post(t, tt.address, tt.body, nil)
			if res.StatusCode != tt.status || answer != tt.want || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, answer, tt.status, tt.want)
			}
		})
	}
}

func TestGenericWebhook(t *testing.T) {
	s := start(t, inbox.Options{WebhookSecret: "key"})
	const body = `{"fingerprint":"ab12","summary":"x"}`
	sign := func(at time.Time, secret, body string) string {
		t := fmt.Sprint(at.Unix())
		return "t=" + t + ",v1=" + hex.EncodeToString(mac(secret, t+"."+body))
	}
	for _, tt := range []struct {
		name, signature string
		status          int
	}{
		{"a right signature", sign(noon, "key", body), 200},
		{"no signature", "", 401},
		{"another secret", sign(noon, "other", body), 401},
		{"another body", sign(noon, "key", body+" "), 401},
		{"too old", sign(noon.Add(-2*time.Hour), "key", body), 401},
		{"no time", "v1=" + hex.EncodeToString(mac("key", "."+body)), 401},
		{"nonsense", "x", 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			header.Set("X-Aftercare-Signature", tt.signature)
			if res, answer := post(t, s.WebhookURL(), body, header); res.StatusCode != tt.status {
				t.Errorf("got %d %s, want %d", res.StatusCode, answer, tt.status)
			}
		})
	}
	if m := s.Messages(); len(m) != 1 || !m[0].Verified || string(m[0].Body) != body || m[0].Fingerprint != "ab12" {
		t.Errorf("accepted %+v", m)
	}
}

func TestWithoutSecretsEverythingIsAcceptedUnverified(t *testing.T) {
	s := start(t, inbox.Options{})
	for _, address := range []string{s.DingTalkURL(), s.LarkURL(), s.WeComURL(), s.SlackURL(), s.WebhookURL()} {
		post(t, address, `{"msgtype":"text","msg_type":"text","text":"hello"}`, nil)
	}
	got := s.Messages()
	if len(got) != 5 {
		t.Fatalf("accepted %d messages of 5; refusals: %+v", len(got), s.Refusals())
	}
	for _, m := range got {
		if m.Verified {
			t.Errorf("message of %s is verified", m.Channel)
		}
	}
}

func TestRateLimits(t *testing.T) {
	for _, tt := range []struct {
		channel string
		address func(*inbox.Server) string
		body    string
		most    int
		status  int
		want    string // beyond the limit
	}{
		{inbox.DingTalk, (*inbox.Server).DingTalkURL, text, 20, 200, `"errcode":130101`},
		{inbox.WeCom, (*inbox.Server).WeComURL, text, 20, 200, `"errcode":45009`},
		{inbox.Lark, (*inbox.Server).LarkURL, `{"msg_type":"text"}`, 100, 200, `"code":11232`},
		{inbox.Slack, (*inbox.Server).SlackURL, `{"text":"x"}`, 60, 429, "rate_limited"},
	} {
		t.Run(tt.channel, func(t *testing.T) {
			now := noon
			s := start(t, inbox.Options{Now: func() time.Time { return now }})
			for i := range tt.most {
				now = noon.Add(time.Duration(i) * 100 * time.Millisecond)
				post(t, tt.address(s), tt.body, nil)
			}
			if n := len(s.Messages()); n != tt.most {
				t.Fatalf("accepted %d messages, want %d", n, tt.most)
			}
			now = noon.Add(59 * time.Second)
			res, answer := post(t, tt.address(s), tt.body, nil)
			if res.StatusCode != tt.status || !strings.Contains(answer, tt.want) {
				t.Errorf("beyond the limit: %d %s, want %d %s", res.StatusCode, answer, tt.status, tt.want)
			}
			wantRetry := ""
			if tt.status == 429 {
				wantRetry = "1"
			}
			if retry := res.Header.Get("Retry-After"); retry != wantRetry {
				t.Errorf("Retry-After is %q, want %q", retry, wantRetry)
			}
			now = noon.Add(time.Minute)
			if post(t, tt.address(s), tt.body, nil); len(s.Messages()) != tt.most+1 {
				t.Error("not accepted after the first message was a minute old")
			}
		})
	}
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
			post(t, s.WebhookURL(), tt.body, nil)
			if m := s.Messages(); len(m) != 1 || m[0].Fingerprint != tt.want {
				t.Errorf("got %+v, want %q", m, tt.want)
			}
		})
	}
}

func TestMessagesAreWrittenToTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	s := start(t, inbox.Options{File: path})
	post(t, s.WebhookURL(), `{"fingerprint":"ab12"}`, nil)
	post(t, s.WeComURL(), text, nil)
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

func TestPlannedFaults(t *testing.T) {
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			var faults fault.Set
			s := start(t, inbox.Options{Faults: &faults})
			faults.Add(fault.Fault{Call: "Webhook:wecom", Mode: mode, Status: 200, Message: `{"errcode":-1,"errmsg":"busy"}`})
			client := http.Client{Transport: faults.Impatient(http.DefaultTransport)}
			res, err := client.Post(s.WeComURL(), "application/json", strings.NewReader(text))
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
