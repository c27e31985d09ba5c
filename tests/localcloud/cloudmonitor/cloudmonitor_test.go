package cloudmonitor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/cloudmonitor"
)

var (
	key   = access.Key{ID: "me", Secret: "s3cret"}
	begin = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
)

// events are n ends of commands, a second apart, and two others.
func events(n int) (list []json.RawMessage) {
	for i := range n {
		list = append(list, json.RawMessage(fmt.Sprintf(
			`{"id":"%d","source":"acs.ecs","type":"ecs:CloudAssistant:TaskCompleted","subject":"acs:ecs:cn-hangzhou:1:instance/i-%d","aliyunregionid":"cn-hangzhou","time":%q,"data":{"instanceId":"i-%d"}}`,
			i, i, begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i)))
	}
	return append(list,
		json.RawMessage(fmt.Sprintf(`{"id":"b","source":"acs.ecs","type":"ecs:CloudAssistant:FirstHeartbeat","time":%q,"data":{}}`, begin.Format(time.RFC3339))),
		json.RawMessage(fmt.Sprintf(`{"id":"c","source":"shop","type":"created","time":%q,"data":{}}`, begin.Format(time.RFC3339))))
}

// describe returns the contents of the events that the vendor's SDK is answered
// with, or the code of the refusal.
func describe(t *testing.T, parameters map[string]string) (contents []string, refused string) {
	t.Helper()
	s, err := cloudmonitor.Start(cloudmonitor.Options{
		Keys: access.NewKeys(key), Events: func() ([]json.RawMessage, error) { return events(12), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client, err := sdk.NewClientWithOptions("cn-hangzhou", sdk.NewConfig(), credentials.NewAccessKeyCredential(key.ID, key.Secret))
	if err != nil {
		t.Fatal(err)
	}
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Domain, r.Version, r.ApiName = "POST", "http", strings.TrimPrefix(s.Endpoint(), "http://"), "2019-01-01", "DescribeSystemEventAttribute"
	r.QueryParams = parameters
	r.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
	answer, err := client.ProcessCommonRequest(r)
	var failed *sdkerrors.ServerError
	if errors.As(err, &failed) {
		return nil, failed.ErrorCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Success      string
		SystemEvents struct {
			SystemEvent []struct {
				Product, Name, ResourceId, Content string
				Time                               int64
			}
		}
	}
	if err := json.Unmarshal(answer.GetHttpContentBytes(), &out); err != nil || out.Success != "true" {
		t.Fatalf("answered %s: %v", answer.GetHttpContentString(), err)
	}
	for _, e := range out.SystemEvents.SystemEvent {
		if e.Product != "ECS" || e.Name != "CloudAssistant:TaskCompleted" && e.Name != "CloudAssistant:FirstHeartbeat" {
			t.Errorf("got the event %+v", e)
		}
		contents = append(contents, e.Content)
	}
	return contents, ""
}

func TestEventsAreFoundByTimeKindAndPage(t *testing.T) {
	ms := func(seconds int) string {
		return fmt.Sprint(begin.Add(time.Duration(seconds) * time.Second).UnixMilli())
	}
	const ends = "CloudAssistant:TaskCompleted"
	for _, c := range []struct {
		name       string
		parameters map[string]string
		want       int
		first      string
		refused    string
	}{
		{name: "all service events, a page of ten", parameters: map[string]string{}, want: 10, first: `"i-11"`},
		{name: "the second page", parameters: map[string]string{"PageNumber": "2"}, want: 3, first: `"i-1"`},
		{name: "the third", parameters: map[string]string{"PageNumber": "3"}},
		{name: "one kind", parameters: map[string]string{"Product": "ecs", "Name": ends, "PageSize": "100"}, want: 12, first: `"i-11"`},
		{name: "a time from and until", parameters: map[string]string{"Name": ends, "StartTime": ms(2), "EndTime": ms(5)}, want: 3, first: `"i-4"`},
		{name: "seconds until now, which are in 1970", parameters: map[string]string{"EndTime": fmt.Sprint(begin.Add(time.Hour).Unix())}},
		{name: "a page that is too large", parameters: map[string]string{"PageSize": "101"}, refused: "InvalidParameter"},
		{name: "a time that is none", parameters: map[string]string{"StartTime": "noon"}, refused: "InvalidParameter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, refused := describe(t, c.parameters)
			if len(got) != c.want || refused != c.refused || len(got) > 0 && !strings.Contains(got[0], c.first) {
				t.Errorf("got %q and %q, want %d events from %s on, and %q", got, refused, c.want, c.first, c.refused)
			}
		})
	}
}
