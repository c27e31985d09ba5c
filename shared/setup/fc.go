package setup

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
)

// FC reads what Function Compute shows of the functions: Serverless Devs makes them. It
// is safe for concurrent use.
type FC struct {
	api     *openapi.Client
	account string
}

// NewFC returns a client for an account in a region, or every mistake of cfg and creds
// at once. It makes no call.
func NewFC(cfg Config, names Names, creds transport.Credentials) (*FC, error) {
	api, err := openapi.New(openapi.Config{
		Endpoint: cmp.Or(cfg.Endpoint, names.Account+"."+names.Region+".fc.aliyuncs.com"), Version: "2023-03-30",
		RoundTripper: cfg.RoundTripper, Now: cfg.Now, Backoff: cfg.Backoff,
	}, creds)
	if err != nil {
		return nil, fmt.Errorf("set up function compute: %w", err)
	}
	return &FC{api, names.Account}, nil
}

// Function is a function as the service shows it.
type Function struct {
	Name     string
	Triggers []Trigger
	// Wrong says in words what is not as Aftercare needs it.
	Wrong []string
}

// Trigger is one of a function's triggers.
type Trigger struct {
	TriggerName, TriggerType, Qualifier string
}

// functionState is what counts of an answer of GetFunction. States are Pending,
// Active, Inactive and Failed, and an update's InProgress, Successful and Failed;
// older functions have none.
type functionState struct {
	Role                                              string
	State, StateReason                                string
	LastUpdateStatus, LastUpdateStatusReason, Runtime string
	LogConfig                                         struct{ Project, Logstore string }
}

// wrong says in words what is wrong with a function.
func (f functionState) wrong(role string, names Names) (words []string) {
	if f.State == "Failed" {
		words = append(words, "its state is Failed: "+cmp.Or(f.StateReason, "no reason is given"))
	}
	if f.LastUpdateStatus == "Failed" {
		words = append(words, "its last update failed: "+cmp.Or(f.LastUpdateStatusReason, "no reason is given"))
	}
	if f.Role != "" && f.Role != role {
		words = append(words, "it has the role "+f.Role+", not "+role)
	}
	if l := f.LogConfig; l.Project != "" && (l.Project != names.Project || l.Logstore != names.Logstore) {
		words = append(words, fmt.Sprintf("it logs to %s/%s, not to %s/%s", l.Project, l.Logstore, names.Project, names.Logstore))
	}
	return words
}

// Functions reads the functions, and returns the names of those that do not exist.
func (c *FC) Functions(ctx context.Context, functions []string, names Names) (all []Function, missing []string, err error) {
	for _, f := range functions {
		name := Name(f)
		path := "/2023-03-30/functions/" + name
		var state functionState
		err := c.api.ROA(ctx, "GetFunction", http.MethodGet, path, nil, nil, &state)
		switch {
		case openapi.Code(err) == "FunctionNotFound":
			missing = append(missing, name)
			continue
		case err != nil:
			return all, missing, err
		}
		list, err := c.triggers(ctx, path)
		if err != nil {
			return all, missing, err
		}
		var triggers []Trigger
		for _, t := range list {
			triggers = append(triggers, Trigger{text(t, "triggerName"), text(t, "triggerType"), text(t, "qualifier")})
		}
		all = append(all, Function{name, triggers, state.wrong("acs:ram::"+c.account+":role/"+name, names)})
	}
	return all, missing, nil
}

// triggers lists a function's triggers, by its path. The service also lists rules that
// others made for the function: their names have a bar. Source: the component fc3 of
// Serverless Devs, which leaves them out.
func (c *FC) triggers(ctx context.Context, function string) (all []map[string]any, err error) {
	query := url.Values{"limit": {"100"}}
	for {
		var page struct {
			Triggers  []map[string]any
			NextToken string
		}
		if err := c.api.ROA(ctx, "ListTriggers", http.MethodGet, function+"/triggers", query, nil, &page); err != nil {
			return nil, err
		}
		for _, t := range page.Triggers {
			if !strings.Contains(text(t, "triggerName"), "|") {
				all = append(all, t)
			}
		}
		if page.NextToken == "" || page.NextToken == query.Get("nextToken") {
			return all, nil
		}
		query.Set("nextToken", page.NextToken)
	}
}
