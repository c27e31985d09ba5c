package inbox

import (
	"crypto/hmac"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// generic is a webhook that accepts any body. With a secret, it requires the
// header X-Aftercare-Signature: t=<unix seconds>,v1=<hex>, where hex is the
// HMAC-SHA256 of "<t>.<body>".
type generic struct{}

func (generic) name() string   { return Webhook }
func (generic) perMinute() int { return 0 }
func (generic) accepted() answer {
	return answer{status: http.StatusOK, contentType: "application/json", body: "{}"}
}
func (generic) tooFast() answer { return answer{} } // there is no limit

func (generic) check(opt Options, r *http.Request, body []byte, now time.Time) (bool, *answer) {
	if opt.WebhookSecret == "" {
		return false, nil
	}
	var t, v1 string
	for field := range strings.SplitSeq(r.Header.Get("X-Aftercare-Signature"), ",") {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "t":
			t = value
		case "v1":
			v1 = value
		}
	}
	want := hex.EncodeToString(hmac256(opt.WebhookSecret, t+"."+string(body)))
	if !recentUnix(t, time.Second, now) || !hmac.Equal([]byte(v1), []byte(want)) {
		return false, plain(http.StatusUnauthorized, "signature is missing, wrong or older than an hour")
	}
	return true, nil
}
