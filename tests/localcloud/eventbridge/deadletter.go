package eventbridge

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// DeadLetter is an event whose deliveries to one target all failed.
type DeadLetter struct {
	Time   time.Time `json:"time"`
	Bus    string    `json:"bus"`
	Rule   string    `json:"rule"`
	Target string    `json:"target"`
	// Queue is the target's dead-letter queue. It is empty if the target has
	// none: the real EventBridge drops such an event.
	Queue     string          `json:"queue,omitempty"`
	Attempts  int             `json:"attempts"`
	LastError string          `json:"lastError"`
	Event     json.RawMessage `json:"event"`
}

// giveUp puts an event where the target's dead letters go: on a bus, or into the
// file.
func (s *Server) giveUp(t *task, to *target) {
	letter := DeadLetter{
		Time: s.opt.Now().UTC(), Bus: t.Bus, Rule: t.Rule, Target: t.Target, Queue: to.spec.queue(),
		Attempts: t.Attempts, LastError: t.LastError, Event: t.Event,
	}
	if bus := busOf(letter.Queue); bus != "" && s.putDeadLetter(bus, letter, t.Copy) == nil {
		return
	}
	s.letters.add(letter)
}

// typeDeadLetter is the type of the events on a dead-letter bus, whose form no
// page of the vendor describes: it is this package's own.
const typeDeadLetter = "eventbridge:DeadLetter:Event"

// putDeadLetter puts a dead letter on a bus. A restart between this and the
// delivery's end puts it again, with the same id.
func (s *Server) putDeadLetter(bus string, letter DeadLetter, number int) error {
	id := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d\n%s", letter.Bus, letter.Rule, letter.Target, number, letter.Event))
	raw, err := json.Marshal(map[string]any{
		"id": hex.EncodeToString(id[:16]), "source": "acs.eventbridge", "specversion": "1.0", "type": typeDeadLetter,
		"datacontenttype": "application/json", "time": letter.Time.Format(time.RFC3339), "subject": s.ruleARN(letter.Bus, letter.Rule),
		"data": map[string]any{
			"event": letter.Event, "eventBusName": letter.Bus, "ruleName": letter.Rule, "targetId": letter.Target,
			"attempts": letter.Attempts, "errorMessage": letter.LastError,
		},
	})
	if err != nil {
		return fmt.Errorf("encode dead letter: %w", err)
	}
	e := event{}
	if err := json.Unmarshal(raw, &e.attributes); err != nil {
		return fmt.Errorf("encode dead letter: %w", err)
	}
	e.stamp(bus, s, false)
	return s.accept(bus, e)
}

// letters holds the dead letters of a server: a file, and the number of those
// that did not get into a file.
type letters struct {
	path string

	mu      sync.Mutex
	dropped int
}

func (l *letters) add(letter DeadLetter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.path == "" || l.write(letter) != nil {
		l.dropped++
	}
}

func (l *letters) write(letter DeadLetter) error {
	line, err := json.Marshal(letter)
	if err != nil {
		return fmt.Errorf("encode dead letter: %w", err)
	}
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open dead-letter file: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// Dropped returns how many events were given up without reaching a dead-letter
// file.
func (s *Server) Dropped() int {
	s.letters.mu.Lock()
	defer s.letters.mu.Unlock()
	return s.letters.dropped
}
