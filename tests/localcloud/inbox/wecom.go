package inbox

import (
	"net/http"
	"time"
)

// weCom is a group robot of WeCom, which has no signature, only a key in its
// address. Codes and limits follow https://developer.work.weixin.qq.com/document/path/91770
// and https://developer.work.weixin.qq.com/document/path/90313
type weCom struct{}

// The codes of WeCom's answers.
const (
	weComNoKey   = 93000
	weComBadKind = 40008
	weComNoJSON  = 47001
	weComTooFast = 45009
)

func (weCom) name() string     { return WeCom }
func (weCom) perMinute() int   { return 20 }
func (weCom) accepted() answer { return *coded(0, "ok") }
func (weCom) tooFast() answer  { return *coded(weComTooFast, "api freq out of limit") }

func (weCom) check(opt Options, r *http.Request, body []byte, _ time.Time) (bool, *answer) {
	if key := r.URL.Query().Get("key"); key == "" || opt.WeComKey != "" && key != opt.WeComKey {
		return false, coded(weComNoKey, "invalid webhook url")
	}
	kind, ok := kindOfMessage(body, "msgtype")
	switch {
	case !ok:
		return false, coded(weComNoJSON, "data format error")
	case kind == "":
		return false, coded(weComBadKind, "invalid message type")
	}
	return false, nil
}
