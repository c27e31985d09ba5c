package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
)

// manyOf is a submission for two instances, under the key k.
func manyOf(hash string) decide.Many {
	return decide.Many{
		Submission: decide.Submission{Key: "k", Hash: hash}, At: start, Until: start,
		Targets: []decide.Target{{InstanceID: "i-1"}, {InstanceID: "i-2"}},
	}
}

// leftOf returns the instances that are left of all submissions.
func leftOf(t *testing.T, l *ledger.Ledger) string {
	t.Helper()
	left := []string{}
	must(t, l.EachLeft(t.Context(), func(m decide.Many) error { left = append(left, m.Left()...); return nil }))
	return fmt.Sprint(left)
}

func answer(ctx context.Context, l *ledger.Ledger, instance, outcome string) error {
	return l.Answer(ctx, "k", map[string]decide.Answer{instance: {Outcome: outcome}})
}

// TestASubmissionForSeveralIsKept, whatever becomes of each write: the first answer of
// an instance stands, and with the last one it is recorded once, and is left no
// longer. (ledger rule 58)
func TestASubmissionForSeveralIsKept(t *testing.T) {
	for _, mode := range []fault.Mode{"", fault.ErrorBefore, fault.CutBefore, fault.CutAfter} {
		for nth := range 2 { // the last answer writes twice
			l, _, faults := open(t)
			fail := func() {
				if mode != "" {
					faults.Add(fault.Fault{Call: "BatchWriteRow", Nth: nth + 1, Mode: mode, Status: 503, Code: "OTSServerBusy"})
				}
			}
			fail()
			kept, err := l.Keep(t.Context(), manyOf("first"))
			must(t, err)
			faults.Clear()
			again, err := l.Keep(t.Context(), manyOf("second"))
			must(t, err)
			if kept.Hash != "first" || again.Hash != "first" {
				t.Errorf("%s: kept %s and then %s, want the first", mode, kept.Hash, again.Hash)
			}
			for _, step := range []struct{ instance, outcome, want string }{
				{"i-1", "queued", "[i-2]"}, {"i-1", "refused", "[i-2]"}, {"i-2", "releasing", "[]"}, {"i-2", "refused", "[]"},
			} {
				fail()
				must(t, answer(t.Context(), l, step.instance, step.outcome))
				faults.Clear()
				if got := leftOf(t, l); got != step.want {
					t.Errorf("%s: after the answer of %s, %s are left, want %s", mode, step.instance, got, step.want)
				}
			}
			r, err := l.Records(t.Context(), decide.ActsID)
			must(t, err)
			if len(r.Acts) != 1 || r.Acts[0].Kind != decide.ActSubmit || r.Acts[0].Outcome != "queued 1, releasing 1" {
				t.Errorf("%s: the record says %+v", mode, r.Acts)
			}
		}
	}
}

// TestASubmissionForSeveralIsOpenedAgain for those that were refused, once all are
// answered. Another one takes its place then, and not before. (ledger rule 58)
func TestASubmissionForSeveralIsOpenedAgain(t *testing.T) {
	for _, mode := range []fault.Mode{"", fault.ErrorBefore, fault.CutBefore, fault.CutAfter} {
		l, _, faults := open(t)
		keep := func(hash, want string) {
			t.Helper()
			later := manyOf(hash)
			later.At, later.Targets = start.Add(time.Hour), []decide.Target{{InstanceID: "i-3"}}
			kept, err := l.Keep(t.Context(), later)
			must(t, err)
			if got := fmt.Sprint(kept.Left()); got != want || leftOf(t, l) != want {
				t.Errorf("%s: %s and %s are left, want %s", mode, got, leftOf(t, l), want)
			}
		}
		_, err := l.Keep(t.Context(), manyOf("first"))
		must(t, err)
		must(t, answer(t.Context(), l, "i-1", decide.Refused))
		keep("first", "[i-2]")
		keep("second", "[i-2]")
		must(t, answer(t.Context(), l, "i-2", "queued"))
		if mode != "" {
			faults.Add(fault.Fault{Call: "BatchWriteRow", Nth: 2, Mode: mode, Status: 503, Code: "OTSServerBusy"})
		}
		keep("first", "[i-1]")
		must(t, answer(t.Context(), l, "i-1", "queued"))
		keep("first", "[]")
		keep("second", "[i-3]")
		must(t, answer(t.Context(), l, "i-3", "queued"))
		keep("second", "[]")
		kept, err := l.Kept(t.Context(), "k")
		must(t, err)
		if kept.Hash != "second" || len(kept.Targets) != 1 {
			t.Errorf("%s: in the end, it is %+v", mode, kept)
		}
	}
}
