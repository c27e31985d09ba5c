package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// The tables.
const (
	tableInstances  = "aftercare_instances"
	tableWakeups    = "aftercare_wakeups"
	tableShared     = "aftercare_shared"
	tableAlerts     = "aftercare_alerts"
	tableQuarantine = "aftercare_quarantine"
)

// Config holds the tables' place, and how long calls may take.
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
	// Pause waits before try n+1; nil means a transport.Backoff of 20 ms to 1 s.
	Pause func(ctx context.Context, n int)
	// First picks the first of n shards that Due reads; nil means at random.
	First func(n int) int
	// Now is the clock for the age of a stop's row; nil means time.Now.
	Now func() time.Time
	// Rights hears of each right that a call needed, with engine.ErrDenied if it was
	// refused; nil means that nobody does. It must be safe for concurrent use.
	Rights func(right string, denied error)
	// Newer hears that a later version of Aftercare made the tables, from who reads stops
	// or concerns; nil means that nobody does.
	Newer func(NewerTables)
}

// Ledger gives one invocation access to the tables, with its credentials and
// until its context's deadline. It is safe for concurrent use.
type Ledger struct {
	client *tablestore.TableStoreClient
	pause  func(ctx context.Context, n int)
	first  func(n int) int
	now    func() time.Time
	rights func(right string, denied error)
	newer  func(NewerTables)
}

var (
	_ engine.Ledger = (*Ledger)(nil)
	_ engine.Shared = (*Ledger)(nil)
)

// Open returns the ledger for one invocation. Its context bounds every call, in
// addition to each call's own context. Open makes no call.
func Open(ctx context.Context, cfg Config, creds transport.Credentials) (*Ledger, error) {
	scheme, host, err := transport.Endpoint(cfg.Endpoint)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open the ledger: endpoint %w", err)
	case cfg.Instance == "":
		return nil, errors.New("open the ledger: instance is missing")
	case cfg.Transport == nil:
		return nil, errors.New("open the ledger: transport is missing")
	case !creds.IsSet():
		return nil, fmt.Errorf("open the ledger: access key is missing: %w", engine.ErrDenied)
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
	id, secret, token := creds.Reveal()
	l := &Ledger{
		client: tablestore.NewClientWithConfig(scheme+"://"+host, cfg.Instance, id, secret, token, sdk),
		pause:  cfg.Pause,
		first:  cfg.First,
		now:    cfg.Now,
		rights: cfg.Rights,
		newer:  cfg.Newer,
	}
	if l.pause == nil {
		l.pause = transport.Backoff{First: 20 * time.Millisecond, Most: time.Second}.Pause
	}
	if l.first == nil {
		l.first = rand.IntN
	}
	if l.now == nil {
		l.now = time.Now
	}
	return l, nil
}
