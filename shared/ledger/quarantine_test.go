package ledger_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
)

func quarantined(t *testing.T, l *ledger.Ledger) []ledger.Quarantined {
	t.Helper()
	var out []ledger.Quarantined
	err := l.EachQuarantined(t.Context(), func(q ledger.Quarantined) error {
		out = append(out, q)
		return nil
	})
	must(t, err)
	return out
}

// (ledger rule 60)
func TestAPayloadOfAnySizeIsKeptWholeAndOnce(t *testing.T) {
	random := rand.NewChaCha8([32]byte{7})
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 2<<20 + 7} {
		if testing.Short() && size > 1<<20+1 {
			break // make faults keeps three parts
		}
		l, server, _ := open(t)
		payload := make([]byte, size)
		random.Read(payload)
		for i := range 2 {
			must(t, l.Quarantine(t.Context(), "f", payload, "not JSON", start.Add(time.Duration(i))))
		}
		got := quarantined(t, l)
		if len(got) != 1 || got[0].Size != int64(size) || got[0].Reason != "not JSON" || got[0].SHA256 != ledger.QuarantineID(payload) {
			t.Fatalf("of %d bytes, %+v is in quarantine", size, got)
		}
		if kept, err := l.QuarantinedPayload(t.Context(), got[0]); err != nil || !bytes.Equal(kept, payload) {
			t.Errorf("%d of %d bytes come back, %v", len(kept), size, err)
		}
		must(t, l.Unquarantine(t.Context(), got[0]))
		if rows := rawTable(t, server, "aftercare_quarantine", "sha256", "part"); len(rows) > 0 || len(quarantined(t, l)) > 0 {
			t.Errorf("of %d bytes, %d rows are left", size, len(rows))
		}
	}
}

// TestAPayloadThatIsNotWholeIsNotListed: an invocation can die between two
// parts.
// (ledger rule 60)
func TestAPayloadThatIsNotWholeIsNotListed(t *testing.T) {
	l, _, faults := open(t)
	payload := bytes.Repeat([]byte("part"), 1<<20)
	faults.Add(fault.Fault{Call: "PutRow", Nth: 4, Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"})
	if err := l.Quarantine(t.Context(), "f", payload, "not JSON", start); !errors.Is(err, engine.ErrDenied) {
		t.Fatalf("got %v, want the last of four parts denied", err)
	}
	if got := quarantined(t, l); len(got) > 0 {
		t.Errorf("%+v is listed", got)
	}
	if _, err := l.QuarantinedPayload(t.Context(), ledger.Quarantined{SHA256: ledger.QuarantineID(payload)}); err == nil {
		t.Error("three of four parts were read as the whole")
	}
}
