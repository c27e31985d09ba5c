package subscription

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/setup"
	"aftercare/shared/transport"
)

const apiVersion = "2020-04-01"

// Config says where a deployment's EventBridge is. Site is required.
type Config struct {
	Site Site
	// Endpoint is a host, host:port or URL; empty for that of the site's region.
	Endpoint string
	// RoundTripper carries the requests, preferably a transport.Pool.
	RoundTripper http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Backoff is the wait before another try of a call, as in openapi.Config.
	Backoff transport.Backoff
}

// Client calls EventBridge. It is safe for concurrent use.
type Client struct {
	site Site
	api  *openapi.Client
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
	return &Client{cfg.Site, api}, nil
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

// Complete is a plan of what a deployment needs. Its notes name the rules that only
// Function Compute makes, unless makes has them made here.
func (c *Client) Complete(makes bool) setup.Plan {
	return c.plan(func(have State, found *setup.Found) []Change {
		changes, missing := Plan(c.site, have, makes)
		for _, r := range missing {
			found.Notes = append(found.Notes, "rule "+r.Name+" is missing: 's deploy' makes it of a trigger in s.yaml")
		}
		return changes
	})
}

// Buses is the part of Complete that makes buses, which the functions' triggers name.
func (c *Client) Buses() setup.Plan {
	return c.plan(func(have State, _ *setup.Found) []Change { return PlanBuses(c.site, have) })
}

// Remove is a plan of taking away what Complete made, but for what others put there.
func (c *Client) Remove() setup.Plan {
	return c.plan(func(have State, _ *setup.Found) []Change { return Removal(have) })
}

func (c *Client) plan(changes func(State, *setup.Found) []Change) setup.Plan {
	return func(ctx context.Context) (found setup.Found, err error) {
		have, err := c.Read(ctx)
		if err != nil {
			return found, err
		}
		for _, change := range changes(have, &found) {
			found.Changes = append(found.Changes, setup.NewChange(change.What, func(ctx context.Context) error { return c.make(ctx, change) }))
		}
		return found, nil
	}
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
