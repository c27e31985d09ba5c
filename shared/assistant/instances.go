package assistant

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// instancesAtOnce is how many instances one call names, and one page lists, at
// most.
const instancesAtOnce = 100

type instancePage struct {
	NextToken  text
	TotalCount text
	Instances  *struct {
		Instance []struct {
			InstanceID   text `json:"InstanceId"`
			InstanceName text
			Status       text
			OSType       text
			RegionID     text `json:"RegionId"`
			ZoneID       text `json:"ZoneId"`
			Tags         struct{ Tag []tag }
		}
	}
}

// Instances asks ECS for the instances that a selector means, by id, in pages of
// 100. One that ECS does not know is missing from the answer, which is complete
// otherwise: without all pages Instances returns an error.
func (c *Client) Instances(ctx context.Context, sel engine.Selector) (map[string]decide.Machine, error) {
	params := map[string]string{"MaxResults": strconv.Itoa(instancesAtOnce)}
	set(params, "InstanceName", sel.Name)
	set(params, "ResourceGroupId", sel.ResourceGroup)
	for n, key := range slices.Sorted(maps.Keys(sel.Tags)) {
		prefix := "Tag." + strconv.Itoa(n+1)
		params[prefix+".Key"] = key
		set(params, prefix+".Value", sel.Tags[key])
	}
	found := map[string]decide.Machine{}
	if sel.IDs == nil {
		if err := c.listInstances(ctx, params, found); err != nil {
			return nil, err
		}
		return found, nil
	}
	for ids := range slices.Chunk(sel.IDs, instancesAtOnce) {
		encoded, err := json.Marshal(ids)
		if err != nil {
			return nil, err
		}
		params["InstanceIds"] = string(encoded)
		if err := c.listInstances(ctx, params, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// listInstances adds the instances of all pages to found.
func (c *Client) listInstances(ctx context.Context, params map[string]string, found map[string]decide.Machine) error {
	return c.list(ctx, "DescribeInstances", params, func(body []byte) (next string, err error) {
		var page instancePage
		if err := json.Unmarshal(body, &page); err != nil {
			return "", err
		}
		if page.Instances == nil {
			return string(page.NextToken), listed(page.TotalCount)
		}
		for _, i := range page.Instances.Instance {
			if i.InstanceID == "" {
				return "", errors.New("an instance without an id")
			}
			m := decide.Machine{
				Status: string(i.Status), Name: string(i.InstanceName), OS: systemOf(i.OSType),
				Region: string(i.RegionID), Zone: string(i.ZoneID),
			}
			for _, t := range i.Tags.Tag {
				if m.Tags == nil {
					m.Tags = map[string]string{}
				}
				m.Tags[string(t.key())] = string(t.value())
			}
			found[string(i.InstanceID)] = m
		}
		return string(page.NextToken), nil
	})
}

// systemOf is an operating system in flows' words: DescribeInstances says linux,
// DescribeCloudAssistantStatus says Linux.
func systemOf(os text) string { return strings.ToLower(string(os)) }
