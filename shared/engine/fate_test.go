package engine_test

import (
	"errors"
	"slices"

	"aftercare/shared/engine"
)

// answer decides what becomes of a call.
func (w *world) answer(c *call) {
	reply := func(err error, how string) {
		w.logf("%s %s %s: %s (%v)", c.by.name, c.what, c.detail, how, err)
		w.mu.Lock()
		w.calls = slices.DeleteFunc(w.calls, func(o *call) bool { return o == c })
		w.mu.Unlock()
		c.reply <- err
	}
	if c.taken {
		reply(c.err, "answered")
		return
	}
	if w.calm || !w.chance("fault", w.chaos) {
		if !w.calm && w.chance("slow answer", 10) {
			c.taken, c.err = true, c.do()
			w.logf("%s %s %s: taken, answer on its way", c.by.name, c.what, c.detail)
			return
		}
		reply(c.do(), "done")
		return
	}
	fates := []string{"refused", "hangs"}
	if c.write {
		fates = append(fates, "answer-lost", "lost", "late")
	}
	if c.what == "send" {
		fates = append(fates, "throttled", "throttled", "lost, then throttled", "quota", "denied")
	}
	switch fate := fates[w.draw("fate", len(fates))]; fate {
	case "hangs":
		c.hangs = true
		w.logf("%s %s %s hangs", c.by.name, c.what, c.detail)
	case "late":
		w.late = append(w.late, c)
		reply(engine.ErrUnknownOutcome, fate)
	case "lost, then throttled":
		w.unclear[c.detail] = true
		w.late = append(w.late, c)
		reply(errors.Join(engine.ErrUnknownOutcome, engine.ErrThrottled), fate)
	default:
		if named[fate].applied {
			c.do()
		}
		reply(named[fate].err, fate)
	}
}
