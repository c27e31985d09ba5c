// Package inbox receives alerts on loopback in place of chat services: the
// webhooks of DingTalk, Lark (Feishu), WeCom and Slack, and a generic one. It
// checks signatures and limits the rate as those services do, answers in
// their words, and remembers what it accepted. Limits lists what it does not
// imitate.
//
// The addresses, which the methods of Server return in full:
//
//	POST /dingtalk/robot/send?access_token=TOKEN&timestamp=MS&sign=SIGN
//	POST /lark/open-apis/bot/v2/hook/TOKEN
//	POST /wecom/cgi-bin/webhook/send?key=KEY
//	POST /slack/services/TOKEN
//	POST /webhook
package inbox

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// Options say what a Server accepts. With an empty token or key, it accepts any;
// with an empty secret, it does not check signatures.
type Options struct {
	Listen access.Listen

	DingTalkToken  string
	DingTalkSecret string
	LarkToken      string
	LarkSecret     string
	WeComKey       string
	SlackToken     string // the part of the path behind /services/
	WebhookSecret  string

	// File gets a JSON line for each accepted message, if it is not empty.
	File string
	// Now is the clock of signatures and limits; time.Now if nil.
	Now func() time.Time
	// Faults plans failures of the calls "Webhook:" + channel, for example
	// "Webhook:dingtalk". A fault with Status 200 answers its Message as the
	// body, so that a service's own error can be planned.
	Faults *fault.Set
}

// The channels.
const (
	DingTalk = "dingtalk"
	Lark     = "lark"
	WeCom    = "wecom"
	Slack    = "slack"
	Webhook  = "webhook"
)

// Message is one accepted message.
type Message struct {
	Channel string
	At      time.Time // UTC
	Body    []byte
	// Verified means that the message had a correct signature.
	Verified bool
	// Fingerprint is the alert's, from the body; empty if the body has none.
	Fingerprint string
}

// Refusal is one message that the inbox answered with an error of the service.
type Refusal struct {
	Channel string
	At      time.Time // UTC
	Reason  string
}

// Server is a running inbox. It is safe for concurrent use.
type Server struct {
	opt  Options
	http *access.Server

	mu       sync.Mutex
	messages []Message
	refusals []Refusal
	// recent holds when the messages of the last minute came, by channel and
	// token.
	recent map[string][]time.Time
}

// paths are the addresses, for people.
const paths = `  /dingtalk/robot/send?access_token=TOKEN&timestamp=MS&sign=SIGN
  /lark/open-apis/bot/v2/hook/TOKEN
  /wecom/cgi-bin/webhook/send?key=KEY
  /slack/services/TOKEN
  /webhook`

// Start listens.
func Start(opt Options) (*Server, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	port, err := opt.Listen.Start("inbox")
	if err != nil {
		return nil, err
	}
	s := &Server{opt: opt, http: port, recent: make(map[string][]time.Time)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /dingtalk/robot/send", s.receive(dingTalk{}))
	mux.HandleFunc("POST /lark/open-apis/bot/v2/hook/{token}", s.receive(lark{}))
	mux.HandleFunc("POST /wecom/cgi-bin/webhook/send", s.receive(weCom{}))
	mux.HandleFunc("POST /slack/services/{token...}", s.receive(slack{}))
	mux.HandleFunc("POST /webhook", s.receive(generic{}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.Method+" "+r.URL.Path+" is not an address of the local inbox, which takes POST of\n"+paths, http.StatusNotFound)
	})
	port.Serve(mux)
	return s, nil
}

// Close ends the server and every connection.
func (s *Server) Close() error { return s.http.Close() }

// Endpoint is the base URL, without a slash at the end.
func (s *Server) Endpoint() string { return s.http.URL() }

// DingTalkURL is the address of the DingTalk robot, without timestamp and
// sign.
func (s *Server) DingTalkURL() string {
	return s.http.URL() + "/dingtalk/robot/send?access_token=" + url.QueryEscape(orAny(s.opt.DingTalkToken))
}

