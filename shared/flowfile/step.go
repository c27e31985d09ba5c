package flowfile

import (
	"slices"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flow"
	"aftercare/shared/suggest"
	"aftercare/shared/yamlfile"
)

// actions are the keys that exclude each other: a step has exactly one.
var actions = []string{flow.KindRun, flow.KindInvoke, flow.KindAlert, flow.KindWait, flow.KindStop}

// stepsOf checks the steps of a list, except for rules that depend on the rest
// of the flow.
func (r *reader) stepsOf(p *placedFlow, l *stepList) {
	for i, s := range l.steps {
		path := l.at(i)
		if !r.Sound(path) {
			continue
		}
		r.action(path)
		r.route(s.Route, path+".route")
		r.jump(p, l, i)
		if s.Run != nil {
			r.run(s.Run, path+".run")
		}
		if s.Invoke != nil {
			r.invoke(s.Invoke, path+".invoke")
		}
		r.retry(s.Retry, path+".retry")
		r.texts(s, path)
	}
	r.unreachable(l)
}

// action checks that a step does exactly one thing and has no key for another.
func (r *reader) action(path string) {
	var has []string
	for _, a := range actions {
		if r.Said(path + "." + a) {
			has = append(has, a)
		} else if r.Meant(path + "." + a) {
			return
		}
	}
	switch {
	case len(has) == 0:
		r.Add(r.Key(path), "a step needs one of the keys %s: say what to do", yamlfile.Listed(actions, "or"))
	case len(has) > 1:
		second := slices.MinFunc(has[1:], func(a, b string) int { return r.Key(path + "." + a).Compare(r.Key(path + "." + b)) })
		r.Add(r.Key(path+"."+second), "a step does one thing, but this one has %s: make several steps of it", yamlfile.Listed(has, "and"))
	default:
		if has[0] != flow.KindRun && has[0] != flow.KindInvoke {
			r.onlyFor(path, "run or invoke", "retry", "capture")
		}
		if has[0] != flow.KindAlert {
			r.onlyFor(path, "alert", "severity", "route", "runbook")
		}
	}
}

// route checks that alerts.yaml has the route. [86]
func (r *reader) route(name, path string) {
	if r.routes == nil || !r.Said(path) || !r.Sound(path) || slices.Contains(r.routes, name) {
		return
	}
	r.Add(r.Place(path), "there is no route %q in alerts.yaml%s", name, suggest.Hint(name, "its routes", r.routes))
}

// onlyFor finds keys that are for other steps.
func (r *reader) onlyFor(path, actions string, keys ...string) {
	for _, k := range keys {
		if r.Said(path + "." + k) {
			r.Add(r.Key(path+"."+k), "%s is only for steps with %s: remove it", k, actions)
		}
	}
}

// jump checks a step's onFailure. [42]
func (r *reader) jump(p *placedFlow, l *stepList, i int) {
	path, to := l.at(i)+".onFailure", l.steps[i].OnFailure
	if !r.Sound(path) || to == flow.FailureStop || to == flow.FailureContinue {
		return
	}
	words := []string{flow.FailureStop, flow.FailureContinue}
	for j, s := range l.steps {
		switch {
		case s.ID == to && j > i:
			if j == i+1 && s.When == "" {
				r.Warn(r.Place(path), "the step %s follows in any case: write continue, or a stop between the two, or give that step a when", to)
			}
			return
		case s.ID == to:
			r.Add(r.Place(path), "the step %s does not come after this one: name a later one, or write stop or continue", to)
			return
		case j > i && s.ID != "":
			words = append(words, s.ID)
		}
	}
	for _, other := range p.lists {
		if other != l && slices.ContainsFunc(other.steps, func(s flow.Step) bool { return s.ID == to }) {
			r.Add(r.Place(path), "the step %s is in %s: only a later step of the same list can follow, or write stop or continue", to, other.key)
			return
		}
	}
	r.Add(r.Place(path), "%s", yamlfile.UnknownWord("onFailure", to, words))
}

// unreachable finds steps that nothing reaches. [80]
func (r *reader) unreachable(l *stepList) {
	reached := make([]bool, len(l.steps)+1)
	reached[0] = true
	var stop string
	for i, s := range l.steps {
		if !reached[i] {
			if i == 0 || reached[i-1] {
				r.Add(r.Place(l.at(i)+".id"), "no run reaches this step, because the step %s always ends the run: remove the step, or give the stop a when", stop)
			}
			continue
		}
		if s.Kind() == flow.KindStop && s.Stop != "" && s.When == "" {
			stop = s.ID
		} else {
			reached[i+1] = true
		}
		for j := i + 1; j < len(l.steps); j++ {
			if l.steps[j].ID == s.OnFailure {
				reached[j] = true
			}
		}
	}
}

