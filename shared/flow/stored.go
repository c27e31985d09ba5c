package flow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
)

// storedFormat is the version of the stored form. [8]
const storedFormat = "aftercare-flows-1"

// The stored form is lines of JSON: a head, and for each flow what is needed
// to know whether it starts, and its definition. Loading it only finds the
// lines, so that a function starts as fast with 500 flows as with one.

// storedHead is the first line.
type storedHead struct {
	Format string `json:"format"`
	// Bytes and Sum, a CRC-32C, cover everything after this line.
	Bytes int    `json:"bytes"`
	Sum   uint32 `json:"sum"`
}

// Store returns the stored form of a file's flows.
func Store(flows []Definition) ([]byte, error) {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	lines.SetEscapeHTML(false)
	for _, d := range flows {
		for _, line := range []any{newHead(d), d} {
			if err := lines.Encode(line); err != nil {
				return nil, fmt.Errorf("store flow %s: %w", d.Name, err)
			}
		}
	}
	first, err := json.Marshal(storedHead{Format: storedFormat, Bytes: body.Len(), Sum: sum(body.Bytes())})
	if err != nil {
		return nil, fmt.Errorf("store flows: %w", err)
	}
	return append(append(first, '\n'), body.Bytes()...), nil
}

// versionOf names what a stored form holds. [73]
func versionOf(stored []byte) string {
	_, body, _ := bytes.Cut(stored, []byte{'\n'})
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:6])
}

func sum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

var errDamaged = errors.New("the stored flows are damaged or were cut: compile them again")

// Load reads the stored form. The error says what to do about it.
func Load(stored []byte) (*Set, error) {
	first, body, _ := bytes.Cut(stored, []byte{'\n'})
	var h storedHead
	if err := json.Unmarshal(first, &h); err != nil {
		return nil, errors.New("this is not the stored form of flows: make it with 'aftercare flows compile'")
	}
	switch {
	case h.Format != storedFormat:
		return nil, fmt.Errorf("these flows were stored by another version (%.40q, this one reads %s): compile them again", h.Format, storedFormat)
	case h.Bytes != len(body) || h.Sum != sum(body):
		return nil, errDamaged
	}
	lines := bytes.Split(bytes.TrimSuffix(body, []byte{'\n'}), []byte{'\n'})
	switch {
	case len(body) == 0:
		lines = nil
	case len(lines)%2 != 0:
		return nil, errDamaged
	}
	return newSet(len(lines)/2, func() string { return versionOf(stored) }, func(i int) *compiledFlow {
		return loadFlow(lines[2*i], lines[2*i+1])
	}), nil
}

// loadFlow reads a flow's head. An unreadable flow never starts and gives that
// as its reason: the lines passed their check, so Store wrote it wrong.
func loadFlow(first, definition []byte) *compiledFlow {
	f := &compiledFlow{definition: func() (d Definition, err error) {
		if err := json.Unmarshal(definition, &d); err != nil {
			return d, errors.New("its stored definition cannot be read: compile the flows again")
		}
		return d, nil
	}}
	if err := json.Unmarshal(first, &f.head); err != nil {
		f.Name, f.On = "unreadable", allKinds
		f.once.Do(func() { f.err = errors.New("its stored form cannot be read: compile the flows again") })
	}
	return f
}
