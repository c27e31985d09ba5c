package functioncompute

import (
	"fmt"
	"net/http"
	"strings"

	"aftercare/tests/localcloud/access"
)

// checkSignature checks a signed request, and lets an unsigned one pass unless
// signatures are required.
func (s *Server) checkSignature(r *http.Request, body []byte) *APIError {
	if r.Header.Get("Authorization") == "" {
		if s.opt.RequireSignature {
			return &APIError{Status: 400, Code: "MissingRequiredHeader", Message: "required HTTP header Authorization was not specified"}
		}
		return nil
	}
	if s.verifier == nil {
		return nil
	}
	return ownWords(s.verifier.Header(r, body))
}

// ownWords translates a refusal of the gateway into Function Compute's codes.
// Source: https://www.alibabacloud.com/help/en/functioncompute/error-codes
func ownWords(refused *access.Refusal) *APIError {
	switch {
	case refused == nil:
		return nil
	case refused.Code == "SignatureDoesNotMatch", refused.Code == "IncompleteSignature":
		return &APIError{Status: 403, Code: "SignatureNotMatch",
			Message: "The request signature we calculated does not match the signature you provided. Check your access key and signing method"}
	case strings.HasPrefix(refused.Code, "InvalidAccessKeyId"), strings.Contains(refused.Code, "SecurityToken"):
		return &APIError{Status: 403, Code: "InvalidAccessKeyID", Message: fmt.Sprintf("invalid access key ID '%s'", refused.KeyID)}
	case strings.HasPrefix(refused.Code, "Missing"):
		return &APIError{Status: 400, Code: "MissingRequiredHeader", Message: refused.Message}
	case refused.Code == access.CodeNotImitated:
		return invalidArgument("%s", refused.Message)
	}
	return &APIError{Status: refused.Status, Code: refused.Code, Message: refused.Message}
}
