// Package inbox receives alerts on loopback in place of the services that people
// read them in: the chat robots of DingTalk, Lark (Feishu), WeCom and Slack,
// PagerDuty, an Alertmanager, and any receiver of Standard Webhooks. It checks
// signatures, words, sizes and rates as those services do, answers in their
// words, remembers what it accepted and refused, and shows it on a page. Limits
// lists what it does not imitate.
//
// The addresses, which Server.URL returns in full:
//
//	POST /dingtalk/robot/send?access_token=TOKEN&timestamp=MS&sign=SIGN
//	POST /lark/open-apis/bot/v2/hook/TOKEN
//	POST /wecom/cgi-bin/webhook/send?key=TOKEN
//	POST /slack/services/TOKEN
//	POST /pagerduty/v2/enqueue
//	POST /alertmanager/api/v2/alerts
//	POST /webhook
//	GET  /                                the page
package inbox

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// Options say what a Server accepts.
type Options struct {
	Listen access.Listen
	// Channels are the settings of channels, by name. A channel that is missing
	// accepts any token and checks no signature.
	Channels map[string]Channel
	// File gets a JSON line for each accepted message, if it is not empty. Start
	// reads those that are there.
	File string
	// Now is the clock of signatures, limits and alerts; time.Now if nil.
	Now func() time.Time
	// Faults plans failures of the calls "Webhook:" + channel, for example
	// "Webhook:dingtalk". A fault with a Status answers its Message as the body,
	// with its Header, so a service's own error can be planned, or a page.
	Faults *fault.Set
}

// Message is one accepted message.
type Message struct {
	Channel string
	At      time.Time // UTC
	Body    []byte
	// Verified means that the message had a correct signature.
	Verified bool
	// Fingerprint is the alert's, from the body; empty if the body has none.
	Fingerprint string
	// ID is the header webhook-id, and Repeated means that an earlier message
	// had the same. Only the channel webhook has ids.
	ID       string
	Repeated bool
}

// Refusal is one message that the inbox answered with an error of the service.
type Refusal struct {
	Channel string
	At      time.Time // UTC
	Code    string    // in the answer's body, or its HTTP status
	Reason  string
	Body    []byte
}

// Server is a running inbox. It is safe for concurrent use.
type Server struct {
	opt  Options
	http *access.Server

	mu        sync.Mutex
	messages  []Message
	refusals  []Refusal
	paces     map[string]*pace // by channel and token
	incidents []Incident
	alerts    []Alert
}

// Start listens. It fails for settings that a channel does not have.
func Start(opt Options) (*Server, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	for _, name := range slices.Sorted(maps.Keys(opt.Channels)) {
		if err := opt.Channels[name].Check(name); err != nil {
			return nil, fmt.Errorf("start the inbox: %w", err)
		}
	}
	s := &Server{opt: opt, paces: map[string]*pace{}}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("start the inbox: %w", err)
	}
	port, err := opt.Listen.Start("inbox")
	if err != nil {
		return nil, err
	}
	s.http = port
	mux := http.NewServeMux()
	var paths strings.Builder
	for _, v := range vendors {
		mux.HandleFunc("POST "+v.pattern, s.receive(v))
		paths.WriteString("  " + v.pattern + "\n")
	}
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.Method+" "+r.URL.Path+" is not an address of the local inbox, which shows at / what arrived, and takes POST of\n"+
			paths.String(), http.StatusNotFound)
	})
	port.Serve(mux)
	return s, nil
}

// Close ends the server and every connection.
func (s *Server) Close() error { return s.http.Close() }

// Endpoint is the base URL, without a slash at the end.
func (s *Server) Endpoint() string { return s.http.URL() }

// URL is the address of a channel, with its token but without what a signature
// adds. It panics if there is no such channel.
func (s *Server) URL(channel string) string {
	token := s.opt.Channels[channel].Token
	if token == "" {
		token = "any"
	}
	return s.http.URL() + vendorOf(channel).path(token)
}

// Messages returns the accepted messages, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Refusals returns the messages that got an error of the service, in order,
// except those that a planned fault struck. An Alertmanager that takes only some
// of the alerts in a message has it here and in Messages.
func (s *Server) Refusals() []Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refusals)
}

// maxBody bounds a message's body in bytes; every service accepts less.
const maxBody = 1 << 20

// receive is the handler of one channel.
func (s *Server) receive(v *vendor) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		entry := access.EntryOf(w)
		entry.Call = "Webhook:" + v.name
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "body is cut off or too large", http.StatusRequestEntityTooLarge)
			return
		}
		strike := s.opt.Faults.Next(entry.Call)
		fail := func(f *fault.Fault) {
			for name, value := range f.Header {
				w.Header().Set(name, value)
			}
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
		a := s.take(v, r, body)
		if strike.After(r, fail) {
			return
		}
		if a.reason != "" {
			entry.Code = a.code
		}
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body) // the client may be gone
	}
}

// take judges a message and remembers it, or its refusal.
func (s *Server) take(v *vendor, r *http.Request, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{Request: r, body: body, now: s.opt.Now().UTC(), channel: v.settings(s.opt.Channels[v.name])}
	a := v.judge(c)
	if c.stored != nil {
		if wait := s.pace(v, c).take(c.channel, c.now); wait > 0 {
			a, c.stored = v.tooFast(c, wait), nil
		}
	}
	if c.stored != nil {
		m := Message{Channel: v.name, At: c.now, Body: c.stored, Verified: c.verified, Fingerprint: fingerprint(c.stored), ID: c.id}
		m.Repeated = m.ID != "" && slices.ContainsFunc(s.messages, func(old Message) bool { return old.ID == m.ID })
		if err := appendLine(s.opt.File, m); err != nil {
			return plain(http.StatusInternalServerError, err.Error())
		}
		s.remember(m)
	}
	if a.reason != "" {
		s.refusals = append(newest(s.refusals), Refusal{v.name, c.now, a.code, a.reason, body})
	}
	return a
}

// remember keeps an accepted message, and applies it; the caller holds mu.
func (s *Server) remember(m Message) {
	s.messages = append(newest(s.messages), m)
	switch m.Channel {
	case PagerDuty:
		s.applyEvent(m)
	case Alertmanager:
		s.applyAlerts(m)
	}
}

// kept is how many messages, refusals, incidents and alerts are remembered.
const kept = 10_000

// newest drops the oldest of a full list.
func newest[T any](list []T) []T {
	if len(list) < kept {
		return list
	}
	return slices.Delete(list, 0, len(list)-kept+1)
}
