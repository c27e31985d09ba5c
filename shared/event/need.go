package event

// Need is what an event must have to be believed, beside what Parse requires.
// An envelope is as easily forged as data, so this guards against rules that
// deliver something else than was meant, and not against callers.
type Need struct{ Envelope, Account, ID bool }

// check refuses an event that lacks something.
func (n Need) check(e Event) Event {
	var env Envelope
	switch e := e.(type) {
	case TaskCompleted:
		env = e.Envelope
	case FirstHeartbeat:
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
