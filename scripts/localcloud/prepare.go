package main

import (
	"context"
	"time"

	"aftercare/shared/ledger"
	"aftercare/shared/setup"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/cloud"
)

// longestPreparation bounds what is done before any function runs.
const longestPreparation = time.Minute

// prepare makes Aftercare's tables, and completes the rules of its functions as
// 'aftercare subscribe' does.
func prepare(e cloud.Endpoints, ttl time.Duration, rules bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), longestPreparation)
	defer cancel()
	pool := transport.NewPool(time.Now)
	defer pool.CloseIdleConnections()
	keys := transport.NewCredentials(e.AccessKeyID, e.AccessKeySecret, "")
	tables, err := ledger.Open(ctx, ledger.Config{Endpoint: e.Tablestore, Instance: e.TablestoreInstance, Transport: pool}, keys)
	if err != nil {
		return err
	}
	if _, _, err = tables.CreateTables(ctx, ttl); err != nil || !rules {
		return err
	}
	bridge, err := subscription.New(subscription.Config{
		Site: subscription.Site{Region: e.Region, Account: e.Account}, Endpoint: e.EventBridge, RoundTripper: pool,
	}, keys)
	if err != nil {
		return err
	}
	pauses := transport.Backoff{First: 50 * time.Millisecond, Most: time.Second}
	_, err = setup.Apply(ctx, bridge.Complete(false), pauses, func(setup.Change) {})
	return err
}
