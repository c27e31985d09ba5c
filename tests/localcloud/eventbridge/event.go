package eventbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of events. Source:
// https://www.alibabacloud.com/help/en/eventbridge/product-overview/limits
const (
	maxEventBytes  = 256 << 10
	maxBatchEvents = 16
	maxBatchBytes  = 1 << 20
	maxIDChars     = 128
	maxSourceChars = 128
	maxTypeChars   = 64
	maxSubject     = 512
)

// event is a CloudEvent in the JSON format, split into its attributes.
type event struct {
	attributes map[string]json.RawMessage
	id         string
}

var (
	attributeName = regexp.MustCompile(`^[a-z0-9]+$`)
	zoneName      = regexp.MustCompile(`[A-Z][a-z]+/[A-Z][A-Za-z_]+$`)
)

// parseEvent reads a CloudEvent and checks what every event must have.
func parseEvent(raw []byte) (event, error) {
	if len(raw) > maxEventBytes {
		return event{}, invalid("event has %d bytes, more than %d", len(raw), maxEventBytes)
	}
	if !utf8.Valid(raw) {
		return event{}, invalid("event is not valid UTF-8")
	}
	var e event
	if err := json.Unmarshal(raw, &e.attributes); err != nil || e.attributes == nil {
		return event{}, invalid("event is not a JSON object")
	}
	for name, limit := range map[string]int{"id": maxIDChars, "source": maxSourceChars, "type": maxTypeChars, "specversion": 3} {
		value, present, err := e.text(name)
		switch {
		case err != nil:
			return event{}, err
		case !present || value == "":
			return event{}, invalid("attribute %s is missing", name)
		case name == "specversion" && value != "1.0":
			return event{}, invalid("specversion is %q, not 1.0", value)
		case utf8.RuneCountInString(value) > limit:
			return event{}, invalid("attribute %s has more than %d characters", name, limit)
		}
	}
	e.id, _, _ = e.text("id")
	return e, nil
}

// checkCustom makes the checks that only custom events must pass: service events
// have times in forms of their own.
func (e event) checkCustom() error {
	for name := range e.attributes {
		switch {
		case name == "data_base64":
			return invalid("data_base64 is not supported: data must be JSON")
		case !attributeName.MatchString(name):
			return invalid("attribute name %q must be lower-case letters and digits", name)
		}
	}
	source, _, _ := e.text("source")
	if _, err := url.Parse(source); err != nil {
		return invalid("source is not a URI reference")
	}
	subject, _, err := e.text("subject")
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(subject) > maxSubject {
		return invalid("attribute subject has more than %d characters", maxSubject)
	}
	at, present, err := e.text("time")
	if err != nil {
		return err
	}
	// The vendor's own samples have a zone's name instead of an offset.
	if _, bad := time.Parse(time.RFC3339, zoneName.ReplaceAllString(at, "Z")); present && bad != nil {
		return invalid("time is not in the form of RFC 3339")
	}
	contentType, present, err := e.text("datacontenttype")
	if err != nil {
		return err
	}
	if media, _, bad := mime.ParseMediaType(contentType); present && (bad != nil || media != "application/json") {
		return invalid("datacontenttype must be application/json")
	}
	return nil
}

// text returns an attribute that must be a string if it is there.
func (e event) text(name string) (value string, present bool, err error) {
	raw, present := e.attributes[name]
	if !present {
		return "", false, nil
	}
	if json.Unmarshal(raw, &value) != nil || bytes.Equal(raw, []byte("null")) {
		return "", true, invalid("attribute %s is not a string", name)
	}
	return value, true, nil
}

// stamp sets the attributes that EventBridge adds. With keep, for a service
// event, it leaves those that the event already has.
func (e event) stamp(bus string, s *Server, keep bool) {
	for name, value := range map[string]string{
		"aliyunaccountid":    s.opt.Account,
		"aliyunpublishtime":  s.opt.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"aliyuneventbusname": bus,
		"aliyunregionid":     s.opt.Region,
	} {
		if _, present := e.attributes[name]; present && keep {
			continue
		}
		e.attributes[name], _ = json.Marshal(value)
	}
}

// encode returns the event as JSON, its values as they came.
func (e event) encode() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e.attributes); err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// Error is a refusal, as the HTTP surface answers it.
type Error struct {
	Status  int // of HTTP
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

var errTooLarge = &Error{413, "RequestTooLarge", "a request takes at most 1 MB"}

func notFound(code, format string, args ...any) *Error {
	return &Error{404, code, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *Error {
	return &Error{400, "InvalidEvent", strings.TrimSpace(fmt.Sprintf(format, args...))}
}
