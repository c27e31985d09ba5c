package event

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// maxIDBytes bounds an id, so that any three of them fit into a key.
	maxIDBytes = 128
	// maxWordBytes bounds what is written to every log line: EventBridge
	// allows 64 characters in a type and 128 in a source.
	maxWordBytes = 256
)

const wantID = "is not 1 to 128 printable ASCII characters without space and slash"

// text returns the first of the named fields that is a string or a number and
// not empty, or else "".
func (o object) text(names ...string) string {
	for _, name := range names {
		if s, _ := scalar(o.value(name)); s != "" {
			return s
		}
	}
	return ""
}

// scalar returns the text of a string, or the digits of a number.
func scalar(value []byte) (string, bool) {
	if len(value) == 0 {
		return "", false
	}
	switch c := value[0]; {
	case c == '"':
		return unquote(value), true
	case c == '-' || '0' <= c && c <= '9':
		return string(value), true
	}
	return "", false
}

// word returns a required field that is a string of 1 to maxWordBytes bytes.
func (o object) word(name string) (string, error) {
	value := o.value(name)
	if value == nil {
		return "", fmt.Errorf("%s%s is missing", o.path, name)
	}
	if value[0] != '"' {
		return "", fmt.Errorf("%s%s is %s, not a string", o.path, name, typeOf(value))
	}
	s := unquote(value)
	if s == "" {
		return "", fmt.Errorf("%s%s is empty", o.path, name)
	}
	if len(s) > maxWordBytes {
		return "", fmt.Errorf("%s%s is longer than %d bytes", o.path, name, maxWordBytes)
	}
	return s, nil
}

// id returns a required field that is valid as a part of a key.
func (o object) id(name string) (string, error) {
	s, err := o.word(name)
	if err != nil {
		return "", err
	}
	if !validID(s) {
		return "", fmt.Errorf("%s%s %s", o.path, name, wantID)
	}
	return s, nil
}

// validID reports whether s can be a part of a key. The service's samples have
// asterisks in their ids, so the set of characters cannot be narrower.
func validID(s string) bool {
	return s != "" && len(s) <= maxIDBytes && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' })
}

// integer returns a field that is a whole number, or a string that holds one.
func (o object) integer(name string) (n int64, ok bool) {
	s, ok := scalar(o.value(name))
	if !ok {
		return 0, false
	}
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	// Some writers turn 19000 into 19000.0 or 1.9e4.
	const exact = 1 << 53
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

// time returns the first of the named fields that is a time, or else zero.
func (o object) time(names ...string) time.Time {
	for _, name := range names {
		if s, ok := scalar(o.value(name)); ok {
			if t, ok := parseTime(s); ok {
				return t
			}
		}
	}
	return time.Time{}
}
