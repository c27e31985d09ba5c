package eventbridge

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The content types of the structured and the batched content mode. Any other
// one belongs to the data in binary mode. Source:
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

// readEvents reads the events of a request, in any content mode, as JSON.
func readEvents(w http.ResponseWriter, r *http.Request) ([]json.RawMessage, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err == nil && charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, unsupported("events must be in UTF-8")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBatchBytes))
	if err != nil {
		return nil, errTooLarge
	}
	switch media {
	case structured:
		return []json.RawMessage{body}, nil
	case batched:
		return readBatch(body)
	}
	event, err := readBinary(r.Header, media, body)
	return []json.RawMessage{event}, err
}

// readBatch reads an array of events, without checking each.
func readBatch(body []byte) ([]json.RawMessage, error) {
	var events []json.RawMessage
	if err := json.Unmarshal(body, &events); err != nil || len(events) == 0 {
		return nil, invalid("a batch must be a JSON array of events")
	}
	if len(events) > maxBatchEvents {
		return nil, invalid("a batch has %d events, more than %d", len(events), maxBatchEvents)
	}
	return events, nil
}

// readBinary turns an event in binary mode into JSON: the headers ce-* are its
// attributes, Content-Type is its data's type, and the body is the data.
func readBinary(header http.Header, media string, body []byte) (json.RawMessage, error) {
	e := event{attributes: map[string]json.RawMessage{}}
	for name, values := range header {
		name = strings.ToLower(name)
		attribute, ok := strings.CutPrefix(name, "ce-")
		if !ok {
			continue
		}
		value, valid := headerValue(values[0])
		switch {
		case attribute == "data" || attribute == "datacontenttype":
			return nil, invalid("header %s is not allowed: the body is the data, and Content-Type its type", name)
		case len(values) > 1:
			return nil, invalid("header %s is given more than once", name)
		case !valid:
			return nil, invalid("header %s is not UTF-8, with %%25 for %%", name)
		}
		e.attributes[attribute], _ = json.Marshal(value)
	}
	contentType := header.Get("Content-Type")
	switch {
	case len(e.attributes) == 0:
		return nil, unsupported("there is no event: the content type is neither " + structured + " nor " + batched + ", and no header ce-* is given")
	case contentType == "" && len(body) == 0:
		return e.encode()
	case media != "application/json":
		return nil, unsupported("content type must be application/json, " + structured + " or " + batched)
	}
	e.attributes["datacontenttype"], _ = json.Marshal(contentType)
	if len(body) > 0 {
		if !json.Valid(body) {
			return nil, invalid("the body is not JSON, as its content type says")
		}
		e.attributes["data"] = body
	}
	return e.encode()
}

var escaped = regexp.MustCompile(`\\(.)`)

// headerValue returns the attribute's value in a header: older versions of the
// binding quote it, newer ones percent-encode it.
func headerValue(text string) (value string, valid bool) {
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		text = escaped.ReplaceAllString(text[1:len(text)-1], "$1")
	}
	value, err := url.PathUnescape(text)
	return value, err == nil && utf8.ValidString(value)
}

func unsupported(message string) *Error { return &Error{415, "UnsupportedMediaType", message} }
