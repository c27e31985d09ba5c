package subscription

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// Sample is an event of a kind that a rule should take, or of none.
type Sample struct {
	Name string
	JSON string
}

//go:embed samples/*.json
var files embed.FS

// Samples returns an event of each kind that rules take, and one that no rule of a
// kind takes.
func Samples() (all []Sample) {
	list, err := files.ReadDir("samples")
	for _, file := range list {
		text, bad := files.ReadFile("samples/" + file.Name())
		err = errors.Join(err, bad)
		all = append(all, Sample{strings.TrimSuffix(file.Name(), path.Ext(file.Name())), string(text)})
	}
	if err != nil { // they are part of the program
		panic(err)
	}
	return all
}

// takes reports whether a rule should take a sample: that for everything takes each,
// and others take the sample that is named after their function.
func (r Rule) takes(s Sample) bool { return r.Pattern == "{}" || r.Function == "aftercare-"+s.Name }

// Tried is what the service says of a sample and a rule's pattern.
type Tried struct {
	Rule, Sample string
	Matches      bool
	Should       bool
}

// Try has the service match each sample with the pattern that each rule has there, as
// the button Test of its console does. Missing names the rules that it does not show.
func (c *Client) Try(ctx context.Context, tried func(Tried)) (missing []string, err error) {
	have, err := c.Read(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range c.site.Rules() {
		found, ok := have[r.Bus].Rules[r.Name]
		if !ok {
			missing = append(missing, r.Name)
			continue
		}
		for _, s := range Samples() {
			matches, err := c.matches(ctx, found.Pattern, s.JSON)
			if err != nil {
				return missing, fmt.Errorf("try the event %s with the rule %s: %w", s.Name, r.Name, err)
			}
			tried(Tried{r.Name, s.Name, matches, r.takes(s)})
		}
	}
	return missing, nil
}

// matches asks whether a pattern takes an event. Both travel in the body.
func (c *Client) matches(ctx context.Context, pattern, event string) (bool, error) {
	var answer struct{ Data struct{ Result *bool } }
	err := c.api.RPC(ctx, "TestEventPattern", nil, url.Values{"EventPattern": {pattern}, "Event": {event}}, &answer)
	if err == nil && answer.Data.Result == nil {
		err = errors.New("TestEventPattern: the answer has no Result")
	}
	if err != nil {
		return false, err
	}
	return *answer.Data.Result, nil
}
