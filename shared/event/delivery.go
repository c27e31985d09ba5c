package event

import (
	"errors"
	"fmt"
	"strings"
)

// parser reads the data of one kind of event.
type parser struct {
	kind Kind
	// marks are fields that only the data of this kind has. They reveal the
	// kind of data that comes without its envelope.
	marks []string
	// parse returns a typed event, Ignored or Malformed, and never nil. The
	// caller sets Malformed.Raw.
	parse func(env Envelope, data object) Event
}

// parsers lists every kind that Aftercare handles.
var parsers = []parser{
	{KindTaskCompleted, []string{"invokeId", "invocationStatus"}, parseTaskCompleted},
	{KindFirstHeartbeat, []string{"vmName"}, parseFirstHeartbeat},
	{KindStateChange, []string{"resourceType"}, parseStateChange},
}

// delivery is an envelope and its data, which is decoded only if a parser wants
// it.
type delivery struct {
	Envelope
	// resource is the ARN of what the event is about; empty if not given.
	resource string
	data     func() (object, error)
}

// parseEvent reads one event, given as a valid JSON object.
func parseEvent(raw []byte) Event {
	if len(raw) > maxEventBytes {
		return Malformed{Reason: fmt.Sprintf("event is larger than %d bytes", maxEventBytes)}
	}
	if nesting(raw) > maxNesting {
		return Malformed{Reason: fmt.Sprintf("event is nested deeper than %d levels", maxNesting)}
	}
	o := objectOf("", raw)
	var d delivery
	var err error
	switch {
	case o.value("specversion") != nil, o.value("type") != nil && o.value("data") != nil:
		d, err = cloudEvent(o)
	case o.value("alert") != nil:
		d, err = cloudMonitorWebhook(o)
	case o.value("name") != nil && o.value("content") != nil:
		d, err = cloudMonitorEvent(o)
	default:
		d, err = bareData(o)
	}
	if err != nil {
		return Malformed{Reason: err.Error()}
	}
	return d.parse()
}

// cloudEvent reads CloudEvents 1.0 with EventBridge's extensions.
// Fields: https://alibabacloud.com/help/en/doc-detail/181428.html
// The subject is not read: the service's samples have a placeholder there.
func cloudEvent(o object) (delivery, error) {
	kind, err := o.word("type")
	if err != nil {
		return delivery{}, err
	}
	return delivery{
		Envelope: Envelope{
			ID:      o.text("id"),
			Source:  o.text("source"),
			Kind:    kindOf(kind),
			Account: account(o.text("aliyunaccountid")),
			Region:  o.text("aliyunregionid"),
			Time:    o.time("time"),
			Trace:   trace(o.text("traceparent")),
		},
		data: func() (object, error) { return o.needed("data") },
	}, nil
}

// trace returns the text if it is a traceparent of version 00, and "" otherwise.
func trace(text string) string {
	parts := strings.Split(text, "-")
	if len(parts) != 4 || parts[0] != "00" {
		return ""
	}
	for i, n := range []int{2, 32, 16, 2} {
		if len(parts[i]) != n || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return ""
		}
	}
	return text
}

// cloudMonitorEvent reads CloudMonitor's classic system event.
// Fields: https://help.aliyun.com/en/ecs/user-guide/overview-35
// Not known: whether a CloudAssistant event ever comes with other fields in
// its content than EventBridge's data has.
func cloudMonitorEvent(o object) (delivery, error) {
	kind, err := o.word("name")
	if err != nil {
		return delivery{}, err
	}
	return delivery{
		Envelope: Envelope{
			ID:      o.text("id"),
			Kind:    kindOf(kind),
			Account: account(o.text("userId")),
			Region:  o.text("regionId"),
			Time:    o.time("eventTime"),
		},
		resource: o.text("resourceId"),
		data:     func() (object, error) { return o.needed("content") },
	}, nil
}

