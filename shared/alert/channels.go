package alert

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// Channels sends each alert to every configured channel. It implements
// engine.Notifier and is safe for concurrent use.
type Channels struct {
	carrier  http.RoundTripper
	channels []channel
	now      func() time.Time
}

// channel is one place that alerts go to.
type channel interface {
	name() string
	// message returns where to post an alert at this moment, what, and which
	// headers it needs beside the content type. Its header is never nil.
	message(a decide.Alert, at time.Time) (to *url.URL, body []byte, header http.Header, err error)
	// confirm judges the body of an answer with status 2xx, nil if it is longer
	// than maxAnswerBytes. Its error repeats nothing from the body.
	confirm(body []byte) error
}

// New returns the channels that cfg configures. Without any, Notify succeeds and
// does nothing. Messages go through carrier (nil means http.DefaultTransport)
// and are dated by now. The error joins every Mistake of cfg.
func New(cfg Config, carrier http.RoundTripper, now func() time.Time) (*Channels, error) {
	if mistakes := cfg.Mistakes(); len(mistakes) > 0 {
		errs := make([]error, len(mistakes))
		for i, m := range mistakes {
			errs[i] = m
		}
		return nil, errors.Join(errs...)
	}
	if carrier == nil {
		carrier = http.DefaultTransport
	}
	c := &Channels{carrier: carrier, now: now}
	if cfg.DingTalkURL.IsSet() {
		address, _ := transport.URL(cfg.DingTalkURL.Reveal())
		c.channels = append(c.channels, dingTalk{address: address, secret: cfg.DingTalkSecret})
	}
	if cfg.WebhookURL.IsSet() {
		address, _ := transport.URL(cfg.WebhookURL.Reveal())
		c.channels = append(c.channels, webhook{address: address, secret: cfg.WebhookSecret})
	}
	return c, nil
}

// Notify sends a to all channels at once and returns when each has confirmed
// or failed, at ctx's deadline at the latest.
//
// It fails if any channel did, and its error names each of those on one line,
// without any URL, token, signature, or word of an answer. errors.Is finds
// for each channel one of engine's ErrThrottled, ErrDenied,
// ErrUnavailable and ErrUnknownOutcome. A failed alert is to be sent again as
// a whole, so channels that confirmed may get it again: receivers recognise it
// by its fingerprint, which stays the same.
func (c *Channels) Notify(ctx context.Context, a decide.Alert) error {
	errs := make([]error, len(c.channels))
	var all sync.WaitGroup
	for i, ch := range c.channels {
		all.Go(func() { errs[i] = c.send(ctx, ch, a) })
	}
	all.Wait()
	var failed error
	for i, err := range errs {
		if err == nil {
			continue
		}
		err = fmt.Errorf("alert by %s: %w", c.channels[i].name(), err)
		if failed != nil {
			err = fmt.Errorf("%w; %w", failed, err)
		}
		failed = err
	}
	return failed
}

func (c *Channels) send(ctx context.Context, ch channel, a decide.Alert) error {
	to, body, header, err := ch.message(a, c.now())
	if err != nil {
		return err
	}
	_, out := post(ctx, c.carrier, &http.Request{Method: http.MethodPost, URL: to, Header: header}, body)
	switch {
	case !out.Sent:
		return fmt.Errorf("%s: %w", out.Cause, engine.ErrUnavailable)
	case out.Status != 0 && out.Status/100 != 2:
		return statusError(out.Status)
	case !out.Complete && out.Cause != transport.TooLong:
		return fmt.Errorf("%s: %w", out.Cause, engine.ErrUnknownOutcome)
	}
	return ch.confirm(out.Body)
}
