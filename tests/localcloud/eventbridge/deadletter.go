package eventbridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// DeadLetter is an event whose deliveries to one target all failed.
type DeadLetter struct {
	Time      time.Time       `json:"time"`
	Bus       string          `json:"bus"`
	Rule      string          `json:"rule"`
	Attempts  int             `json:"attempts"`
	LastError string          `json:"lastError"`
	Event     json.RawMessage `json:"event"`
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
