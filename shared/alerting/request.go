package alerting

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/handler"
	"aftercare/shared/routing"
	"aftercare/shared/transport"
)

// Request is what an operator asks of the function: one of its first three fields.
type Request struct {
	Silence *SilenceRequest `json:"silence,omitempty"`
	// Expire is the id of a silence that ends now.
	Expire string `json:"expire,omitempty"`
	// Test is the name of a channel that gets a sample.
	Test string `json:"test,omitempty"`

	// DedupeKey makes a repeated silence the same one.
	DedupeKey   string `json:"dedupeKey,omitempty"`
	SubmittedBy string `json:"submittedBy,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// SilenceRequest says what is silenced: what matches until a time, or the repeats of an
// alert, which is a group's key.
type SilenceRequest struct {
	Match *routing.Match `json:"match,omitempty"`
	Until time.Time      `json:"until,omitzero"`
	Alert string         `json:"alert,omitempty"`
}

// Silenced is the detail of the answer to a silence and to its end.
type Silenced struct {
	routing.Silence
	// Over: it had ended before.
	Over bool `json:"over,omitempty"`
}

// The most characters of who asks and why, as in a submission.
const (
	mostBy     = 128
	mostReason = 512
)

// requested carries out what an operator asks; ok is false if the payload asks nothing,
// such as a timer's.
func (d *desk) requested(ctx context.Context, payload []byte, clients alert.Clients, v handler.Invocation) (item handler.Item, ok bool, err error) {
	var asked map[string]json.RawMessage
	_ = json.Unmarshal(payload, &asked) // then nothing is asked
	if asked["silence"] == nil && asked["expire"] == nil && asked["test"] == nil {
		return handler.Item{}, false, nil
	}
	var r Request
	strict := json.NewDecoder(bytes.NewReader(payload))
	strict.DisallowUnknownFields() // without what is unknown, a silence would silence too much
	if err := strict.Decode(&r); err != nil {
		return refused("the request cannot be read: use the tool and the functions of one version"), true, nil
	}
	switch {
	case utf8.RuneCountInString(r.SubmittedBy) > mostBy || utf8.RuneCountInString(r.Reason) > mostReason:
		item = refused(fmt.Sprintf("the author has at most %d characters, and the reason %d", mostBy, mostReason))
	case r.Test != "":
		item, err = d.test(ctx, r.Test, clients, v)
	case r.Expire != "":
		item, err = d.expire(ctx, r, v)
	case r.Silence != nil && r.DedupeKey == "":
		item = refused("dedupeKey is missing")
	case r.Silence != nil:
		item, err = d.silence(ctx, r, v)
	default:
		item = refused("it asks for nothing")
	}
	return item, true, err
}

func refused(why string) handler.Item {
	return handler.Item{Result: handler.ResultRefused, Reason: why}
}

// detailed is an item with the detail of an answer.
func detailed(result, reason string, detail any) (handler.Item, error) {
	data, err := json.Marshal(detail)
	return handler.Item{Result: result, Reason: reason, Detail: data}, err
}

// silence stores a silence or an acknowledgement.
func (d *desk) silence(ctx context.Context, r Request, v handler.Invocation) (handler.Item, error) {
	now := d.now()
	s := routing.Silence{
		ID: decide.Key("silence", r.DedupeKey), Match: r.Silence.Match, Alert: r.Silence.Alert, By: r.SubmittedBy, Reason: strings.TrimSpace(r.Reason),
		At: now, Until: r.Silence.Until,
	}
	if mistakes := s.Mistakes(now); len(mistakes) > 0 {
		return refused(strings.Join(mistakes, "\n")), nil
	}
	outcome := decide.Silenced
	if s.Alert != "" {
		outcome = decide.Acknowledged
		g, _, err := v.Ledger.Alerts().Load(ctx, s.Alert, nil)
		switch {
		case err != nil:
			return handler.Item{}, err
		case g.Rev == 0:
			return refused("no alert has this id"), nil
		case g.Open == 0:
			return refused("nothing of this alert is open: it has recovered"), nil
		}
		s.Flush = g.Told()
	}
	a := decide.Act{Key: decide.Key("act", s.ID), Kind: decide.ActSilence, At: now, What: s.String(), Outcome: outcome, By: s.By, Reason: s.Reason}
	s, again, err := v.Ledger.Silence(ctx, s, a)
	if err != nil {
		return handler.Item{}, err
	}
	if s.Alert != "" { // it may have recovered meanwhile: the next round looks
		if err := v.Ledger.Alerts().Arm(ctx, s.Alert); err != nil {
			return handler.Item{}, err
		}
	}
	result := handler.ResultAccepted
	if again {
		result = handler.ResultDuplicate
	}
	v.Log.Info().Str("result", result).Str("silence", s.ID).Str("by", s.By).Msg("silence handled")
	return detailed(result, "", Silenced{Silence: s})
}

// expire ends a silence.
func (d *desk) expire(ctx context.Context, r Request, v handler.Invocation) (handler.Item, error) {
	now := d.now()
	s, err := v.Ledger.EndSilence(ctx, r.Expire, now, routing.SilenceExpired, r.SubmittedBy, strings.TrimSpace(r.Reason))
	switch {
	case err != nil:
		return handler.Item{}, err
	case s == nil:
		return refused("no silence has this id"), nil
	}
	// Who ended it may have died before this.
	if s.Ended == routing.SilenceExpired {
		a := decide.Act{
			Key: decide.Key("act", s.ID, "expire"), Kind: decide.ActExpire, At: s.Until, What: "silence of " + s.String(), Outcome: decide.SilenceEnded,
			By: s.EndedBy, Reason: s.EndReason,
		}
		if err := v.Ledger.RecordAct(ctx, a); err != nil {
			return handler.Item{}, err
		}
	}
	v.Log.Info().Str("silence", s.ID).Str("by", r.SubmittedBy).Msg("silence ended")
	return detailed(handler.ResultAccepted, "", Silenced{*s, !s.Until.Equal(now)})
}

// Tested is the detail of the answer to a test of a channel.
type Tested struct {
	Channel string     `json:"channel"`
	Kind    alert.Kind `json:"kind,omitempty"`
	// Confirmed: the channel has the sample.
	Confirmed bool `json:"confirmed"`
	// Failed is what to look at first, if the channel says that.
	Failed alert.Part `json:"failed,omitempty"`
	Why    string     `json:"why,omitempty"`
	// RetryAt is when the channel takes messages again, after a refusal for rate.
	RetryAt time.Time `json:"retryAt,omitzero"`
	// Channels are those there are, if this is none of them.
	Channels []string `json:"channels,omitempty"`
}

// slotTime is how long a test waits for its turn.
const slotTime = 20 * time.Second

// test sends a sample to a channel, when it is its turn there.
func (d *desk) test(ctx context.Context, name string, clients alert.Clients, v handler.Invocation) (handler.Item, error) {
	i := slices.IndexFunc(d.channels, func(ch alert.Channel) bool { return ch.Name == name })
	if i < 0 {
		var names []string
		for _, ch := range d.channels {
			names = append(names, ch.Name)
		}
		return detailed(handler.ResultRefused, "there is no such channel", Tested{Channel: name, Channels: names})
	}
	ch, s := d.channels[i], v.Ledger.Alerts()
	every, _ := clients.Every(name)
	now := d.now()
	at, ok, err := s.Slot(ctx, name, now, now.Add(slotTime), every)
	if err != nil {
		return handler.Item{}, err
	}
	if !ok {
		out := Tested{Channel: name, Kind: ch.Kind, Failed: alert.PartLimit, Why: "the channel is closed after a refusal for rate, or busy", RetryAt: at}
		return detailed(handler.ResultRefused, out.Why, out)
	}
	transport.Sleep(ctx, at.Sub(now))
	out := Test(ctx, ch, clients[name], d.now())
	if out.Failed == alert.PartLimit && !out.RetryAt.IsZero() {
		err = s.Close(ctx, name, out.RetryAt)
	}
	v.Log.Info().Str("channel", name).Bool("took_sample", out.Confirmed).Str("look_at", string(out.Failed)).Msg("channel tested")
	item, bad := detailed(map[bool]string{true: handler.ResultAccepted, false: handler.ResultRefused}[out.Confirmed], out.Why, out)
	return item, cmp.Or(err, bad)
}

// testTime is the most time of one delivery of a test.
const testTime = 10 * time.Second

// Test sends a sample to a channel, and to one that keeps what is open its end.
func Test(ctx context.Context, ch alert.Channel, to *alert.Client, now time.Time) Tested {
	out := Tested{Channel: ch.Name, Kind: ch.Kind}
	sample := alert.Sample(now)
	sample.Severity, sample.Firing, sample.Recovered, sample.Open, sample.Alerts = decide.SeverityInfo, 1, 0, 1, sample.Alerts[:1]
	sample.Alerts[0].Severity = sample.Severity // it wakes nobody
	over := sample
	over.ID, over.Firing, over.Recovered, over.Open, over.Alerts = sample.ID+"-over", 0, 1, 0, slices.Clone(sample.Alerts)
	over.Alerts[0].Recovered = true
	messages := []dispatch.Notice{sample}
	if ch.Kind == alert.PagerDuty || ch.Kind == alert.Alertmanager {
		messages = append(messages, over)
	}
	for _, m := range messages {
		ctx, cancel := context.WithTimeout(ctx, testTime)
		r := to.Deliver(ctx, m)
		cancel()
		if out.Confirmed = r.Confirmed(); !out.Confirmed {
			out.Failed, out.Why, out.RetryAt = r.Failed, r.Err.Error(), r.RetryAt
			break
		}
	}
	return out
}
