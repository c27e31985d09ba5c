package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"
)

// inText matches the fingerprint in a message for people.
var inText = regexp.MustCompile(`(?i)fingerprint[^0-9a-z]+([0-9a-z][0-9a-z_.-]*)`)

// fingerprint returns the value of a member named fingerprint, at any depth of a
// JSON body, or else what follows that word in its texts.
func fingerprint(body []byte) string {
	var value any
	if json.Unmarshal(body, &value) != nil {
		value = string(body)
	}
	named, written := search(value)
	if named != "" {
		return named
	}
	return written
}

func search(value any) (named, written string) {
	switch v := value.(type) {
	case string:
		if found := inText.FindStringSubmatch(v); found != nil {
			written = found[1]
		}
	case []any:
		for _, item := range v {
			n, w := search(item)
			named, written = first(named, n), first(written, w)
		}
	case map[string]any:
		for name, item := range v {
			n, w := search(item)
			if text, ok := item.(string); ok && strings.EqualFold(name, "fingerprint") {
				n = text
			}
			named, written = first(named, n), first(written, w)
		}
	}
	return named, written
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// line is a message in the file.
type line struct {
	Channel     string    `json:"channel"`
	At          time.Time `json:"at"`
	Verified    bool      `json:"verified"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	ID          string    `json:"id,omitempty"`
	Repeated    bool      `json:"repeated,omitempty"`
	Body        string    `json:"body"`
}

// appendLine adds a message to a file, if a file is set.
func appendLine(path string, m Message) error {
	if path == "" {
		return nil
	}
	text, err := json.Marshal(line{m.Channel, m.At, m.Verified, m.Fingerprint, m.ID, m.Repeated, string(m.Body)})
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open message file: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Close())
}

// load remembers the messages of the file. It cuts off a last line that a killed
// process did not finish.
func (s *Server) load() error {
	text, err := os.ReadFile(s.opt.File)
	if s.opt.File == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read message file: %w", err)
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	number := 0
	for text := range bytes.Lines(whole) {
		number++
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("read message file: %s:%d: %w", s.opt.File, number, err)
		}
		s.remember(Message{l.Channel, l.At, []byte(l.Body), l.Verified, l.Fingerprint, l.ID, l.Repeated})
	}
	if len(whole) < len(text) {
		return os.Truncate(s.opt.File, int64(len(whole)))
	}
	return nil
}
