package handler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/invoke"
	"aftercare/shared/ledger"
)

const (
	// wakeEvery is how often a process asks the function alerts to come, at most.
	wakeEvery = 5 * time.Second
	// wakeTime is how long it is tried.
	wakeTime = 2 * time.Second
)

// bell is what a process knows of its calls to the function alerts.
type bell struct {
	mu   sync.Mutex
	rung time.Time
}

// ring reports whether the process may call now, and counts that as a call.
func (b *bell) ring(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.rung.IsZero() && now.Sub(b.rung) < wakeEvery {
		return false
	}
	b.rung = now
	return true
}

// Wake asks the function alerts to come now, and to begin with the shard of the
// inbox that has this alert. It is an engine.Waker.
func (v *invocation) Wake(ctx context.Context, a decide.Alert) {
	if !v.bell.ring(v.now()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTime)
	defer cancel()
	shard := ledger.InboxShard(a)
	err := recovered(func() error { return v.invokeAlerts(ctx, shard) })
	v.right("fc:InvokeFunction on "+alertsBeside(v.function, v.name), err)
	if err != nil {
		withStack(v.log.Warn().AnErr("trouble", err), err).Int("shard", shard).Msg("alerts not woken: its timer brings what is critical")
		return
	}
	v.log.Info().Int("shard", shard).Msg("alerts woken")
}

func (v *invocation) invokeAlerts(ctx context.Context, shard int) error {
	at := functionsAt(v.settings.FCEndpoint, v.account, v.region)
	if at == "" {
		return errors.New("the account or the region is not known")
	}
	client, err := invoke.New(invoke.Config{Endpoint: at, RoundTripper: counted{v.pool, &v.fc, nil}}, v.keys)
	if err != nil {
		return err
	}
	return client.InvokeAsync(ctx, alertsBeside(v.function, v.name), fmt.Appendf(nil, `{"shard":%d}`, shard))
}

// functionsAt is the address of Function Compute: that of the settings, or else the
// account's own; empty if the account or the region is not known.
func functionsAt(setting, account, region string) string {
	if setting != "" || account == "" || region == "" {
		return setting
	}
	return account + "." + region + ".fc.aliyuncs.com"
}

// alertsBeside is the name of the function alerts in the deployment that has another
// function under a name: both begin alike.
func alertsBeside(function, name string) string {
	prefix, ok := strings.CutSuffix(function, name)
	if !ok {
		prefix = "aftercare-"
	}
	return prefix + "alerts"
}

var _ engine.Waker = (*invocation)(nil)
