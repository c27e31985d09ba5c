package tablestore_test

import (
	"errors"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

func TestFaultsStrikeBeforeOrAfterTheEffect(t *testing.T) {
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			faults := new(fault.Set)
			s := start(t, tablestore.Options{Faults: faults})
			tb := newTable(t, connect(s), "rows")
			struck := make(chan struct{})
			faults.Add(fault.Fault{Call: "PutRow", Nth: 2, Mode: mode, OnStrike: func() { close(struck) }})
			tb.mustWrite(tb.put("p", "1"))

			result := make(chan error, 1)
			go func() { result <- tb.write(tb.put("p", "2")) }()
			<-struck
			want := []string{"1"}
			if mode == fault.ErrorAfter || mode == fault.CutAfter || mode == fault.HangAfter {
				want = []string{"1", "2"}
			}
			equal(t, "rows", tb.rowsOf("p"), want)
			if mode == fault.HangBefore || mode == fault.HangAfter {
				for range 20 { // calls that are answered while this one hangs
					equal(t, "rows", tb.rowsOf("p"), want)
				}
				select {
				case err := <-result:
					t.Fatalf("a hanging call answered %v", err)
				default:
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			err := <-result
			var answered *sdk.OtsError
			if isAnswer := errors.As(err, &answered); isAnswer != (mode == fault.ErrorBefore || mode == fault.ErrorAfter) {
				t.Errorf("got %v", err)
			}
			if answered != nil {
				check(t, err, "OTSServerUnavailable", 503)
			}
			if got := faults.Calls(); got["PutRow"] != 2 || got["CreateTable"] != 1 {
				t.Errorf("counted %v", got)
			}
		})
	}
}

func TestFaultsAnswerWhatWasPlanned(t *testing.T) {
	faults := new(fault.Set)
	tb := newTable(t, connect(start(t, tablestore.Options{Faults: faults})), "rows")
	faults.Add(fault.Fault{Call: "PutRow", Mode: fault.ErrorBefore, Status: 409, Code: "OTSRowOperationConflict", Message: "busy"})
	check(t, tb.write(tb.put("p", "1")), "OTSRowOperationConflict", 409)
	faults.Add(fault.Fault{Call: "PutRow", Mode: fault.ErrorAfter, Message: "late"})
	err := tb.write(tb.put("p", "1"))
	check(t, err, "OTSServerUnavailable", 503)
	if answered := (*sdk.OtsError)(nil); !errors.As(err, &answered) || answered.Message != "late" {
		t.Errorf("got %v, want the message of the fault", err)
	}
}

func TestRefusedKeysAreNotCounted(t *testing.T) {
	faults := new(fault.Set)
	s := start(t, tablestore.Options{Faults: faults})
	connectAs(s.Endpoint(), instance, keyID, "wrong", "").ListTable()
	if got := faults.Calls(); len(got) != 0 {
		t.Errorf("counted %v", got)
	}
}

// What the SDK does by itself after a cut connection; callers rely on the
// emulator to show it to them.
func TestTheSDKRepeatsAnIncrementAfterACutConnection(t *testing.T) {
	faults := new(fault.Set)
	s := start(t, tablestore.Options{Faults: faults})
	tb := newTable(t, connect(s), "rows")
	faults.Add(fault.Fault{Call: "UpdateRow", Mode: fault.CutAfter})
	u := tb.update("p", "1")
	u.IncrementColumn("n", 1)
	retrying := sdk.NewClient(s.Endpoint(), instance, keyID, keySecret)
	if _, err := retrying.UpdateRow(&sdk.UpdateRowRequest{UpdateRowChange: u}); err != nil {
		t.Fatal(err)
	}
	if got := tb.get("p", "1")["n"]; got != int64(2) {
		t.Errorf("got %v, want 2", got)
	}
}
