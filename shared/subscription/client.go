package subscription

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/openapi"
	"aftercare/shared/transport"
)

const (
	apiVersion = "2020-04-01"
	// lag is how long the service may take to show a change. No page says how long
	// that is; the vendor's provider for Terraform looks every 10 s.
	lag = time.Minute
	// lagOfOne is how long something may exist without being shown.
	lagOfOne = 5 * time.Second
)

// Config says where a deployment's EventBridge is. Site is required.
type Config struct {
	Site Site
	// Endpoint is a host, host:port or URL; empty for that of the site's region.
	Endpoint string
	// RoundTripper carries the requests, preferably a transport.Pool.
	RoundTripper http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Backoff is the wait before another try of a call, as in openapi.Config, and
	// between two looks at what the service shows: by default, up to 5 s.
	Backoff transport.Backoff
}

// Client calls EventBridge. It is safe for concurrent use.
type Client struct {
	site  Site
	api   *openapi.Client
	looks transport.Backoff // between two looks at what the service shows
}

// New returns a client, or every mistake of cfg and creds at once. It makes no call.
func New(cfg Config, creds transport.Credentials) (*Client, error) {
	api, err := openapi.New(openapi.Config{
		Endpoint: cmp.Or(cfg.Endpoint, "eventbridge."+cfg.Site.Region+".aliyuncs.com"), Version: apiVersion,
		RoundTripper: cfg.RoundTripper, Now: cfg.Now, Backoff: cfg.Backoff,
	}, creds)
	if err != nil {
		return nil, fmt.Errorf("set up eventbridge: %w", err)
	}
	looks := cfg.Backoff
	if looks.First == 0 && looks.Most == 0 {
		looks.First, looks.Most = time.Second, 5*time.Second
	}
	return &Client{cfg.Site, api, looks}, nil
}

// Site returns where the deployment is.
func (c *Client) Site() Site { return c.site }

// Read reads the buses and rules that the service shows, and the targets of those
// that a deployment needs.
func (c *Client) Read(ctx context.Context) (State, error) {
	have := State{BusDefault: {}}
	err := each(ctx, c, "ListEventBuses", "EventBuses", url.Values{}, func(b struct{ EventBusName, Description string }) error {
		if b.EventBusName == BusSubmissions || b.EventBusName == BusDeadLetters {
			have[b.EventBusName] = Bus{Description: b.Description}
		}
		return nil
	})
	for name, bus := range have {
		bus.Rules = map[string]Found{}
		if err == nil {
			err = each(ctx, c, "ListRules", "Rules", url.Values{"EventBusName": {name}}, func(r struct{ RuleName, FilterPattern, Status, Description string }) error {
				bus.Rules[r.RuleName] = Found{Pattern: r.FilterPattern, Status: r.Status, Description: r.Description}
				return nil
			})
		}
		have[name] = bus
	}
	for _, r := range (Site{}).Rules() {
		found, ok := have[r.Bus].Rules[r.Name]
		if !ok || err != nil {
			continue
		}
		err = each(ctx, c, "ListTargets", "Targets", url.Values{"EventBusName": {r.Bus}, "RuleName": {r.Name}}, func(t Target) error {
			found.Targets = append(found.Targets, t)
			return nil
		})
		have[r.Bus].Rules[r.Name] = found
	}
	return have, err
}

// each calls an action that lists, page by page, and gives each item of the list to a
// function, until one returns an error.
func each[T any](ctx context.Context, c *Client, action, list string, query url.Values, item func(T) error) error {
	for {
		var page struct{ Data map[string]json.RawMessage }
		if err := c.api.RPC(ctx, action, query, nil, &page); err != nil {
			return err
		}
		var items []T
		var token string
		// An answer without a list is not an empty list.
		if json.Unmarshal(page.Data[list], &items) != nil {
			return fmt.Errorf("%s: the answer has no %s", action, list)
		}
		for _, i := range items {
			if err := item(i); err != nil {
				return err
			}
		}
		_ = json.Unmarshal(page.Data["NextToken"], &token) // missing on the last page
		switch token {
		case "":
			return nil
		case query.Get("NextToken"):
			return fmt.Errorf("%s: the service lists the same page twice", action)
		}
		query.Set("NextToken", token)
	}
}

// Apply makes the changes that plan finds in what the service shows, reports each
// that was made, and waits until plan finds none. An error may leave a part of it
// done, and a second Apply does the rest. The error is a *LagError if all was done,
// and the service does not show it.
func (c *Client) Apply(ctx context.Context, plan func(State) []Change, made func(Change)) error {
	have, err := c.Read(ctx)
	if err != nil {
		return err
	}
	changes := plan(have)
	for _, change := range changes {
		if err := c.make(ctx, change); err != nil {
			// An earlier try, or somebody else, may have made it.
			if !errors.Is(err, engine.ErrInvalid) || !c.isMade(ctx, plan, change, err) {
				return fmt.Errorf("%s: %w", change.What, err)
			}
		}
		made(change)
	}
	if len(changes) == 0 {
		return nil
	}
	left, err := c.await(ctx, lag, plan, "")
	if err == nil && len(left) > 0 {
		err = &LagError{left}
	}
	return err
}

// Complete applies Plan, but makes no rule that Function Compute makes of a trigger.
func (c *Client) Complete(ctx context.Context) error {
	plan := func(have State) []Change {
		changes, _ := Plan(c.site, have, false)
		return changes
	}
	return c.Apply(ctx, plan, func(Change) {})
}

// isMade reports whether the change is there that the service refused. What it
// refuses because it exists, it may not show yet.
func (c *Client) isMade(ctx context.Context, plan func(State) []Change, change Change, refusal error) bool {
	most := time.Duration(0)
	if strings.Contains(strings.ToLower(openapi.Code(refusal)), "exist") {
		most = lagOfOne
	}
	left, err := c.await(ctx, most, plan, change.What)
	return err == nil && len(left) == 0
}

// make makes one call. Of a rule's targets, the service may refuse some in an answer
// of success.
func (c *Client) make(ctx context.Context, change Change) error {
	var answer struct{ Data json.RawMessage }
	if err := c.api.RPC(ctx, change.Action, change.Query, nil, &answer); err != nil {
		return err
	}
	var data struct {
		ErrorEntriesCount int
		ErrorEntries      []struct{ ErrorCode string }
	}
	_ = json.Unmarshal(answer.Data, &data) // the data of other actions is a bool
	if n := len(data.ErrorEntries); n > 0 {
		return fmt.Errorf("%s: the service refuses a target (code %s)", change.Action, transport.Printable(data.ErrorEntries[0].ErrorCode))
	} else if data.ErrorEntriesCount > 0 {
		return fmt.Errorf("%s: the service refuses a target, and does not say why", change.Action)
	}
	return nil
}

// LagError says that all was done, and the service still shows what was before.
type LagError struct{ Left []Change }

func (e *LagError) Error() string {
	var what []string
	for _, c := range e.Left {
		what = append(what, c.What)
	}
	return "the service took all changes, and does not show these yet: " + strings.Join(what, "; ")
}

// await waits, for a while at most, until plan finds nothing to change in what the
// service shows, or not this one change, and returns what is left.
func (c *Client) await(ctx context.Context, most time.Duration, plan func(State) []Change, one string) ([]Change, error) {
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for n := 1; ; n++ {
		have, err := c.Read(ctx)
		if err != nil {
			return nil, err
		}
		left := slices.DeleteFunc(plan(have), func(c Change) bool { return one != "" && c.What != one })
		if len(left) == 0 || bounded.Err() != nil {
			return left, nil
		}
		c.looks.Pause(bounded, n)
	}
}
