package ledger_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/engine"
	"aftercare/shared/ledger"
)

// TestTheRowsOfABatchHaveOneOutcome: an atomic batch is written whole or not at
// all, so what is known of one row is known of all. It is sent again only if it had
// no effect, and each row allows that.
func TestTheRowsOfABatchHaveOneOutcome(t *testing.T) {
	for codes, want := range map[string]error{
		"OTSConditionCheckFail OTSConditionCheckFail":       engine.ErrConflict,
		"OTSConditionCheckFail OTSTimeout":                  engine.ErrUnknownOutcome,
		"OTSInternalServerError OTSConditionCheckFail":      engine.ErrUnknownOutcome,
		"OTSRowOperationConflict OTSRowOperationConflict":   engine.ErrUnavailable,
		"OTSPartitionUnavailable OTSServerBusy":             engine.ErrUnavailable,
		"OTSServerBusy OTSConditionCheckFail OTSServerBusy": engine.ErrConflict,
		"OTSConditionCheckFail OTSServerBusy":               engine.ErrConflict,
		"OTSParameterInvalid OTSServerBusy":                 engine.ErrInvalid,
		"OTSServerBusy OTSNoPermissionAccess":               engine.ErrDenied,
	} {
		var rows ledger.RowErrors
		for code := range strings.FieldsSeq(codes) {
			rows = append(rows, sdk.Error{Code: code, Message: "m"})
		}
		class, again := ledger.Classify(rows)
		if class != want || again != (want == engine.ErrUnavailable) && want != engine.ErrUnknownOutcome {
			t.Errorf("%s: %v, again %t, want %v", codes, class, again, want)
		}
	}
}

func TestAnErrorThatIsNotListedIsJudgedByItsStatus(t *testing.T) {
	for status, want := range map[int]error{
		http.StatusBadRequest: engine.ErrInvalid, 499: engine.ErrInvalid,
		http.StatusInternalServerError: engine.ErrUnknownOutcome, http.StatusServiceUnavailable: engine.ErrUnknownOutcome,
	} {
		if class, _ := ledger.Classify(&sdk.OtsError{Code: "OTSNewThing", HttpStatusCode: status}); !errors.Is(class, want) {
			t.Errorf("an answer with status %d = %v, want %v", status, class, want)
		}
	}
}
