// Package ledger keeps Aftercare's state in Tablestore. It is the only
// package that knows the tables and the SDK; it does not know what the state
// means.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/remediation"
)

// The tables.
const (
	tableInstances  = "aftercare_instances"
	tableHistory    = "aftercare_history"
	tableWakeups    = "aftercare_wakeups"
	tableShared     = "aftercare_shared"
	tableQuarantine = "aftercare_quarantine"
)

// Config says where the tables are, and how patiently they are asked.
type Config struct {
	// Endpoint is the URL of the Tablestore instance: https, or http to a
	// loopback address.
	Endpoint string
	// Instance is the name of the Tablestore instance.
	Instance string
	// PerTry bounds one try of a call, from dialling to the last byte of the
	// answer; 0 means 5 s.
	PerTry time.Duration
	// Transport carries the requests of all clients of the process.
	Transport http.RoundTripper
	// Pause waits before try n+1, with full jitter; nil means the default of
	// 20 ms, doubled with every try up to 1 s.
	Pause func(ctx context.Context, n int)
	// Now tells how old a pause's row is; nil means time.Now.
	Now func() time.Time
}

// Credentials sign the requests. They never print.
type Credentials struct {
	AccessKeyID     string
	AccessKeySecret string
	// SecurityToken belongs to temporary keys; empty for long-lived ones.
	SecurityToken string
}

// Format keeps every verb of package fmt from printing the keys.
func (Credentials) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[credentials]") }

// MarshalJSON keeps encoders and loggers from writing the keys.
func (Credentials) MarshalJSON() ([]byte, error) { return []byte(`"[credentials]"`), nil }

// Ledger is the tables, as one invocation sees them: with its credentials,
// and not beyond its context's deadline. It is safe for concurrent use.
type Ledger struct {
	client *tablestore.TableStoreClient
	pause  func(ctx context.Context, n int)
	now    func() time.Time
}

var (
	_ remediation.Ledger = (*Ledger)(nil)
	_ remediation.Shared = (*Ledger)(nil)
)

// Open returns the ledger for one invocation, whose context bounds every call
// beside the one that each call is given. It makes no call.
func Open(ctx context.Context, cfg Config, creds Credentials) (*Ledger, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if creds.AccessKeyID == "" || creds.AccessKeySecret == "" {
		return nil, fmt.Errorf("open the ledger: access key is missing: %w", remediation.ErrDenied)
	}
	perTry := cfg.PerTry
	if perTry == 0 {
		perTry = 5 * time.Second
	}
	sdk := tablestore.NewDefaultTableStoreConfig()
	sdk.RetryTimes = 0 // the SDK would send writes again after transport errors
	sdk.DefaultRetryInterval = 10 * time.Millisecond
	sdk.HTTPTimeout.RequestTimeout = 0 // the transport bounds each try
	sdk.Transport = carrier{ctx: ctx, next: cfg.Transport, perTry: perTry}
	l := &Ledger{
		client: tablestore.NewClientWithConfig(cfg.Endpoint, cfg.Instance,
			creds.AccessKeyID, creds.AccessKeySecret, creds.SecurityToken, sdk),
		pause: cfg.Pause,
		now:   cfg.Now,
	}
	if l.pause == nil {
		l.pause = pause
	}
	if l.now == nil {
		l.now = time.Now
	}
	return l, nil
}

func (c Config) check() error {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "":
		return errors.New("open the ledger: endpoint is not a URL")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("open the ledger: endpoint must be https, since it is not a loopback address")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("open the ledger: endpoint must begin with https://")
	case c.Instance == "":
		return errors.New("open the ledger: instance is missing")
	case c.Transport == nil:
		return errors.New("open the ledger: transport is missing")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// pause waits a random part of 20 ms, doubled with every try up to 1 s.
func pause(ctx context.Context, n int) {
	most := 20 * time.Millisecond << min(n-1, 6)
	t := time.NewTimer(rand.N(min(most, time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
