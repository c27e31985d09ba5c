package functioncompute

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// The types of triggers.
const (
	kindTimer = "timer"
	kindEvent = "eventbridge"
)

// EventTrigger is an event trigger. Config is its configuration, as JSON.
type EventTrigger struct {
	Name, Qualifier, Config string
}

// Rules makes the rules of event triggers.
type Rules interface {
	// Put makes the rule of a trigger, or, with replace, changes it. An error says
	// what is wrong with the configuration, or is ErrRuleExists.
	Put(function string, t EventTrigger, replace bool) error
	// Delete deletes the rule of a trigger.
	Delete(function, trigger string) error
	// To names the rules that invoke a function, as bus|rule, but those of the
	// triggers named.
	To(function string, triggers []string) []string
}

// ErrRuleExists says that the name of a trigger's rule is taken.
var ErrRuleExists = errors.New("a rule of this name exists already")

// trigger is a trigger as calls read it.
type trigger struct {
	ID          string `json:"triggerId"`
	Name        string `json:"triggerName"`
	Kind        string `json:"triggerType"`
	Config      string `json:"triggerConfig"` // JSON
	Qualifier   string `json:"qualifier"`
	Source      string `json:"sourceArn"`
	Target      string `json:"targetArn"`
	Role        string `json:"invocationRole"`
	Description string `json:"description"`
	Created     string `json:"createdTime"`
	Modified    string `json:"lastModifiedTime"`
}

// timerConfig is the configuration of a timer.
type timerConfig struct {
	Cron    string `json:"cronExpression"`
	Enable  bool   `json:"enable"`
	Payload string `json:"payload"`
}

