package assistant

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// text is a string in an answer that may also come as a number or a boolean.
// Objects, arrays and null give an empty text.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch b[0] {
	case '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case '{', '[', 'n':
	default:
		*t = text(b)
	}
	return nil
}

// number returns t as an integer, or nil if it is not one.
func (t text) number() *int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(string(t)), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// timeForms are the forms in which the service's pages show times; all of
// them are UTC.
var timeForms = []string{time.RFC3339, "2006-01-02T15:04Z", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// time returns t as a time in UTC, or the zero time if it is not one.
func (t text) time() time.Time {
	for _, form := range timeForms {
		if at, err := time.Parse(form, string(t)); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