// LarkURL is the address of the Lark bot.
func (s *Server) LarkURL() string {
	return s.http.URL() + "/lark/open-apis/bot/v2/hook/" + url.PathEscape(orAny(s.opt.LarkToken))
}

// WeComURL is the address of the WeCom robot.
func (s *Server) WeComURL() string {
	return s.http.URL() + "/wecom/cgi-bin/webhook/send?key=" + url.QueryEscape(orAny(s.opt.WeComKey))
}

// SlackURL is the address of the Slack webhook.
func (s *Server) SlackURL() string {
	return s.http.URL() + "/slack/services/" + orAny(s.opt.SlackToken)
}

// WebhookURL is the address of the generic webhook.
func (s *Server) WebhookURL() string { return s.http.URL() + "/webhook" }

func orAny(token string) string {
	if token == "" {
		return "any"
	}
	return token
}

// Messages returns the accepted messages, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Refusals returns the messages that got an error of the service, in order,
// except those that a planned fault struck.
func (s *Server) Refusals() []Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Refusal(nil), s.refusals...)
}

// maxBody bounds a message's body in bytes; every service accepts less.
const maxBody = 1 << 20

// receive is the handler of one channel.
func (s *Server) receive(c channel) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		access.EntryOf(w).Call = "Webhook:" + c.name()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "body is cut off or too large", http.StatusRequestEntityTooLarge)
			return
		}
		strike := s.opt.Faults.Next("Webhook:" + c.name())
		fail := func(f *fault.Fault) {
			status := f.Status
			if status == 0 {
				status = http.StatusServiceUnavailable
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, f.Message) // the client may be gone
		}
		if strike.Before(r, fail) {
			return
		}
		a := s.take(c, r, body)
		if strike.After(r, fail) {
			return
		}
		if a.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", fmt.Sprint(math.Ceil(a.retryAfter.Seconds())))
		}
		w.Header().Set("Content-Type", a.contentType)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body) // the client may be gone
	}
}

// kept is how many messages and refusals are remembered.
const kept = 10_000

// newest drops the oldest of a full list.
func newest[T any](list []T) []T {
	if len(list) < kept {
		return list
	}
	return slices.Delete(list, 0, len(list)-kept+1)
}

// take judges a message and remembers it, or its refusal.
func (s *Server) take(c channel, r *http.Request, body []byte) answer {
	now := s.opt.Now().UTC()
	verified, refused := c.check(s.opt, r, body, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused == nil {
		refused = s.limit(c, r, now)
	}
	if refused != nil {
		s.refusals = append(newest(s.refusals), Refusal{c.name(), now, refused.reason})
		return *refused
	}
	m := Message{Channel: c.name(), At: now, Body: body, Verified: verified, Fingerprint: fingerprint(body)}
	if err := appendLine(s.opt.File, m); err != nil {
		return answer{status: http.StatusInternalServerError, contentType: "text/plain", body: err.Error()}
	}
	s.messages = append(newest(s.messages), m)
	return c.accepted()
}

// limit counts the messages of the last minute for one token; the caller
// holds mu.
func (s *Server) limit(c channel, r *http.Request, now time.Time) *answer {
	most := c.perMinute()
	if most == 0 {
		return nil
	}
	key := c.name() + " " + r.URL.Path + "?" + r.URL.Query().Get("access_token") + r.URL.Query().Get("key")
	kept := s.recent[key]
	for len(kept) > 0 && now.Sub(kept[0]) >= time.Minute {
		kept = kept[1:]
	}
	s.recent[key] = kept
	if len(kept) >= most {
		a := c.tooFast()
		a.retryAfter = time.Minute - now.Sub(kept[0])
		return &a
	}
	s.recent[key] = append(kept, now)
	return nil
}
