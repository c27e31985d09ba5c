package handler

import (
	"context"
	"fmt"
	"slices"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/mask"
	"aftercare/shared/suggest"
)

// scope is what a stop or a resume names: everything if it has no field.
type scope struct {
	Flow     *string `json:"flow,omitempty"`
	Instance *string `json:"instance,omitempty"`
	Label    *string `json:"label,omitempty"`
}

// check adds a scope's mistakes. An empty text may be a variable that was never
// set, and must not stop everything.
func (s *scope) check(r *document, path string) {
	fields := 0
	for _, f := range []struct {
		name  string
		value *string
		valid func(string) bool
		must  string
	}{
		{"flow", s.Flow, flow.ValidName, "be a flow's name, 1 to 63 of a-z, 0-9 and -"},
		{"instance", s.Instance, isID, "be an instance's id"},
		{"label", s.Label, decide.ValidLabel, "be a label, 1 to 64 letters, digits and . _ : / = -"},
	} {
		if at := path + "." + f.name; f.value != nil {
			fields++
			if !r.wrong[at] && !f.valid(*f.value) {
				r.add(at, "must %s: leave it out for everything", f.must)
			}
		}
	}
	if fields > 1 {
		r.add(path, "takes one of flow, instance and label, or none for everything")
	}
}

// scope is the scope in a decision's form.
func (s *scope) scope() (out decide.Scope) {
	for to, from := range map[*string]*string{&out.Flow: s.Flow, &out.Instance: s.Instance, &out.Label: s.Label} {
		if from != nil {
			*to = *from
		}
	}
	return out
}

// order is what the submission orders; nil if it is no stop and no resume.
func (s submission) order(requestID string, m mask.Mask) *decide.Order {
	hash := s.hash()
	s = s.masked(m)
	o := decide.Order{Act: decide.Act{Kind: decide.ActStop, By: s.SubmittedBy, Reason: s.Reason}}
	named := s.Stop
	if named == nil {
		o.Kind, named = decide.ActResume, s.Resume
	}
	if named == nil {
		return nil
	}
	o.Key, _ = s.keys(requestID)
	o.Scope, o.Hash = named.scope(), hash
	return &o
}

// carryOut carries out a stop or a resume.
func (v *invocation) carryOut(ctx context.Context, o decide.Order) error {
	o.At = v.now()
	answer, again := decide.Ordered{Outcome: decide.Refused, Reason: v.unknownFlow(ctx, o)}, false
	if answer.Reason == "" {
		var err error
		if answer, again, err = v.ledger.Order(ctx, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.Kind, o.Scope, err)
		}
	}
	item := Item{Result: ResultAccepted, Order: &answer}
	switch {
	case answer.Outcome == decide.Refused:
		item.Result = ResultRefused
	case again:
		item.Result = ResultDuplicate
	}
	if now, err := v.ledger.Control(ctx); err == nil {
		standing := now.Standing(v.now())
		item.Standing = &standing
	} else {
		item.Reason = "what is stopped now is unknown: " + err.Error()
	}
	v.log.Info().Str("result", item.Result).Str("answer", answer.Outcome).Str("scope", o.Scope.String()).Str("by", o.By).
		Str("reason", o.Reason).Msg(string(o.Kind) + " handled")
	v.out.add(item)
	return nil
}

// unknownFlow says that an order names a flow that these functions do not have;
// empty for any other. A resume may name one that they had, and that is held.
func (v *invocation) unknownFlow(ctx context.Context, o decide.Order) string {
	name, known := o.Scope.Flow, v.settings.Policy.Flows.Flows()
	if name == "" || slices.Contains(known, name) {
		return ""
	}
	if o.Kind == decide.ActResume {
		c, err := v.ledger.Control(ctx)
		_, stopped := c.Stops[o.Scope]
		if _, broken := c.Breakers[name]; stopped || broken || err != nil {
			return ""
		}
	}
	if len(known) == 0 {
		return fmt.Sprintf("there is no flow %q: these functions have none", name)
	}
	return fmt.Sprintf("there is no flow %q%s", name, suggest.Hint(name, "the flows", known))
}
