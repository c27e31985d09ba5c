package assistant

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
	// With an empty id the service answers with other invocations.
	if instanceID == "" || invokeID == "" {
		return decide.Output{}, fmt.Errorf("read output: instance id or invoke id is missing: %w", engine.ErrInvalid)
	}
	var newest *result
	params := map[string]string{"InstanceId": instanceID, "InvokeId": invokeID, "ContentEncoding": "Base64"}
	err := c.list(ctx, "DescribeInvocationResults", params, func(body []byte) (string, error) {
		ended, next, err := readResults(body, instanceID, invokeID)
		for _, r := range ended {
			if newest == nil || r.after(newest) {
				newest = &r
			}
		}
		return next, err
	})
	switch {
	case err != nil:
		return decide.Output{}, err
	case newest == nil:
		return decide.Output{}, fmt.Errorf("read output: there is no result yet: %w", engine.ErrUnavailable)
	}
	return newest.output, nil
}

// result is the end of one run.
type result struct {
	finished time.Time
	repeats  int64
	output   decide.Output
}

func (r *result) after(other *result) bool {
	return cmp.Or(r.finished.Compare(other.finished), cmp.Compare(r.repeats, other.repeats)) > 0
}

// readResults reads from a page of DescribeInvocationResults the ended runs of an
// invocation on an instance.
func readResults(body []byte, instanceID, invokeID string) (ended []result, next string, err error) {
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
		if string(line.InstanceID) != instanceID || line.InvokeID != "" && string(line.InvokeID) != invokeID || !line.ended() {
			continue
		}
		printed, err := base64.StdEncoding.DecodeString(string(line.Output))
		if err != nil {
			return nil, "", errors.New("an output is not base64")
		}
		r := result{finished: line.FinishedTime.time()}
		r.output.Text = strings.ToValidUTF8(string(printed), "\uFFFD")
		if n := line.Dropped.number(); n != nil {
			r.output.Dropped = max(0, *n)
		}
		if n := line.Repeats.number(); n != nil {
			r.repeats = *n
		}
		ended = append(ended, r)
	}
	return ended, string(in.NextToken), nil
}
