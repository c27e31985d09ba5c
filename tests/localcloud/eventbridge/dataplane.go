package eventbridge

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"net/http"
)

// codeSuccess is the vendor's error code for an event that was accepted. Source:
// https://www.alibabacloud.com/help/en/eventbridge/developer-reference/api-eventbridge-2020-04-01-putevents
const codeSuccess = "Success"

// keyCodes maps the API gateway's codes to EventBridge's. Source:
// https://www.alibabacloud.com/help/en/eventbridge/error-codes
var keyCodes = map[string]string{
	"InvalidAccessKeyId.NotFound":                "InvalidAccessKeyId",
	"InvalidSecurityToken.Expired":               "StsAccessIdExpired",
	"InvalidSecurityToken.MismatchWithAccessKey": "SecurityTokenInvalid",
	"MissingSecurityToken":                       "SecurityTokenInvalid",
	"SignatureDoesNotMatch":                      "SignatureDoesNotMatch",
}

// serveDataPlane accepts events as the vendor's older data plane does, for the
// SDKs named eventbridge 1.x: each event names its bus in the extension
// aliyuneventbusname.
func (s *Server) serveDataPlane(w http.ResponseWriter, r *http.Request) {
	if err := s.checkDataPlane(r); err != nil {
		refuse(w, lowerCase, err)
		return
	}
	events, err := readEvents(w, r)
	if err != nil {
		refuse(w, lowerCase, err)
		return
	}
	var all []incoming
	for _, raw := range events {
		var name struct {
			Bus string `json:"aliyuneventbusname"`
		}
		_ = json.Unmarshal(raw, &name) // a bad name is refused by PutEvent
		all = append(all, incoming{name.Bus, raw})
	}
	s.put(w, r, lowerCase, all, func(out outcome) {
		answer(w, http.StatusOK, struct {
			RequestID string `json:"RequestId"`
			Owner     string `json:"ResourceOwnerAccountId"`
			outcome
		}{rand.Text(), s.opt.Account, out.named()})
	})
}

// checkDataPlane checks the signature of a call.
func (s *Server) checkDataPlane(r *http.Request) error {
	refused := s.verifier.DataPlane(r)
	if refused == nil {
		return nil
	}
	if code, ok := keyCodes[refused.Code]; ok {
		return &Error{http.StatusForbidden, code, refused.Message}
	}
	return &Error{refused.Status, refused.Code, refused.Message}
}

// named adds the code for success, too.
func (o outcome) named() outcome {
	for i := range o.EntryList {
		o.EntryList[i].ErrorCode = cmp.Or(o.EntryList[i].ErrorCode, codeSuccess)
	}
	return o
}
