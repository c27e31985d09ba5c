package event

// Need lists what an event must have, besides what Parse requires. It guards
// against rules that deliver something else than was meant. It does not guard
// against callers, who can forge an envelope as easily as data.
type Need struct{ Envelope, Account, ID bool }

// check returns Malformed instead of an event that lacks something.
func (n Need) check(e Event) Event {
	var env Envelope
	switch e := e.(type) {
	case TaskCompleted:
		env = e.Envelope
	case FirstHeartbeat:
		env = e.Envelope
	case InstanceStateChange:
		env = e.Envelope
	default:
		return e
	}
	lacks := ""
	switch {
	case n.Envelope && env.Bare:
		lacks = "an envelope"
	case n.Account && env.Account == "":
		lacks = "an account"
	case n.ID && env.ID == "":
		lacks = "an id"
	default:
		return e
	}
	return Malformed{Reason: "refused by the settings: the event lacks " + lacks}
}
