package alert

import (
	"context"
	"time"

	"aftercare/shared/dispatch"
)

// Clients are the channels of alerts.yaml by name. They implement
// dispatch.Channels.
type Clients map[string]*Client

// Every is how far apart messages to a channel are.
func (c Clients) Every(channel string) (d time.Duration, ok bool) {
	to, ok := c[channel]
	if !ok || to.channel.Rate() == 0 {
		return 0, ok
	}
	return time.Minute / time.Duration(to.channel.Rate()), true
}

// Deliver sends a flush once.
func (c Clients) Deliver(ctx context.Context, channel string, f dispatch.Notice) dispatch.Result {
	to, ok := c[channel]
	if !ok {
		return dispatch.Result{Why: "there is no such channel"}
	}
	r := to.Deliver(ctx, f)
	if r.Confirmed() {
		return dispatch.Result{Confirmed: true}
	}
	return dispatch.Result{RetryAt: r.RetryAt, Why: r.Err.Error()}
}

// Forgets reports whether a channel takes for recovered what is not repeated.
func (c Clients) Forgets(channel string) bool {
	to, ok := c[channel]
	return ok && to.channel.Kind == Alertmanager
}
