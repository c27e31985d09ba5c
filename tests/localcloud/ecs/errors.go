package ecs

import (
	"fmt"
	"net/http"

	"aftercare/tests/localcloud/access"
)

// CodeNotImitated is the error code for anything that the real service can do
// and this one cannot.
const CodeNotImitated = access.CodeNotImitated

// apiError is an error answer of the service.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func bad(code, format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, code, format, args...)
}

func forbidden(code, format string, args ...any) *apiError {
	return refuse(http.StatusForbidden, code, format, args...)
}

func notFound(code, format string, args ...any) *apiError {
	return refuse(http.StatusNotFound, code, format, args...)
}

func notImitated(format string, args ...any) *apiError {
	return bad(CodeNotImitated, "the local cloud does not imitate "+format, args...)
}

// errorAnswer is the body of an error. The SDK expects every value to be a
// string and panics on anything else.
type errorAnswer struct {
	RequestId string
	HostId    string
	Code      string
	Message   string
	Recommend string
}
