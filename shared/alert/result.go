package alert

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/engine"
)

// Result is what became of one delivery.
type Result struct {
	// Err is nil if the channel confirmed. Otherwise errors.Is finds one of
	// engine's classes:
	//
	//   - ErrThrottled: refused for its rate, which is not a try
	//   - ErrUnknownOutcome: the channel may or may not have it
	//   - ErrDenied, ErrInvalid: refused for good; Failed may say for what
	//   - ErrUnavailable: not delivered, for a reason that passes
	//
	// Its text holds no URL, token or signature, and no words of an answer.
	Err error
	// RetryAt is when to come back, in UTC. It is set with ErrThrottled, and
	// with ErrUnavailable if the channel named a time; otherwise it is zero.
	RetryAt time.Time
	// Failed is the setting to look at first.
	Failed Part
}

// Confirmed reports whether the channel said that it has the message.
func (r Result) Confirmed() bool { return r.Err == nil }

// Part is the part of a channel's settings, or of a message, that was refused.
type Part string

// The parts. The zero Part means that the channel did not say.
const (
	PartKeyword Part = "keyword"
	PartSign    Part = "sign"    // the signature, its secret, or its time
	PartAddress Part = "address" // the channel's URL or token, or where Aftercare sends from
	PartLimit   Part = "limit"   // the size of a message, or the number of messages
)

// How long to stay away from a channel that refuses for rate.
const (
	usualWait   = time.Minute
	dingTalkBar = 10 * time.Minute
	// longestWait bounds what an answer can ask for: alerts are given up after
	// a day.
	longestWait = time.Hour
)

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	// body is nil if it is longer than maxAnswerBytes.
	body []byte
	at   time.Time
}

// verdict is what an answer means. Its words are fixed. The zero verdict is a
// confirmation.
type verdict struct {
	class error // of package engine
	part  Part
	words string
	// wait is for rate: how long to stay away unless the answer says that.
	wait time.Duration
}

func denied(part Part, words string) verdict {
	return verdict{class: engine.ErrDenied, part: part, words: words}
}
func invalid(part Part, words string) verdict {
	return verdict{class: engine.ErrInvalid, part: part, words: words}
}
func unavailable(words string) verdict { return verdict{class: engine.ErrUnavailable, words: words} }
func unknown(words string) verdict     { return verdict{class: engine.ErrUnknownOutcome, words: words} }
func throttled(wait time.Duration) verdict {
	return verdict{class: engine.ErrThrottled, part: PartLimit, words: "too many messages", wait: wait}
}

// with adds the code that led to the verdict.
func (v verdict) with(name string, code float64) verdict {
	v.words = fmt.Sprintf("%s (%s %.15g)", v.words, name, code)
	return v
}

// result is the verdict on a, as callers see it.
func (v verdict) result(a answer) Result {
	if v.class == nil {
		return Result{}
	}
	r := Result{Err: fmt.Errorf("%s: %w", v.words, v.class), Failed: v.part}
	wait, said := waitOf(a)
	switch {
	case said && (v.wait > 0 || v.class == engine.ErrUnavailable):
		r.RetryAt = a.at.Add(wait).UTC()
	case v.wait > 0:
		r.RetryAt = a.at.Add(v.wait).UTC()
	}
	return r
}

// waitOf reads when an answer asks to be asked again: Retry-After as seconds or
// a date, or the seconds of Lark's gateway.
func waitOf(a answer) (wait time.Duration, said bool) {
	for _, name := range []string{"Retry-After", "X-Ogw-Ratelimit-Reset"} {
		text := strings.TrimSpace(a.header.Get(name))
		seconds, err := strconv.ParseFloat(text, 64)
		at, notDate := http.ParseTime(text)
		switch {
		case err == nil && seconds >= 0:
			wait = time.Duration(min(seconds, longestWait.Seconds()) * float64(time.Second))
		case notDate == nil:
			wait = at.Sub(a.at)
		default:
			continue
		}
		return min(max(wait, time.Second), longestWait), true
	}
	return 0, false
}

// byStatus is what every channel means by a status other than 2xx.
func byStatus(status int) verdict {
	v := unavailable("the service is not available")
	switch {
	case status == http.StatusTooManyRequests:
		v = throttled(usualWait)
	case status == http.StatusUnauthorized:
		v = denied(PartSign, "the token or signature is refused")
	case status == http.StatusForbidden:
		v = denied("", "the message is forbidden")
	case status == http.StatusNotFound, status == http.StatusGone, status == http.StatusMethodNotAllowed:
		v = invalid(PartAddress, "nothing takes messages at the channel's URL")
	case status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong:
		v = invalid(PartLimit, "the message is too long")
	case status/100 == 3:
		v = invalid(PartAddress, "the channel's URL leads elsewhere, and redirects are not followed")
	case status == http.StatusServiceUnavailable:
	case status/100 == 5, status == http.StatusRequestTimeout, status/100 == 1:
		v = unknown("the service failed")
	default:
		v = invalid("", "the message is refused")
	}
	return v.with("HTTP status", float64(status))
}

// codes are the meanings of a vendor's codes. Those that are not there are
// refusals that may pass.
type codes map[float64]verdict

// judge judges an answer whose body must have a code by one of these names; 0
// confirms.
func (c codes) judge(a answer, names ...string) verdict {
	for _, name := range names {
		code, ok := codeIn(a.body, name)
		if !ok {
			continue
		}
		v, known := c[code]
		switch {
		case code == 0:
			return verdict{}
		case !known:
			v = unavailable("the message is refused")
		}
		return v.with(name, code)
	}
	return unknown("the answer has no " + names[0])
}

// codeIn returns the named member of a JSON object; ok is false if it is not
// a number, or if body is no JSON object.
func codeIn(body []byte, name string) (code float64, ok bool) {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return 0, false
	}
	code, ok = answer[name].(float64)
	return code, ok
}