// retry checks that the bounds of a delay agree. [32]
func (r *reader) retry(t *flow.Retry, path string) {
	if t == nil || !r.Sound(path) {
		return
	}
	backoff := path + ".backoff"
	switch {
	case t.MaxBackoff == 0 || t.MaxBackoff >= t.Backoff:
	case r.Said(path + ".maxBackoff"):
		r.Add(r.Place(path+".maxBackoff"), "maxBackoff must be at least backoff, which is %s; this is %s", t.Backoff, t.MaxBackoff)
	default:
		r.Add(r.Place(backoff), "backoff is longer than maxBackoff, which is %s by default: write maxBackoff, too", t.MaxBackoff)
	}
}

// times checks that no step may take longer than its flow. [60] [61]
func (r *reader) times(p *placedFlow, l *stepList) {
	for i, s := range l.steps {
		path := l.at(i)
		own, what, at := s.Timeout, "timeout", path+".timeout"
		need, whose, where := needed(s)
		if own > 0 && need > own {
			r.addAt(p, l, []string{at, path + where, path}, "the timeout of the step %s, %s, is shorter than its %s of %s: make it longer", s.ID, own, whose, need)
			own = 0
		}
		if own == 0 {
			own, what, at = need, whose, path+where
		}
		if own > p.Timeout && p.Timeout > 0 {
			r.addAt(p, l, []string{at, p.path + ".timeout", path}, "the step %s has a %s of %s, which is longer than the flow's timeout of %s: make that longer", s.ID, what, own, p.Timeout)
		}
	}
}

// needed is the time that a step's command or wait may take.
func needed(s flow.Step) (d flow.Duration, whose, where string) {
	switch {
	case s.Run != nil:
		return min(s.Run.Timeout, command.Duration(command.MaxTimeout)), "run's timeout", ".run.timeout"
	case s.Invoke != nil:
		return min(s.Invoke.Timeout, command.Duration(command.MaxTimeout)), "invoke's timeout", ".invoke.timeout"
	case s.Wait != "" && s.Wait != flow.WaitNextBoot:
		d, _ := time.ParseDuration(s.Wait)
		return flow.Duration(d), "wait", ".wait"
	}
	return 0, "", ""
}

// addAt adds a mistake at the first of the paths that the file has.
func (r *reader) addAt(p *placedFlow, l *stepList, paths []string, format string, args ...any) {
	for _, path := range paths {
		if r.Said(path) {
			r.addFor(p, l, path, format, args...)
			return
		}
	}
}

// scopes checks the expressions of a flow's steps, each with the steps that it
// may name. [15]
func (r *reader) scopes(p *placedFlow) {
	var before, silent []string
	for _, l := range p.lists {
		if l.borrowed {
			r.borrower = p.Name
		}
		for i, s := range l.steps {
			path := l.at(i)
			at := place{flow.Scope{On: p.On, Steps: before, Inputs: p.Inputs, Output: p.CaptureEvent}, silent, slices.Concat(p.known, l.sure(i))}
			known, _ := r.condition(path+".when", at)
			r.template(path+".alert", "alert", at)
			if s.Run != nil {
				r.system(s.Run, path+".run", l, known)
				r.parameters(s.Run.Parameters, path+".run.parameters", at)
			}
			if s.Invoke != nil {
				r.parameters(s.Invoke.Parameters, path+".invoke.parameters", at)
			}
			if s.ID != "" && !slices.Contains(before, s.ID) {
				before = append(before, s.ID)
				if !s.Capture && r.Whole(path+".capture") && !r.Meant(path+".capture") {
					silent = append(silent, s.ID)
				}
			}
		}
		r.borrower = ""
	}
}

// system warns of a script for another system than that of the instances.
func (r *reader) system(run *command.Run, path string, l *stepList, known []fact) {
	mine, _ := systemOf(run)
	other := slices.ContainsFunc(known, func(f fact) bool { return !together(f, oneOf("instance.os", mine)) })
	if other && run.Type != "" && !l.borrowed && r.Sound(path) {
		r.Warn(r.Key(path), "no instance runs this %s, which is for %s: write another type, or another os", run.Type, mine)
	}
}

// sure is what is known of the steps before a step of the list that end the run if they
// do not succeed. One that may be passed by can be skipped, too.
func (l *stepList) sure(i int) (known []fact) {
	passed := -1 // steps up to this one may be jumped over
	for j, s := range l.steps[:i] {
		to := slices.IndexFunc(l.steps, func(later flow.Step) bool { return later.ID == s.OnFailure })
		passed = max(passed, to-1)
		if s.OnFailure != "" && s.OnFailure != flow.FailureStop || l.key == "finally" {
			continue
		}
		statuses, codes := []any{flow.StepSucceeded}, []any{0}
		if s.When != "" || j <= passed {
			statuses, codes = append(statuses, flow.StepSkipped), append(codes, -1)
		}
		name := written("steps", s.ID)
		for _, f := range []fact{oneOf(name+".status", statuses...), oneOf(name+".exitCode", codes...)} {
			f.warning = true
			f.given = "a run ends if its step " + s.ID + " does not succeed: write onFailure: continue in that step, or ask in the flow's onFailure or finally"
			known = append(known, f)
		}
	}
	return known
}

func (r *reader) parameters(values map[string]string, path string, at place) {
	for name := range values {
		r.template(path+"."+name, "parameter "+flow.Shorten(name, 64), at)
	}
}
