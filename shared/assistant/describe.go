package assistant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

const (
	// pageSize is the most items that the service lists in one answer.
	pageSize = "50"
	// maxPages bounds a search. Filtered by tag or id, it usually has one page.
	maxPages = 200
)

// FindByToken looks for the invocation on this instance that carries the token
// as its tag, and returns nil if no invocation does. It returns nil only after a
// complete listing, because the caller may then send the command again.
func (c *Client) FindByToken(ctx context.Context, instanceID, token string) (*decide.Invocation, error) {
	if instanceID == "" || !validToken(token) {
		return nil, fmt.Errorf("find invocation: instance id is missing or token is malformed: %w", engine.ErrInvalid)
	}
	params := map[string]string{"InstanceId": instanceID, "Tag.1.Key": effectTag, "Tag.1.Value": token}
	return c.find(ctx, params, instanceID, func(i *invocation) bool { return i.token() == token })
}

// FindByID looks for an invocation by its invoke id, and returns nil if this
// instance has no such invocation.
func (c *Client) FindByID(ctx context.Context, instanceID, invokeID string) (*decide.Invocation, error) {
	// With an empty id the service lists other invocations.
	if instanceID == "" || invokeID == "" {
		return nil, fmt.Errorf("find invocation: instance id or invoke id is missing: %w", engine.ErrInvalid)
	}
	params := map[string]string{"InstanceId": instanceID, "InvokeId": invokeID}
	return c.find(ctx, params, instanceID, func(i *invocation) bool { return string(i.InvokeID) == invokeID })
}

// find pages through DescribeInvocations for the first that wanted accepts
// and that concerns the instance.
func (c *Client) find(ctx context.Context, params map[string]string, instanceID string, wanted func(*invocation) bool) (*decide.Invocation, error) {
	var page invocationPage
	var found *decide.Invocation
	err := c.list(ctx, listing{
		name: "DescribeInvocations", what: "find invocation", params: params,
		read: func(body []byte) (string, error) {
			page = invocationPage{}
			if err := json.Unmarshal(body, &page); err != nil {
				return "", err
			}
			if page.Invocations == nil && page.TotalCount.number() == nil {
				return "", errors.New("no list")
			}
			return string(page.NextToken), nil
		},
		enough: func() bool {
			if page.Invocations == nil {
				return false
			}
			for i := range page.Invocations.Invocation {
				item := &page.Invocations.Invocation[i]
				if !wanted(item) {
					continue
				}
				if found = item.on(instanceID); found != nil {
					return true
				}
			}
			return false
		},
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// listing is a call that answers page by page.
type listing struct {
	name, what string
	params     map[string]string
	// read reads a page and returns the token of the next one, empty after the
	// last. It is called again if another try brings the page again.
	read func(body []byte) (next string, err error)
	// enough is called after each page, and reports whether no more are needed.
	enough func() bool
}

// list reads a listing until enough reports true, or to its end.
func (c *Client) list(ctx context.Context, l listing) error {
	token := ""
	for range maxPages {
		ask := maps.Clone(l.params)
		ask["MaxResults"] = pageSize
		set(ask, "NextToken", token)
		var next string
		err := c.do(ctx, call{name: l.name, params: ask, decode: func(body []byte) (err error) {
			next, err = l.read(body)
			return err
		}})
		switch {
		case err != nil:
			return err
		case l.enough(), next == "":
			return nil
		case next == token:
			return l.endless()
		}
		token = next
	}
	return l.endless()
}

func (l listing) endless() error {
	return fmt.Errorf("%s: the listing does not end: %w", l.what, engine.ErrUnavailable)
}

// AgentStatus asks whether the agent of an instance is up. If the service does
// not list the instance, its agent is not up.
func (c *Client) AgentStatus(ctx context.Context, instanceID string) (decide.AgentStatus, error) {
	if instanceID == "" {
		return decide.AgentStatus{}, fmt.Errorf("ask for agent status: instance id is missing: %w", engine.ErrInvalid)
	}
	var answer statusAnswer
	err := c.do(ctx, call{
		name:   "DescribeCloudAssistantStatus",
		params: map[string]string{"InstanceId.1": instanceID},
		decode: func(body []byte) error {
			answer = statusAnswer{}
			if err := json.Unmarshal(body, &answer); err != nil {
				return err
			}
			if answer.Set == nil && answer.TotalCount.number() == nil {
				return errors.New("no list")
			}
			return nil
		},
	})
	if err != nil || answer.Set == nil {
		return decide.AgentStatus{}, err
	}
	for _, s := range answer.Set.Status {
		if string(s.InstanceID) == instanceID {
			return decide.AgentStatus{
				Ready:   s.Status == "true",
				Version: string(s.Version),
				OS:      string(s.OS),
			}, nil
		}
	}
	return decide.AgentStatus{}, nil
}
