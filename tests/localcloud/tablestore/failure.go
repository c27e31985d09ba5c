package tablestore

import (
	"fmt"
	"net/http"
)

// failure is an error answer of the service: status, code and message.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func errParameter(format string, args ...any) error {
	return &failure{http.StatusBadRequest, "OTSParameterInvalid", fmt.Sprintf(format, args...)}
}

// errUnsupported refuses a feature that the emulator does not have.
func errUnsupported(what string) error {
	return &failure{http.StatusBadRequest, "OTSUnsupportOperation", what + " is not imitated by the local Tablestore."}
}

func errInvalidKey() error {
	return &failure{http.StatusBadRequest, "OTSInvalidPK", "Primary key schema mismatch."}
}

func errAuth(message string) error {
	return &failure{http.StatusForbidden, "OTSAuthFailed", message}
}

func errConditionFailed() error {
	return &failure{http.StatusForbidden, "OTSConditionCheckFail", "Condition check failed."}
}

func errNoTable() error {
	return &failure{http.StatusNotFound, "OTSObjectNotExist", "Requested table does not exist."}
}

func errNoIndex() error {
	return &failure{http.StatusNotFound, "OTSObjectNotExist", "Requested index does not exist."}
}

func errIndexBuilding() error {
	return &failure{http.StatusNotFound, "OTSTableNotReady", "Disallow read index table in building base state"}
}

func errTableExists() error {
	return &failure{http.StatusConflict, "OTSObjectAlreadyExist", "Requested table already exists."}
}

func errTooManyTables() error {
	return &failure{http.StatusForbidden, "OTSQuotaExhausted", "Number of tables exceeded the quota."}
}

func errThroughputTooOften() error {
	return &failure{http.StatusForbidden, "OTSTooFrequentReservedThroughputAdjustment", "Capacity unit adjustment is too frequent."}
}

func errRowTooLarge() error {
	return &failure{http.StatusBadRequest, "OTSOutOfRowSizeLimit", "The total data size of columns in one row exceeded the limit."}
}

func errTooManyColumns() error {
	return &failure{http.StatusBadRequest, "OTSOutOfColumnCountLimit", "The number of columns in one row exceeded the limit."}
}

func errBodyTooLarge() error {
	return &failure{http.StatusRequestEntityTooLarge, "OTSRequestBodyTooLarge", "The size of POST data is too large."}
}

func errMethod() error {
	return &failure{http.StatusMethodNotAllowed, "OTSMethodNotAllowed", "Only POST method for requests is supported."}
}

func errInternal() error {
	return &failure{http.StatusInternalServerError, "OTSInternalServerError", "Internal server error."}
}
