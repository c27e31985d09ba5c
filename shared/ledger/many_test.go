package ledger_test

import (
	"fmt"
	"testing"

	"aftercare/shared/decide"
	"aftercare/tests/localcloud/fault"
)

// manyOf is a submission for two instances, under the key k.
func manyOf(hash string) decide.Many {
	return decide.Many{
		Submission: decide.Submission{Key: "k", Hash: hash}, At: start, Until: start,
		Targets: []decide.Target{{InstanceID: "i-1"}, {InstanceID: "i-2"}},
	}
}

// TestASubmissionForSeveralIsKeptUntilItsLastAnswer, whatever becomes of each write:
// the first answer of an instance stands, and it is recorded once. (ledger rule 58)
func TestASubmissionForSeveralIsKeptUntilItsLastAnswer(t *testing.T) {
	for _, mode := range []fault.Mode{"", fault.ErrorBefore, fault.CutBefore, fault.CutAfter} {
		l, _, faults := open(t)
		fail := func(call string) {
			if mode != "" {
				faults.Add(fault.Fault{Call: call, Mode: mode, Status: 503, Code: "OTSServerBusy"})
			}
		}
		fail("PutRow")
		kept, err := l.Keep(t.Context(), manyOf("first"))
		must(t, err)
		again, err := l.Keep(t.Context(), manyOf("second"))
		must(t, err)
		if kept.Hash != "first" || again.Hash != "first" {
			t.Errorf("%s: kept %s and then %s, want the first", mode, kept.Hash, again.Hash)
		}
		for _, step := range []struct {
			call, instance, outcome, want string
		}{
			{"PutRow", "i-1", "queued", "[i-2]"}, {"PutRow", "i-1", "refused", "[i-2]"}, {"DeleteRow", "i-2", "releasing", "[]"}, {"DeleteRow", "i-2", "refused", "[]"},
		} {
			fail(step.call)
			must(t, l.Answer(t.Context(), "k", map[string]decide.Answer{step.instance: {Outcome: step.outcome}}))
			faults.Clear()
			left := []string{}
			must(t, l.EachKept(t.Context(), func(m decide.Many) error { left = append(left, m.Left()...); return nil }))
			if got := fmt.Sprint(left); got != step.want {
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
