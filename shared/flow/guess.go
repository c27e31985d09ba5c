package flow

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// guess decides on one course of a rehearsal what is unknown, each time that the
// run needs to know it. [91]
type guess struct {
	unprinted map[string]bool // the steps whose output is unknown
	event     bool            // so is what the command of the event printed
	// made are the decisions, and needed is how many have been asked for. others are
	// the beginnings of courses that decide otherwise, at most room.
	made   []decision
	needed int
	others [][]decision
	room   int
	// at is the step under way, and attempt its attempt. Lost is the step at which
	// there was no room. Written is what the texts of the attempt depend on.
	at      string
	attempt int
	lost    string
	written []string
}

// decision is how something unknown was decided.
type decision struct {
	key, step, text string
	of              []string // the steps whose outputs decide
	answer          int
}

// cannotTell is the answer that an expression cannot be evaluated.
const cannotTell = 2

// guesses yields a guess for each course, until the answers to all that was asked
// were followed, or as many as there is room for. [93]
func guesses() iter.Seq[*guess] {
	return func(yield func(*guess) bool) {
		followed := 0
		for next := [][]decision{nil}; len(next) > 0; next = next[1:] {
			g := &guess{made: next[0], room: maxCourses - followed - len(next)}
			if !yield(g) {
				return
			}
			followed++
			next = append(next, g.others...)
		}
	}
}

// see shows the expressions of an attempt of a step what is unknown.
func (g *guess) see(step string, attempt int, env, steps map[string]any) {
	if g == nil {
		return
	}
	g.at, g.attempt, env[""] = step, attempt, g
	if g.event {
		env["event"].(map[string]any)["output"] = unknown{of: []string{starting}, like: ""}
	}
	for id, is := range g.unprinted {
		if known, ok := steps[id].(map[string]any); ok && is {
			known["output"] = unknown{of: []string{id}, like: ""}
		}
	}
}

// decide picks one of so many answers to what an expression is. The same
// expression has the same answer within an attempt.
func (g *guess) decide(text string, of []string, answers int) int {
	d := decision{fmt.Sprint(g.at, " ", g.attempt, " ", text), g.at, text, of, 0}
	for _, before := range g.made[:g.needed] {
		if before.key == d.key {
			return before.answer
		}
	}
	if g.needed == len(g.made) {
		if g.room -= answers - 1; (g.room < 0 || g.needed == maxDecisions) && g.lost == "" {
			g.lost = g.at
		}
		for other := d; g.lost == "" && other.answer < answers-1; {
			other.answer++
			g.others = append(g.others, append(slices.Clone(g.made), other))
		}
		g.made = append(g.made, d)
	}
	g.needed++
	return g.made[g.needed-1].answer
}

// truth decides whether an expression holds, or cannot be evaluated.
func (u unknown) truth(env map[string]any, n *node, element any) (bool, error) {
	text, answers := oneLine(n.written), 2
	if element != nil {
		text = fmt.Sprintf("%s for # = %v", text, element)
	}
	if u.fails || u.like != false {
		answers = 3
	}
	answer := env[""].(*guess).decide(text, u.of, answers)
	if answer == cannotTell {
		return false, errors.New("it " + dependsOn(u.of))
	}
	return answer == 0, nil
}

// text is what stands for an unknown part of a text, if it is text.
func (u unknown) text(env map[string]any, n *node) (string, error) {
	g := env[""].(*guess)
	g.written = union(g.written, u.of)
	if _, float := u.like.(float64); u.fails || float || u.like == nil {
		return "(" + dependsOn(u.of) + ")", g.send(n.written, u.of)
	}
	return "(" + dependsOn(u.of) + ")", nil
}

// send decides whether something can be sent that depends on what steps print.
func (g *guess) send(text string, of []string) error {
	if g.decide(oneLine(text), of, 2) == 1 {
		return errors.New("it " + dependsOn(of))
	}
	return nil
}

// of are the steps whose outputs decide which course it is.
func (g *guess) of() (of []string) {
	for _, d := range g.made {
		of = union(of, d.of)
	}
	return of
}
