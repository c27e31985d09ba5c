package engine_test

import (
	"context"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/ledger/ledgertest"
)

// TestTheFakeLedgerKeepsTheLedgersPromises: what the tests of this package show
// holds for the real ledger as far as both pass this.
func TestTheFakeLedgerKeepsTheLedgersPromises(t *testing.T) {
	ledgertest.Exercise(t, func(*testing.T) ledgertest.Subject {
		d := newDesk()
		return ledgertest.Subject{
			Ledger: d, Shared: d,
			Torn: func(_ context.Context, id string, n int, between func()) (decide.State, error) {
				s := decide.NewState(id)
				if last := d.table.scan(&s, "", n); last != "" {
					between()
					d.table.scan(&s, last, -1)
				}
				return s, nil
			},
			Pause:  func(p decide.Pause) error { d.table.control.Pauses[p.Flow] = p; return nil },
			Resume: func(flow string) error { d.table.resume(flow, d.clock); return nil },
		}
	})
}