// cloudMonitorWebhook reads what CloudMonitor's newer subscriptions post.
// Sample: https://www.alibabacloud.com/help/en/cms/cloudmonitor-1-0/user-guide/configure-callbacks-for-system-event-triggered-alerts-recommended
// Not known: what eventRawContent holds when it is not empty. Both the data
// and a whole classic event are accepted. The dedupId is not used as the id,
// because it may identify the alert instead of the event.
func cloudMonitorWebhook(o object) (delivery, error) {
	alert, err := o.needed("alert")
	if err != nil {
		return delivery{}, err
	}
	meta, _ := alert.object("meta")
	system, _ := meta.object("sysEventMeta")
	kind, err := alert.word("eventName")
	if err != nil {
		return delivery{}, err
	}
	d := delivery{
		Envelope: Envelope{
			ID:      first(system.text("id"), alert.text("traceId")),
			Kind:    kindOf(kind),
			Account: first(account(alert.text("userId")), account(o.text("userId"))),
			Region:  system.text("regionId"),
			Time:    system.time("eventTime"),
		},
		resource: first(alert.text("arn"), system.text("resourceId")),
		data:     func() (object, error) { return webhookData(alert) },
	}
	// The timestamps give the same moment, truncated to seconds.
	if d.Time.IsZero() {
		d.Time = alert.time("timestamp")
	}
	if d.Time.IsZero() {
		d.Time = o.time("time")
	}
	return d, nil
}

func webhookData(alert object) (object, error) {
	if data, ok := alert.object("eventContentMap"); ok && len(data.members) > 0 {
		return data, nil
	}
	data, ok := alert.object("eventRawContent")
	if !ok || len(data.members) == 0 {
		return object{}, errors.New("neither alert.eventContentMap nor alert.eventRawContent holds the event's data")
	}
	if content, ok := data.object("content"); ok && data.value("name") != nil {
		return content, nil
	}
	return data, nil
}

// bareData reads data without an envelope, as a rule with the JSONPath $.data
// delivers it, and recognizes the kind by its fields.
func bareData(o object) (delivery, error) {
	for _, p := range parsers {
		for _, mark := range p.marks {
			if o.value(mark) != nil {
				return delivery{
					Envelope: Envelope{Bare: true, Kind: p.kind},
					data:     func() (object, error) { return o, nil },
				}, nil
			}
		}
	}
	return delivery{}, errors.New("no event of a known form: it has neither specversion, nor type and data, nor name and content, nor alert, nor the fields of a known kind's data")
}

// parse completes the envelope from the data and lets the kind's parser read
// the rest.
func (d delivery) parse() Event {
	for _, p := range parsers {
		if p.kind != d.Kind {
			continue
		}
		if d.ID != "" && !validID(d.ID) {
			return Malformed{Reason: "the event's id " + wantID}
		}
		data, err := d.data()
		if err != nil {
			return Malformed{Reason: err.Error()}
		}
		d.completeFrom(data)
		if err := d.checkWords(); err != nil {
			return Malformed{Reason: err.Error()}
		}
		return p.parse(d.Envelope, data)
	}
	if err := d.checkWords(); err != nil {
		return Malformed{Reason: err.Error()}
	}
	return Ignored{Envelope: d.Envelope, Reason: "this kind of event is not handled"}
}

// checkWords bounds what goes into log lines and comparisons.
func (d delivery) checkWords() error {
	for _, w := range []struct{ name, value string }{
		{"source", d.Source}, {"account", d.Account}, {"region", d.Region},
	} {
		if len(w.value) > maxWordBytes {
			return fmt.Errorf("the event's %s is longer than %d bytes", w.name, maxWordBytes)
		}
	}
	return nil
}

// completeFrom takes the region from the data if the envelope has none.
func (d *delivery) completeFrom(data object) {
	if d.Region == "" {
		extensions, _ := data.object("extensions")
		d.Region = first(data.text("regionId"), extensions.text("region"), data.text("region"), regionOf(d.resource))
	}
}

// account returns an account's number; empty for a text that cannot be one,
// such as a mask or blanks.
func account(text string) string {
	text = strings.TrimSpace(text)
	if strings.Trim(text, "0123456789") != "" {
		return ""
	}
	return text
}

// regionOf returns the region of an ARN such as
// "acs:ecs:cn-hangzhou:1234:instance/i-1".
func regionOf(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 || parts[0] != "acs" {
		return ""
	}
	return parts[2]
}

func kindOf(name string) Kind { return Kind(strings.TrimPrefix(name, "ecs:")) }

// needed returns a member that must be an object; its error says what it is instead.
func (o object) needed(name string) (object, error) {
	member, ok := o.object(name)
	value := o.value(name)
	switch {
	case ok:
		return member, nil
	case value == nil:
		return object{}, fmt.Errorf("%s%s is missing", o.path, name)
	case value[0] == '"':
		return object{}, fmt.Errorf("%s%s is a string that does not hold an object", o.path, name)
	}
	return object{}, fmt.Errorf("%s%s is %s, not an object", o.path, name, typeOf(value))
}

func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
