package ledger_test

import (
	"slices"
	"testing"

	"aftercare/tests/localcloud/fault"
)

// TestTablesAreRemovedWhateverFails fails each call, before and after its effect,
// until a run meets no fault; one more run then removes what is left.
func TestTablesAreRemovedWhateverFails(t *testing.T) {
	for _, mode := range []fault.Mode{fault.ErrorBefore, fault.ErrorAfter, fault.CutBefore, fault.CutAfter} {
		for nth := 1; ; nth++ {
			l, server, faults := open(t)
			if names, err := l.Tables(t.Context()); err != nil || !slices.Equal(names, allTables) {
				t.Fatalf("there are %v, %v, want all", names, err)
			}
			before := faults.Struck()
			// A denial ends it; after a lost answer the call is tried again.
			faults.Add(fault.Fault{Nth: nth, Mode: mode, Status: 403, Code: "OTSNoPermissionAccess"})
			err := l.RemoveTables(t.Context())
			struck := faults.Struck() > before
			if denied := struck && (mode == fault.ErrorBefore || mode == fault.ErrorAfter); denied != (err != nil) {
				t.Errorf("%s at call %d: %v", mode, nth, err)
			}
			faults.Clear()
			if err := l.RemoveTables(t.Context()); err != nil {
				t.Errorf("once more: %v", err)
			}
			if there, err := rawClient(t, server).ListTable(); err != nil || len(there.TableNames) > 0 {
				t.Errorf("%s at call %d leaves %v, %v", mode, nth, there, err)
			}
			if !struck {
				break
			}
		}
	}
}
