package handler_test

import (
	"testing"
	"time"

	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// TestASweepNotesItsEnd with one call, unless it failed, and whatever becomes of the
// note, the sweep is the same. (ledger rule 59)
func TestASweepNotesItsEnd(t *testing.T) {
	refused := fault.Fault{Call: "PutRow", Times: -1, Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"}
	for name, c := range map[string]struct {
		fault        fault.Fault
		fails, noted bool
	}{
		"all is well":       {fault.Fault{Call: "none", Mode: fault.CutAfter}, false, true},
		"the note refused":  {refused, false, false},
		"the note hangs":    {fault.Fault{Call: "PutRow", Times: -1, Mode: fault.HangBefore}, false, false},
		"the sweep failed":  {fault.Fault{Call: "GetRange", Times: -1, Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"}, true, false},
		"the note is again": {fault.Fault{Call: "PutRow", Mode: fault.CutAfter}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t, rig.Options{Timeout: 3 * time.Second})
			r.Faults.Add(c.fault)
			before := r.Faults.Calls()["PutRow"]
			out, err := r.Sweep()
			if (err != nil) != c.fails {
				t.Fatalf("the sweep answered %+v, %v", out, err)
			}
			if !c.fails && (out.Items[0].Result != handler.ResultSwept || !*out.Items[0].Complete) {
				t.Errorf("the sweep answered %+v", out.Items[0])
			}
			if n := r.Faults.Calls()["PutRow"] - before; name == "all is well" && n != 1 {
				t.Errorf("the note took %d calls, want one", n)
			}
			r.Faults.Clear()
			at, err := r.Ledger().LastSwept(t.Context())
			if must(t, err); at.IsZero() == c.noted || c.noted && r.Now().Sub(at) > time.Minute {
				t.Errorf("the last sweep ended at %s, now it is %s", at, r.Now())
			}
			if !c.fails && !c.noted {
				wantLogged(t, r, "end of sweep not noted")
			}
		})
	}
}
