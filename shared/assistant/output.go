package assistant

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// Output reads what the script of an invocation printed on one instance. The
// service keeps at most 24 KB of it and reports how many bytes it cut. For a
// command that ran repeatedly it is the output of the newest run that ended.
// Without such a run the error is ErrUnavailable, and also for an invocation
// that the service does not know: it forgets them after 30 days.
func (c *Client) Output(ctx context.Context, instanceID, invokeID string) (decide.Output, error) {
	// With an empty id the service answers with those of other instances.
	if instanceID == "" {
		return decide.Output{}, fmt.Errorf("read output: the instance id is missing: %w", engine.ErrInvalid)
	}
	printed, err := c.Outputs(ctx, instanceID, invokeID)
	switch {
	case err != nil:
		return decide.Output{}, err
	case len(printed) == 0:
		return decide.Output{}, fmt.Errorf("read output: there is no result yet: %w", engine.ErrUnavailable)
	}
	return printed[0].Output, nil
}

// Printed is what an invocation printed on one instance.
type Printed struct {
	InstanceID string
	Finished   time.Time
	repeats    int64
	decide.Output
}

// Outputs is Output for each instance of an invocation, or for one if instanceID
// is set. It leaves out those where no run has ended.
func (c *Client) Outputs(ctx context.Context, instanceID, invokeID string) ([]Printed, error) {
	// With an empty id the service answers with other invocations.
	if invokeID == "" {
		return nil, fmt.Errorf("read output: the invoke id is missing: %w", engine.ErrInvalid)
	}
	newest := map[string]Printed{}
	params := map[string]string{"InvokeId": invokeID, "ContentEncoding": "Base64"}
	set(params, "InstanceId", instanceID)
	err := c.list(ctx, "DescribeInvocationResults", params, func(body []byte) (string, error) {
		ended, next, err := readResults(body, instanceID, invokeID)
		for _, p := range ended {
			if known, ok := newest[p.InstanceID]; !ok || p.after(known) {
				newest[p.InstanceID] = p
			}
		}
		return next, err
	})
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(newest), func(a, b Printed) int { return cmp.Compare(a.InstanceID, b.InstanceID) }), nil
}

func (p Printed) after(other Printed) bool {
	return cmp.Or(p.Finished.Compare(other.Finished), cmp.Compare(p.repeats, other.repeats)) > 0
}

// readResults reads from a page of DescribeInvocationResults the ended runs of an
// invocation, on one instance if instanceID is set.
func readResults(body []byte, instanceID, invokeID string) (ended []Printed, next string, err error) {
	var page resultPage
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, "", err
	}
	in := page.Invocation
	switch {
	case in == nil:
		return nil, "", errors.New("no list")
	case in.Results == nil:
		return nil, string(in.NextToken), listed(in.TotalCount)
	}
	for _, line := range in.Results.Result {
		if instanceID != "" && string(line.InstanceID) != instanceID || line.InvokeID != "" && string(line.InvokeID) != invokeID || !line.ended() {
			continue
		}
		printed, err := base64.StdEncoding.DecodeString(string(line.Output))
		if err != nil {
			return nil, "", errors.New("an output is not base64")
		}
		p := Printed{InstanceID: string(line.InstanceID), Finished: line.FinishedTime.time()}
		p.Text = strings.ToValidUTF8(string(printed), "\uFFFD")
		if n := line.Dropped.number(); n != nil {
			p.Dropped = max(0, *n)
		}
		if n := line.Repeats.number(); n != nil {
			p.repeats = *n
		}
		ended = append(ended, p)
	}
	return ended, string(in.NextToken), nil
}
