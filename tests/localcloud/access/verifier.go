package access

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// timeWindow is how far a call's time stamp may be off the clock.
// Source: https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
const timeWindow = 15 * time.Minute

// stampForm is the form of time stamps, in UTC.
const stampForm = "2006-01-02T15:04:05Z"

// CodeNotImitated is the error code for anything that the real services can do
// and the local ones cannot.
const CodeNotImitated = "LocalCloud.NotImitated"

// Refusal says why a call did not pass, with the code, status and words of the
// vendor's API gateway; a service with codes of its own translates the code.
// Source: https://developer.aliyun.com/ask/278265
type Refusal struct {
	Status  int // of HTTP
	Code    string
	Message string
	KeyID   string // the access key id that the call names, if any
}

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

func notImitated(format string, args ...any) *Refusal {
	return refuse(CodeNotImitated, "the local cloud does not imitate "+format, args...)
}

// Verifier checks that a known key made a signature, that it fits the call, that
// its time stamp is near the clock, and that its nonce is new. It knows
// signature version 1 (RPC) and ACS3-HMAC-SHA256 (Header), and reads RPC calls
// with either (Call). It is safe for concurrent use.
type Verifier struct {
	keys   *Keys
	now    func() time.Time
	nonces nonces
}

// NewVerifier returns a verifier for these keys and this clock.
func NewVerifier(keys *Keys, now func() time.Time) *Verifier {
	return &Verifier{keys: keys, now: now}
}

// claim is what a signed call of any kind says about itself.
type claim struct {
	keyID, token string
	signature    string
	sign         func(secret string) string
	mismatch     string // the message if the signature does not fit
	stamp, nonce string
}

// check returns nil if a call passes, or the refusal.
func (v *Verifier) check(c claim) *Refusal {
	refused := v.judge(c)
	if refused != nil {
		refused.KeyID = c.keyID
	}
	return refused
}

func (v *Verifier) judge(c claim) *Refusal {
	secret, err := v.keys.Secret(c.keyID, c.token)
	switch {
	case errors.Is(err, ErrUnknownID) && strings.HasPrefix(c.keyID, "STS.") && c.token != "":
		// A temporary key becomes unknown only when it ends.
		return refuse("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	case errors.Is(err, ErrUnknownID):
		return &Refusal{Status: http.StatusNotFound, Code: "InvalidAccessKeyId.NotFound", Message: "Specified access key is not found."}
	case c.token == "" && err != nil:
		return refuse("MissingSecurityToken", "SecurityToken is mandatory for this action.")
	case err != nil:
		return refuse("InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.")
	}
	if subtle.ConstantTimeCompare([]byte(c.sign(secret)), []byte(c.signature)) == 0 {
		return refuse("SignatureDoesNotMatch", "%s", c.mismatch)
	}
	stamp, err := time.Parse(stampForm, c.stamp)
	if err != nil {
		return refuse("InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
	}
	now := v.now()
	if now.Sub(stamp).Abs() > timeWindow {
		return refuse("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	if !v.nonces.use(c.keyID+" "+c.nonce, now) {
		return refuse("SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	return nil
}
