package assistant

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

const (
	// pageSize is the most items that most calls list in one answer.
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

// InstancesOf lists the instances of an invocation, by id. It is empty for one that
// the service does not know: it forgets them after 30 days.
func (c *Client) InstancesOf(ctx context.Context, invokeID string) (ids []string, err error) {
	// With an empty id the service lists other invocations.
	if invokeID == "" {
		return nil, fmt.Errorf("find the instances of an invocation: the invoke id is missing: %w", engine.ErrInvalid)
	}
	err = c.invocations(ctx, map[string]string{"InvokeId": invokeID}, func(i *invocation) (enough bool) {
		for _, at := range i.InvokeInstances.InvokeInstance {
			if string(i.InvokeID) == invokeID {
				ids = append(ids, string(at.InstanceID))
			}
		}
		return false
	})
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// find looks for the first invocation that wanted accepts and that concerns the
// instance.
func (c *Client) find(ctx context.Context, params map[string]string, instanceID string, wanted func(*invocation) bool) (found *decide.Invocation, err error) {
	err = c.invocations(ctx, params, func(i *invocation) (enough bool) {
		if wanted(i) {
			found = i.on(instanceID)
		}
		return found != nil
	})
	return found, err
}

// invocations pages through DescribeInvocations until each has enough.
func (c *Client) invocations(ctx context.Context, params map[string]string, each func(*invocation) (enough bool)) error {
	return c.list(ctx, "DescribeInvocations", params, func(body []byte) (next string, err error) {
		var page invocationPage
		if err := json.Unmarshal(body, &page); err != nil {
			return "", err
		}
		if page.Invocations == nil {
			return string(page.NextToken), listed(page.TotalCount)
		}
		for _, item := range page.Invocations.Invocation {
			if each(&item) {
				return "", nil
			}
		}
		return string(page.NextToken), nil
	})
}

// listed returns an error unless an answer without a list gives at least a count.
func listed(count text) error {
	if count.number() == nil {
		return errors.New("no list")
	}
	return nil
}

// list makes a call that answers page by page. It reads each page once, or again
// after an error, and ends when read returns no token of a next page.
func (c *Client) list(ctx context.Context, name string, params map[string]string, read func(page []byte) (next string, err error)) error {
	token := ""
	for range maxPages {
		ask := maps.Clone(params)
		ask["MaxResults"] = cmp.Or(params["MaxResults"], pageSize)
		set(ask, "NextToken", token)
		var next string
		err := c.do(ctx, call{name: name, params: ask, decode: func(body []byte) (err error) {
			next, err = read(body)
			return err
		}})
		if err != nil || next == "" {
			return err
		}
		if next == token {
			break
		}
		token = next
	}
	return fmt.Errorf("%s: the listing does not end: %w", name, engine.ErrUnavailable)
}

// AgentStatuses asks whether the agents of instances are up, at most 100 of them.
// The agent of one that is missing from the answer is not up. The service refuses
// the whole call for an instance that it does not know: then each is asked about
// alone, and that one is left out.
func (c *Client) AgentStatuses(ctx context.Context, instanceIDs []string) (map[string]decide.AgentStatus, error) {
	if len(instanceIDs) == 0 || slices.Contains(instanceIDs, "") {
		return nil, fmt.Errorf("ask for agent status: an instance id is missing: %w", engine.ErrInvalid)
	}
	params := map[string]string{}
	for n, id := range instanceIDs {
		params["InstanceId."+strconv.Itoa(n+1)] = id
	}
	found := map[string]decide.AgentStatus{}
	err := c.do(ctx, call{name: "DescribeCloudAssistantStatus", params: params, decode: func(body []byte) error {
		var answer statusAnswer
		if err := json.Unmarshal(body, &answer); err != nil {
			return err
		}
		if answer.Set == nil {
			return listed(answer.TotalCount)
		}
		for _, s := range answer.Set.Status {
			found[string(s.InstanceID)] = decide.AgentStatus{
				Ready: s.Status == "true", Version: string(s.Version), OS: systemOf(s.OS),
				Seen: s.Heartbeat.time(),
			}
		}
		return nil
	}})
	if len(instanceIDs) == 1 || !errors.Is(err, engine.ErrInvalid) {
		return found, err
	}
	for _, id := range instanceIDs {
		one, err := c.AgentStatuses(ctx, []string{id})
		if err != nil && !errors.Is(err, engine.ErrInvalid) {
			return nil, err
		}
		maps.Copy(found, one)
	}
	return found, nil
}
