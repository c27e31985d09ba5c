package decide

import "aftercare/shared/flow"

// draft is a commit in the making. It changes the state only through its rows,
// and measures what they take.
type draft struct {
	view
	before State
	// mine is the claim of this decision.
	mine Claim
	// releases: the queue may move.
	releases bool

	tasks     rows[Task]
	sends     rows[Send]
	messages  rows[Message]
	runs      rows[FlowRun]
	unmatched rows[Unmatched]
	limits    rows[Limit]
	failing   rows[Failing]
	repairs   rows[Repairs]
	alerted   rows[Alerted]
	undo      undo
	// cramped: a flow could not start in this commit.
	cramped bool
	// guarded: the commit says something about live rows that it does not change.
	guarded bool
	more    bool
	log
}

// log is what a decision adds to the commit's records and to its own report.
// Going back to an earlier value of it takes that back.
type log struct {
	changes Changes
	size    size // of the records
	claimed int
	sent    int // of these, commands that need room
	short   int // commands that were left for want of room
	notes   []Note
	flows   []FlowDecision
	saw     []flow.Value // by the conditions of those flows
	made    []Repair     // if a sweep decides
	often   bool         // ends were asked for, lately
}

func newDraft(s State, c Control, p Policy, m Moment) *draft {
	d := &draft{
		view:   view{State: s, policy: p, control: c, now: m.Now, room: m.Room, roomAt: m.RoomAt},
		before: s, mine: m.Claim, releases: true,
	}
	d.tasks = newRows(&d.Tasks, &d.undo)
	d.sends = newRows(&d.Sends, &d.undo)
	d.messages = newRows(&d.Messages, &d.undo)
	d.runs = newRows(&d.Runs, &d.undo)
	d.unmatched = newRows(&d.Unmatched, &d.undo)
	d.limits = newRows(&d.Limits, &d.undo)
	d.failing = newRows(&d.Failing, &d.undo)
	d.repairs = newRows(&d.Repairs, &d.undo)
	d.alerted = newRows(&d.Alerted, &d.undo)
	return d
}

func (d *draft) note(what, why string) { d.notes = append(d.notes, Note{What: what, Why: why}) }

// try does a unit of work, or notes that there is more to do. A unit that is
// alone in its commit is always done: no other commit has more room.
func (d *draft) try(unit func()) bool {
	if d.total() == (size{}) {
		unit()
		return true
	}
	d.cramped = false
	if !d.ifRoom(unit) {
		d.more = true
		return false
	}
	return true
}

// ifRoom does a unit of work. If the commit then outgrows what fits, or a flow
// could not start for that, it takes the unit back and returns false.
func (d *draft) ifRoom(unit func()) bool {
	instance, log, mark := d.Instance, d.log, len(d.undo)
	unit()
	if !d.cramped && d.total().fits() {
		return true
	}
	d.undo.since(mark)
	d.Instance, d.log = instance, log
	return false
}

// total is what the commit takes so far.
func (d *draft) total() size {
	if live := d.liveSize(); live != (size{}) {
		return d.size.plus(live)
	}
	return d.size
}

// liveSize is what the changes of live rows take: nothing if there are none.
func (d *draft) liveSize() size {
	var sum size
	for _, n := range []size{
		d.tasks.size(), d.sends.size(), d.messages.size(), d.runs.size(), d.unmatched.size(), d.limits.size(), d.failing.size(), d.repairs.size(), d.alerted.size(),
	} {
		sum = sum.plus(n)
	}
	if sum != (size{}) || d.Instance != d.before.Instance {
		sum.add(d.Instance)
	}
	return sum
}

// record adds a row for people, or one that identifies the input.
func record[T any](d *draft, list *[]T, v T) {
	d.size.add(v)
	*list = append(*list, v)
}
