// Package alerting is the function alerts: it reads where alerts go, and lets package
// dispatch bring them there. No other function links the channels or has their
// secrets.
package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aftercare/shared/alert"
	"aftercare/shared/alertfile"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/mask"
	"aftercare/shared/transport"
)

// New sets the function up from an environment as os.Environ returns it. It makes no
// call. The error lists every mistake in the settings, in alerts.yaml and in the
// channels, and repeats no value.
func New(name string, environ []string, log io.Writer) (handler.Handler, error) {
	s, err := handler.FromEnv(environ)
	if err != nil {
		return nil, fmt.Errorf("wrong settings:\n%w", err)
	}
	return NewWith(name, s, environ, log, func() time.Time { return time.Now().UTC() })
}

// NewWith is New with given settings and a clock, in UTC.
func NewWith(name string, s handler.Settings, environ []string, log io.Writer, now func() time.Time) (handler.Handler, error) {
	file, err := read(s.Alerts, environ)
	if err != nil {
		return nil, err
	}
	d := &desk{settings: s.Alerts, now: now, routes: file.Routes, mask: s.Policy.Mask, function: handler.Plain(name, s, log, now)}
	if d.channels, err = file.Channels(lookup(environ), os.ReadFile); err != nil {
		return nil, fmt.Errorf("the channels of alerts: %w", err)
	}
	if d.templates, err = alert.NewTemplates(file.Templates); err != nil {
		return nil, fmt.Errorf("the templates of alerts: %w", err)
	}
	if _, err := d.clients(transport.NewCredentials("id", "secret", "")); err != nil {
		return nil, err
	}
	return d.function.Serve(d.round), nil
}

// lookup returns a function like os.Getenv for an environment.
func lookup(environ []string) func(string) string {
	return func(name string) string {
		for _, pair := range environ {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// read reads alerts.yaml; if it is not there, the settings say where alerts go.
func read(s handler.Alerts, environ []string) (*alertfile.File, error) {
	src, err := os.ReadFile(s.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return alertfile.FromEnv(lookup(environ)), nil
	case err != nil:
		return nil, fmt.Errorf("AFTERCARE_ALERTS names a file that cannot be read: %w", err)
	}
	file, err := alertfile.Read(filepath.Base(s.File), src)
	if err != nil {
		return nil, fmt.Errorf("AFTERCARE_ALERTS: %w", err)
	}
	return file, nil
}

// desk is what a process of the function makes once.
type desk struct {
	settings  handler.Alerts
	now       func() time.Time
	function  *handler.Function
	routes    dispatch.Routes
	channels  []alert.Channel
	templates *alert.Templates
	mask      mask.Mask
}

// clients returns the channels with the credentials of an invocation.
func (d *desk) clients(keys transport.Credentials) (alert.Clients, error) {
	out := alert.Clients{}
	var errs []error
	for _, ch := range d.channels {
		c, err := alert.NewClient(ch, alert.Setup{Carrier: d.function.Transport(), Now: d.now, Templates: d.templates, Mask: d.mask, Credentials: keys})
		out[ch.Name] = c
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// asked is what an invocation may name.
type asked struct {
	// Shard is visited first, at once: an alert in it is critical.
	Shard *int `json:"shard"`
}

// round is an invocation.
func (d *desk) round(ctx context.Context, payload []byte, v handler.Invocation) (handler.Item, error) {
	clients, err := d.clients(v.Credentials)
	if err != nil {
		return handler.Item{}, err
	}
	if item, ok, err := d.requested(ctx, payload, clients, v); ok {
		return item, err
	}
	var in asked
	if json.Unmarshal(payload, &in) != nil || in.Shard == nil {
		transport.Sleep(ctx, d.settings.Start/4+rand.N(d.settings.Start*3/4+1))
	}
	if err := d.watchSweeps(ctx, v.Ledger); err != nil {
		v.Log.Warn().AnErr("trouble", err).Msg("it is not known whether sweeps come")
	}
	r := &dispatch.Dispatcher{
		Store: v.Ledger.Alerts(), Channels: clients, Routes: d.paced(), Now: d.now, NewID: handler.NewID, Pause: engine.Conflicts.Pause,
		Sleep: func(ctx context.Context, until time.Time) { transport.Sleep(ctx, until.Sub(d.now())) },
	}
	left := time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	report, err := r.Round(ctx, shards(in), d.now().Add(left))
	line := v.Log.Info()
	if err != nil {
		line = v.Log.Warn().Str("trouble", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	line.Int("letters", report.Letters).Int("confirmed", report.Confirmed).Int("refused", report.Refused).Int("failed", report.Failed).
		Int("given_up", report.Lost).Bool("complete", report.Complete).Msg("alerts brought to people")
	return handler.Item{Result: handler.ResultDispatched, Complete: &report.Complete, Counts: map[string]int{
		"letters": report.Letters, "confirmed": report.Confirmed, "refused": report.Refused, "failed": report.Failed, "givenUp": report.Lost,
	}}, nil
}

// watchSweeps puts it into the inbox if no sweep comes, and when one has come again.
func (d *desk) watchSweeps(ctx context.Context, l *ledger.Ledger) error {
	now := d.now()
	since, err := l.SweptOrAwaited(ctx, now)
	if err != nil {
		return err
	}
	missing := decide.SweepMissing(since, now)
	_, err = l.Concern(ctx, missing.Alert.Fingerprint, func(was decide.Concern) decide.Concern {
		if (decide.Sweeps{LastEnd: since}).Missing(now) {
			return was.Shown(missing)
		}
		return was.Ended("Sweeps come again.", now)
	})
	return err
}

// shards lists those of the inbox: the one that was asked for, then the others from
// a random one on.
func shards(in asked) []int {
	first := rand.IntN(ledger.InboxShards)
	if in.Shard != nil && *in.Shard >= 0 && *in.Shard < ledger.InboxShards {
		first = *in.Shard
	}
	out := make([]int, ledger.InboxShards)
	for i := range out {
		out[i] = (first + i) % ledger.InboxShards
	}
	return out
}

// paced are the routes with the waits of the settings, if these are set.
func (d *desk) paced() dispatch.Routes {
	if d.settings.Wait == nil {
		return d.routes
	}
	return hurried{d.routes, *d.settings.Wait}
}

// hurried are routes whose groups wait for another time.
type hurried struct {
	dispatch.Routes
	wait time.Duration
}

func (h hurried) Route(name string) dispatch.Route {
	r := h.Routes.Route(name)
	r.GroupWait, r.GroupInterval = h.wait, h.wait
	return r
}