// triggerName is what names of triggers look like.
var triggerName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,127}$`)

// timer returns a timer trigger, and whether it fires.
func (t trigger) timer() (timer, bool, error) {
	config := timerConfig{Enable: true}
	if err := json.Unmarshal([]byte(t.Config), &config); err != nil {
		return timer{}, false, err
	}
	out, err := newTimer(Timer{Name: t.Name, Cron: config.Cron, Payload: config.Payload})
	return out, config.Enable, err
}

// triggersOf returns the triggers of a function that the program gave, whose rules
// it made.
func (s *Server) triggersOf(f *function) map[string]trigger {
	out := map[string]trigger{}
	add := func(name, kind, config, of string) {
		if of == "" {
			of = qualifier
		}
		out[name] = trigger{
			ID: f.Name + "/" + name, Name: name, Kind: kind, Config: config, Qualifier: of, Target: f.arn(), Created: s.stamp(), Modified: s.stamp(),
		}
	}
	for _, t := range f.Timers {
		add(t.Name, kindTimer, string(encode(timerConfig{t.Cron, true, t.Payload})), t.Qualifier)
	}
	for _, e := range f.Events {
		add(e.Name, kindEvent, e.Config, e.Qualifier)
	}
	return out
}

// install puts a trigger to work, instead of the older one of its name if replace
// is set. The caller holds mu.
func (s *Server) install(d *deployed, t trigger, replace bool) error {
	if _, err := d.code(t.Qualifier, 1); err != nil {
		return err
	}
	switch t.Kind {
	case kindTimer:
		checked, fires, err := t.timer()
		if err != nil {
			return invalidArgument("triggerConfig of '%s': %v", t.Name, err)
		}
		d.stopTimer(t.Name)
		if fires {
			s.startTimer(d, checked, t.Qualifier)
		}
	case kindEvent:
		if s.opt.Rules == nil {
			return invalidArgument("this local Function Compute runs without EventBridge, and has no event triggers")
		}
		err := s.opt.Rules.Put(d.Name, EventTrigger{t.Name, t.Qualifier, t.Config}, replace)
		if errors.Is(err, ErrRuleExists) {
			return &APIError{Status: 409, Code: "EventBridgeTriggerConflict", Message: fmt.Sprintf("trigger '%s' of function '%s': %v", t.Name, d.Name, err)}
		}
		if err != nil {
			return invalidArgument("triggerConfig of '%s': %v", t.Name, err)
		}
	default:
		return invalidArgument("the local Function Compute does not imitate triggers of the type '%s', only timer and eventbridge", t.Kind)
	}
	return nil
}

// startTimer lets a timer fire; the caller holds mu.
func (s *Server) startTimer(d *deployed, t timer, qualifier string) {
	if s.closed {
		return
	}
	stop := make(chan struct{})
	d.stops[t.Name] = stop
	s.work.Go(func() { s.runTimer(target{d.Name, qualifier}, t, stop) })
}

// stopTimer ends a timer, if one runs.
func (d *deployed) stopTimer(name string) {
	if stop := d.stops[name]; stop != nil {
		close(stop)
		delete(d.stops, name)
	}
}

// triggerCall is what calls say of a trigger.
type triggerCall struct {
	Name        *string `json:"triggerName"`
	Kind        *string `json:"triggerType"`
	Config      *string `json:"triggerConfig"`
	Qualifier   *string `json:"qualifier"`
	Source      *string `json:"sourceArn"`
	Role        *string `json:"invocationRole"`
	Description *string `json:"description"`
}

// change applies what a call has to a trigger. Configurations are compared as
// values, so they come back in another text.
func (c triggerCall) change(t *trigger) error {
	for into, from := range map[*string]*string{&t.Qualifier: c.Qualifier, &t.Role: c.Role, &t.Description: c.Description} {
		if from != nil {
			*into = *from
		}
	}
	if c.Config == nil {
		return nil
	}
	var value map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(*c.Config)))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return invalidArgument("triggerConfig must be a JSON object in a text: %v", err)
	}
	t.Config = string(encode(value))
	return nil
}

func (s *Server) createTrigger(r request) (any, error) {
	var in triggerCall
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if in.Name == nil || in.Kind == nil || in.Config == nil || !triggerName.MatchString(*in.Name) {
		return nil, invalidArgument("triggerName (1 to 128 letters, digits, _ and -, first a letter or _), triggerType and triggerConfig are needed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	if _, taken := d.Triggers[*in.Name]; taken {
		return nil, &APIError{Status: 409, Code: "TriggerAlreadyExists", Message: fmt.Sprintf("trigger '%s' of function '%s' already exists.", *in.Name, d.Name)}
	}
	t := trigger{ID: d.Name + "/" + *in.Name, Name: *in.Name, Kind: *in.Kind, Qualifier: qualifier, Target: d.latest.arn(), Created: s.stamp(), Modified: s.stamp()}
	if in.Source != nil {
		t.Source = *in.Source
	}
	if err := in.change(&t); err != nil {
		return nil, err
	}
	if err := s.install(d, t, false); err != nil {
		return nil, err
	}
	d.Triggers[t.Name] = t
	return t, s.save()
}

// trigger returns the trigger that a call names; the caller holds mu.
func (s *Server) trigger(r request) (*deployed, trigger, error) {
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, trigger{}, err
	}
	name := r.PathValue("trigger")
	t, ok := d.Triggers[name]
	if !ok {
		return nil, t, &APIError{Status: 404, Code: "TriggerNotFound", Message: fmt.Sprintf("trigger '%s' of function '%s' does not exist.", name, d.Name)}
	}
	return d, t, nil
}

func (s *Server) getTrigger(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, t, err := s.trigger(r)
	return t, err
}

// updateTrigger changes what the call has. The rule of an event trigger becomes
// what the trigger says, whatever others changed in it.
func (s *Server) updateTrigger(r request) (any, error) {
	var in triggerCall
	if err := r.read(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, t, err := s.trigger(r)
	if err != nil {
		return nil, err
	}
	t.Modified = s.stamp()
	if err := in.change(&t); err != nil {
		return nil, err
	}
	if err := s.install(d, t, true); err != nil {
		return nil, err
	}
	d.Triggers[t.Name] = t
	return t, s.save()
}

func (s *Server) deleteTrigger(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, t, err := s.trigger(r)
	if err != nil {
		return nil, err
	}
	d.stopTimer(t.Name)
	if t.Kind == kindEvent && s.opt.Rules != nil {
		if err := s.opt.Rules.Delete(d.Name, t.Name); err != nil {
			return nil, err
		}
	}
	delete(d.Triggers, t.Name)
	return nil, s.save()
}

// listTriggers also lists the rules of EventBridge that others made for the
// function, unless the call refuses them. Source: the vendor's component for
// Serverless Devs, which skips what has | in its name.
func (s *Server) listTriggers(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	all, names := map[string]trigger{}, []string{}
	for name, t := range d.Triggers {
		all[name] = t
		names = append(names, name)
	}
	if s.opt.Rules != nil && r.Header.Get("x-fc-disable-list-remote-eb-triggers") != "true" {
		for _, name := range s.opt.Rules.To(d.Name, names) {
			all[name] = trigger{ID: name, Name: name, Kind: kindEvent, Config: "{}", Qualifier: qualifier, Target: d.latest.arn()}
		}
	}
	return list(r, "triggers", all, func(t trigger) any { return t })
}

// waitUntil waits until a moment, and reports false if the timer or the server
// ends first.
func (s *Server) waitUntil(at time.Time, stop chan struct{}) bool {
	select {
	case <-time.After(time.Until(at)):
		return true
	case <-stop:
	case <-s.stop:
	}
	return false
}
