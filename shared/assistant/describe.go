package assistant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"aftercare/shared/remediation"
)

const (
	// pageSize is the most that DescribeInvocations gives in one answer.
	pageSize = "50"
	// maxPages bounds a search. Filtered by tag or id, one page is the rule.
	maxPages = 200
)

// FindByToken looks for the invocation on this instance that carries the
// token as its tag, and returns nil if there is none. It returns nil only
// after a complete listing: whoever asks may send the command again then.
func (c *Client) FindByToken(ctx context.Context, instanceID, token string) (*remediation.Invocation, error) {
	if instanceID == "" || !validToken(token) {
		return nil, fmt.Errorf("find invocation: instance id is missing or token is malformed: %w", remediation.ErrInvalid)
	}
	params := map[string]string{"InstanceId": instanceID, "Tag.1.Key": effectTag, "Tag.1.Value": token}
	return c.find(ctx, params, instanceID, func(i *invocation) bool { return i.token() == token })
}

// FindByID looks for an invocation by its invoke id, and returns nil if there
// is none, or none on this instance.
func (c *Client) FindByID(ctx context.Context, instanceID, invokeID string) (*remediation.Invocation, error) {
	// With an empty id the service lists other invocations.
	if instanceID == "" || invokeID == "" {
		return nil, fmt.Errorf("find invocation: instance id or invoke id is missing: %w", remediation.ErrInvalid)
	}
	params := map[string]string{"InstanceId": instanceID, "InvokeId": invokeID}
	return c.find(ctx, params, instanceID, func(i *invocation) bool { return string(i.InvokeID) == invokeID })
}

// find pages through DescribeInvocations for the first that wanted accepts
// and that concerns the instance.
func (c *Client) find(ctx context.Context, params map[string]string, instanceID string, wanted func(*invocation) bool) (*remediation.Invocation, error) {
	next := ""
	for range maxPages {
		var page invocationPage
		ask := maps.Clone(params)
		ask["MaxResults"] = pageSize
		set(ask, "NextToken", next)
		err := c.do(ctx, call{name: "DescribeInvocations", params: ask, decode: func(body []byte) error {
			page = invocationPage{}
			if err := json.Unmarshal(body, &page); err != nil {
				return err
			}
			if page.Invocations == nil && page.TotalCount.number() == nil {
				return errors.New("no list")
			}
			return nil
		}})
		if err != nil {
			return nil, err
		}
		if page.Invocations != nil {
			for i := range page.Invocations.Invocation {
				item := &page.Invocations.Invocation[i]
				if !wanted(item) {
					continue
				}
				if found := item.on(instanceID); found != nil {
					return found, nil
				}
			}
		}
		switch token := string(page.NextToken); token {
		case "":
			return nil, nil
		case next:
			return nil, endless()
		default:
			next = token
		}
	}
	return nil, endless()
}

func endless() error {
	return fmt.Errorf("find invocation: the listing does not end: %w", remediation.ErrUnavailable)
}

// AgentStatus asks whether the agent of an instance is up. An instance that
// the service does not list has no agent that is.
func (c *Client) AgentStatus(ctx context.Context, instanceID string) (remediation.AgentStatus, error) {
	if instanceID == "" {
		return remediation.AgentStatus{}, fmt.Errorf("ask for agent status: instance id is missing: %w", remediation.ErrInvalid)
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
		return remediation.AgentStatus{}, err
	}
	for _, s := range answer.Set.Status {
		if string(s.InstanceID) == instanceID {
			return remediation.AgentStatus{
				Ready:   s.Status == "true",
				Version: string(s.Version),
				OS:      string(s.OS),
			}, nil
		}
	}
	return remediation.AgentStatus{}, nil
}
