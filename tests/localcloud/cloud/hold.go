package cloud

import (
	"sync"

	"aftercare/tests/localcloud/eventbridge"
)

// holds numbers the holds that were made over the control surface.
type holds struct {
	mu   sync.Mutex
	last int
	open []*hold
}

type hold struct {
	number int
	match  Match
	held   *eventbridge.Held
}

func (m Match) fits(d eventbridge.Delivery) bool {
	e := readHead(d.Event)
	fits := func(want, got string) bool { return want == "" || want == got }
	return fits(m.Type, e.Type) && fits(m.ID, e.ID) && fits(m.Instance, e.instance()) && fits(m.Rule, d.Rule)
}

func (h *holds) add(bus *eventbridge.Server, m Match) HoldInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.open = append(h.open, &hold{h.last, m, bus.Hold(m.fits)})
	return HoldInfo{Hold: h.last, Match: m}
}

func (h *holds) list() []HoldInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := []HoldInfo{}
	for _, o := range h.open {
		out = append(out, HoldInfo{Hold: o.number, Match: o.match, Held: o.held.Len()})
	}
	return out
}

// take removes a hold and returns it; nil if no hold has this number.
func (h *holds) take(number int) *eventbridge.Held {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, o := range h.open {
		if o.number == number {
			h.open = append(h.open[:i], h.open[i+1:]...)
			return o.held
		}
	}
	return nil
}
