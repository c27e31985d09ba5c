// Package invoke calls functions of Function Compute 3 by InvokeFunction, signed
// with ACS3-HMAC-SHA256, which the SDK of this module cannot do. It waits for the
// function's answer, or only until the service has taken the call.
//
// It does not try again: the caller knows whether the function takes the same
// input twice. Errors are built only from the function's name, the HTTP status,
// the error code and the request id, because the service repeats signed requests,
// and functions repeat their input, in their messages. It does not know what
// functions do.
package invoke
