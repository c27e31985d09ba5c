package ecs

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// readInvocation reads and checks the parameters that say where, when and how to
// run a command. The caller holds the lock.
func (s *Server) readInvocation(p params, c command) (*invocation, *apiError) {
	inv := &invocation{
		ID: s.options.NewInvokeID(), Command: c, WorkingDir: c.WorkingDir, Username: p.text("Username"),
		Mode: p.text("TerminationMode"), RepeatMode: p.text("RepeatMode"), Frequency: p.text("Frequency"),
		Created: s.options.Now(), Accepted: time.Now(),
	}
	inv.VisibleAt = inv.Accepted.Add(s.options.Delays.VisibleAfter)
	for _, check := range []func(params, *invocation) *apiError{
		s.readTargets, s.readParameters, s.readTimeout, s.readUser, s.readRepeat,
	} {
		if e := check(p, inv); e != nil {
			return nil, e
		}
	}
	if p.has("WorkingDir") {
		inv.WorkingDir = p.text("WorkingDir")
	}
	if e := checkWorkingDir(inv.WorkingDir); e != nil {
		return nil, e
	}
	if e := checkLauncher(p); e != nil {
		return nil, e
	}
	switch inv.Mode {
	case "":
		inv.Mode = "Process"
	case "Process", "ProcessTree":
	default:
		return nil, notFound("InvalidTerminationMode.NotFound", "the termination mode %q does not exist", inv.Mode)
	}
	var e *apiError
	inv.Tags, e = p.ownTags()
	return inv, e
}

// readTargets finds the instances. A single wrong one fails the whole call.
func (s *Server) readTargets(p params, inv *invocation) *apiError {
	ids := p.list("InstanceId")
	wanted, e := p.resourceTags(20)
	switch {
	case e != nil:
		return e
	case len(ids) > 0 && len(wanted) > 0:
		return bad("InvalidResourceTag.ConflictWithInstanceIds", "instances are given by id and by tag")
	case len(wanted) > 0:
		for id, i := range s.instances {
			if matches(tagList(i.Tags), wanted) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		if len(ids) == 0 {
			return bad("InvalidResourceTag.InstanceNotFound", "no instance has these tags")
		}
	case len(ids) == 0 || slices.Contains(ids, ""):
		return bad("MissingParam.InstanceId", "no instance is given")
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > 100 {
		return forbidden("InstanceIds.ExceedLimit", "more than 100 instances are given")
	}
	for _, id := range ids {
		i := s.instances[id]
		if i == nil {
			return notFound("InvalidInstance.NotFound", "the instance %s does not exist", id)
		}
		if i.windows() != (inv.Command.Type != shellType) {
			return bad("InvalidInstance.NotMatch", "the command type %s does not fit the %s instance %s", inv.Command.Type, i.OSType, id)
		}
	}
	inv.Instances = ids
	return nil
}

func (s *Server) readParameters(p params, inv *invocation) *apiError {
	var e *apiError
	if inv.Parameters, e = readParameters(p.text("Parameters"), inv.Command); e != nil {
		return e
	}
	limit := passedContent
	if inv.Command.Kept {
		limit = keptContent
	}
	if encodedSize(inv.Command.Content, inv.Parameters) > limit {
		return forbidden("CmdContent.ExceedLimit", "the content and its parameters are longer than %d KB in base64", limit>>10)
	}
	return nil
}

func (s *Server) readTimeout(p params, inv *invocation) *apiError {
	n, e := p.number("Timeout", inv.Command.Timeout)
	if e != nil {
		return e
	}
	if n > 30*24*60*60 {
		return forbidden("InvalidTimeout.ExceedLimit", "the timeout is longer than 30 days")
	}
	inv.Limit = max(time.Duration(max(n, 0))*time.Second, s.options.Delays.MinTimeout)
	inv.Timeout = int64(math.Ceil(inv.Limit.Seconds()))
	return nil
}

func (s *Server) readUser(p params, inv *invocation) *apiError {
	switch {
	case utf8.RuneCountInString(inv.Username) > 255:
		return forbidden("Username.ExceedLimit", "the user name is longer than 255 characters")
	case utf8.RuneCountInString(p.text("WindowsPasswordName")) > 255:
		return forbidden("WindowsPasswordName.ExceedLimit", "the password's name is longer than 255 characters")
	case p.has("WindowsPasswordName"):
		return notImitated("the parameter WindowsPasswordName")
	case inv.Command.Type != shellType && inv.Username != "" && !strings.EqualFold(inv.Username, "System"):
		return forbidden("WindowsPasswordName.Missed", "another user than System needs WindowsPasswordName")
	}
	return nil
}

func (s *Server) readRepeat(_ params, inv *invocation) *apiError {
	switch inv.RepeatMode {
	case "":
		inv.RepeatMode = modeOnce
	case modeOnce, modePeriod, modeNextReboot, modeEachReboot:
	case "DryRun":
		return notImitated("RepeatMode DryRun")
	default:
		return notFound("InvalidRepeatMode.NotFound", "the repeat mode %q does not exist", inv.RepeatMode)
	}
	if inv.RepeatMode == modePeriod || inv.Frequency != "" {
		inv.RepeatMode = modePeriod // whatever else was asked for
		return s.readFrequency(inv)
	}
	return nil
}

func (s *Server) readFrequency(inv *invocation) *apiError {
	if inv.Frequency == "" {
		return bad("MissingParam.Frequency", "RepeatMode Period needs a Frequency")
	}
	plan, err := parseSchedule(inv.Frequency)
	switch {
	case errors.Is(err, errNotImitated):
		return notImitated("the schedule: %v", err)
	case err != nil:
		return bad("InvalidParam.Frequency", "the schedule is not valid: %v", err)
	}
	next, ok := plan.after(inv.Created, inv.Created)
	if !ok {
		return bad("InvalidParam.Frequency", "the schedule has no time that is still to come")
	}
	switch {
	case plan.every > 0:
		if plan.every < s.options.Delays.MinRate || plan.every > 7*24*time.Hour || plan.every <= inv.Limit {
			return bad("InvalidParam.Frequency", "the interval is not from 60 s to 7 days, or not over the timeout")
		}
	case plan.cron != nil:
		for range 60 {
			following, more := plan.after(next, inv.Created)
			if !more {
				break
			}
			if gap := following.Sub(next); gap < 10*time.Second || gap < inv.Limit {
				return bad("InvalidParam.Frequency", "two times of the schedule are closer than 10 s or than the timeout")
			}
			next = following
		}
	}
	inv.plan = plan
	return nil
}
