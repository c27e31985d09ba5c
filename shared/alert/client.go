package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"aftercare/shared/dispatch"
	"aftercare/shared/mask"
	"aftercare/shared/transport"
)

// maxAnswerBytes bounds how much of an answer is read; a confirmation has a few
// dozen bytes.
const maxAnswerBytes = 64 << 10

// Setup is what the clients of a process share.
type Setup struct {
	// Carrier sends requests, preferably a transport.Pool; nil means
	// http.DefaultTransport.
	Carrier http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Templates of texts; nil means the default ones.
	Templates *Templates
	// Mask masks secrets in what is sent.
	Mask mask.Mask
	// Credentials sign for EventBridge. They are those of this invocation.
	Credentials transport.Credentials
}

// Client delivers flushes to one channel. It is safe for concurrent use.
type Client struct {
	carrier     http.RoundTripper
	now         func() time.Time
	channel     Channel
	vendor      vendor
	rich, plain writer
	mask        mask.Mask
}

// vendor is what differs between the kinds of channel.
type vendor interface {
	// address is where to post.
	address() *url.URL
	markup() markup
	// write returns the body of a message, and whether the vendor takes one of
	// that size.
	write(m message) (body []byte, fits bool)
	// sign completes a request's query and headers. It is called for each try,
	// because a signature holds the time.
	sign(r *http.Request, body []byte, m message)
	// judge reads an answer with status 2xx.
	judge(a answer) verdict
}

// refuser is a vendor that says more than the status when it refuses. If it does
// not know an answer, ok is false.
type refuser interface {
	refusal(a answer) (v verdict, ok bool)
}

// message is a flush that is ready to be written for a channel.
type message struct {
	Message
	words       *words
	rich, plain text
	mention     bool
	now         time.Time
}

// text is a message in one markup.
type text struct{ title, body string }

// NewClient returns a client for a channel. The error joins every Mistake.
func NewClient(ch Channel, setup Setup) (*Client, error) {
	v, mistakes := vendorOf(ch, setup.Credentials)
	if setup.Templates == nil {
		setup.Templates = &Templates{} // has the default ones
	}
	language := ch.language()
	if language == nil {
		mistakes = append(mistakes, Mistake{"Language", "must be en or zh"})
	} else if !setup.Templates.has(ch.Template) {
		mistakes = append(mistakes, Mistake{"Template", "names no template"})
	}
	if len(mistakes) > 0 {
		errs := make([]error, len(mistakes))
		for i, m := range mistakes {
			errs[i] = m
		}
		return nil, fmt.Errorf("channel %s: %w", ch.Name, errors.Join(errs...))
	}
	c := &Client{carrier: setup.Carrier, now: setup.Now, channel: ch, vendor: v, mask: setup.Mask}
	if c.carrier == nil {
		c.carrier = http.DefaultTransport
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.rich = setup.Templates.writer(ch.Template, language, v.markup())
	c.plain = setup.Templates.writer(ch.Template, language, plainMarkup)
	return c, nil
}

// Deliver posts a flush once, and returns when the channel has answered, at ctx's
// deadline at the latest. It does not try again.
func (c *Client) Deliver(ctx context.Context, f dispatch.Notice) Result {
	now := c.now().UTC()
	m, body, ok := c.write(f, now)
	if !ok {
		return invalid(PartLimit, "no text is short enough for the channel").result(answer{})
	}
	r := &http.Request{Method: http.MethodPost, URL: c.vendor.address(), Header: http.Header{}}
	c.vendor.sign(r, body, m)
	resp, out := post(ctx, c.carrier, r, body)
	a := answer{status: out.Status, body: out.Body, at: c.now().UTC()}
	if resp != nil {
		a.header = resp.Header
	}
	switch more, _ := c.vendor.(refuser); {
	case !out.Sent:
		return unavailable(out.Cause).result(a)
	case out.Status != 0 && out.Status/100 != 2:
		if more != nil {
			if v, ok := more.refusal(a); ok {
				return v.result(a)
			}
		}
		return byStatus(out.Status).result(a)
	case !out.Complete && out.Cause != transport.TooLong:
		return unknown(out.Cause).result(a)
	}
	return c.vendor.judge(a).result(a)
}

// write returns the body with the most detail that the channel takes. A user's
// template that is too long in every detail, or fails, gives way to the default
// one.
func (c *Client) write(f dispatch.Notice, now time.Time) (m message, body []byte, ok bool) {
	f = cleaned(f, c.mask)
	for _, standard := range []bool{false, true} {
		for _, d := range details {
			m := message{Message: c.rich.words.message(f, d), words: c.rich.words, mention: c.channel.mentions(f), now: now}
			var err error
			if m.rich, err = c.rich.text(m.Message, standard); err != nil {
				break
			}
			if m.plain, err = c.plain.text(m.Message, standard); err != nil {
				break
			}
			if body, fits := c.vendor.write(m); fits {
				return m, body, true
			}
		}
	}
	return message{}, nil, false
}

// post sends r with a JSON body, unless its header names another type, and reads
// the answer. The response is nil unless the answer is whole.
func post(ctx context.Context, carrier http.RoundTripper, r *http.Request, body []byte) (*http.Response, transport.Outcome) {
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	r.Header.Set("User-Agent", "aftercare")
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	return transport.Exchange(ctx, carrier, r, maxAnswerBytes)
}
