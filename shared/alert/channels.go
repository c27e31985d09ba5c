// Package alert delivers alerts to people: to DingTalk's custom robots and to
// a webhook of any kind, which gets JSON.
//
// It only delivers: its caller decides which alerts there are and when to try
// again. It does not group, delay or limit messages, does not know which of
// several channels got an alert earlier, and follows no redirect.
package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// maxAnswerBytes bounds how much of an answer is read; a confirmation has a few
// dozen bytes.
const maxAnswerBytes = 64 << 10

// Channels sends each alert to every configured channel. It implements
// engine.Notifier and is safe for concurrent use.
type Channels struct {
	client   *http.Client
	channels []channel
	now      func() time.Time
}

// channel is one place that alerts go to.
type channel interface {
	name() string
	// message returns where to post an alert at this moment, what, and which
	// headers it needs beside the content type. Its header is never nil.
	message(a decide.Alert, at time.Time) (to *url.URL, body []byte, header http.Header, err error)
	// confirm judges the body of an answer with status 2xx. Its error repeats
	// nothing from the body.
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
	c := &Channels{
		now: now,
		client: &http.Client{
			Transport:     carrier,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
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
	if ctx.Err() != nil {
		return fmt.Errorf("no time left to send: %w", engine.ErrUnavailable)
	}
	to, body, header, err := ch.message(a, c.now())
	if err != nil {
		return err
	}
	request := (&http.Request{
		Method:        http.MethodPost,
		URL:           to,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		GetBody:       func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("User-Agent", "aftercare")
	response, err := c.client.Do(request)
	if err != nil {
		return transportError(ctx, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if response.StatusCode/100 != 2 {
		return statusError(response.StatusCode)
	}
	if err != nil {
		return transportError(ctx, err)
	}
	return ch.confirm(answer)
}
