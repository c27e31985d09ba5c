package cloud

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// record keeps every event that was put on the bus default, in a file of JSON
// lines so that it does not grow in memory.
type record struct {
	mu   sync.Mutex
	file *os.File
	size int64 // of what was written whole
}

func openRecord(path string) (*record, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	r := &record{file: file}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	// The next line overwrites one that an earlier process did not finish.
	r.size = int64(bytes.LastIndexByte(text, '\n') + 1)
	return r, nil
}

func (r *record) add(event []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, event); err != nil {
		return fmt.Errorf("record an event: %w", err)
	}
	line.WriteByte('\n')
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.file.WriteAt(line.Bytes(), r.size); err != nil {
		return fmt.Errorf("record an event: %w", err)
	}
	r.size += int64(line.Len())
	return nil
}

// events returns the events of a type and an instance; "" means any.
func (r *record) events(kind, instance string) ([]json.RawMessage, error) {
	r.mu.Lock()
	size := r.size
	r.mu.Unlock()
	out := []json.RawMessage{}
	lines := bufio.NewReader(io.NewSectionReader(r.file, 0, size))
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the recorded events: %w", err)
		}
		if e := readHead(line); (kind == "" || e.Type == kind) && (instance == "" || e.instance() == instance) {
			out = append(out, bytes.TrimSuffix(line, []byte("\n")))
		}
	}
}

func (r *record) Close() error { return r.file.Close() }

// head holds the fields by which events are selected.
type head struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		InstanceID string `json:"instanceId"`
		VMName     string `json:"vmName"`
		ResourceID string `json:"resourceId"`
	} `json:"data"`
}

func readHead(event []byte) head {
	var h head
	_ = json.Unmarshal(event, &h) // what is not there stays empty
	return h
}

// instance returns the instance of the event, from the field of its type.
func (h head) instance() string {
	for _, id := range []string{h.Data.InstanceID, h.Data.VMName} {
		if id != "" {
			return id
		}
	}
	return h.Data.ResourceID
}
