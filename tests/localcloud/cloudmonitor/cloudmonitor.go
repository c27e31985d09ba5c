// Package cloudmonitor imitates the two queries of CloudMonitor 1.0 that find what
// EventBridge did not deliver: DescribeSystemEventAttribute and
// DescribeSystemEventMetaList of the RPC API 2019-01-01. It knows the service
// events that it is handed, and has no rules.
//
// Limits lists what it does not imitate.
package cloudmonitor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/gateway"
)

// Options say how a Server runs.
type Options struct {
	Listen access.Listen
	// Keys are the accepted keys.
	Keys *access.Keys
	// Events returns the service events that happened, as CloudEvents, in any
	// order.
	Events func() ([]json.RawMessage, error)
	Now    func() time.Time // time.Now if nil
	Faults *fault.Set
}

// Server is a running imitation. It is safe for concurrent use.
type Server struct {
	opt  Options
	http *access.Server
}

// Start serves.
func Start(opt Options) (*Server, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Keys == nil {
		opt.Keys = access.NewKeys()
	}
	s := &Server{opt: opt}
	var err error
	if s.http, err = opt.Listen.Start("cloudmonitor"); err != nil {
		return nil, err
	}
	s.http.Serve(&gateway.Service{
		Version: "2019-01-01", Host: "metrics.aliyuncs.com", Faults: opt.Faults, About: []string{"Name"},
		Verifier: access.NewVerifier(opt.Keys, opt.Now),
		Actions: map[string]func(access.Call) (map[string]any, *gateway.Error){
			"DescribeSystemEventAttribute": s.describe, "DescribeSystemEventMetaList": metaList,
		},
	})
	return s, nil
}

// Endpoint returns the base URL of the API.
func (s *Server) Endpoint() string { return s.http.URL() }

// Close cuts every connection.
func (s *Server) Close() error { return s.http.Close() }

// event is what the service says about an event. It has no id.
type event struct {
	Product, Name, Level, Status string
	Time                         int64  // ms
	RegionID                     string `json:"RegionId"`
	ResourceID                   string `json:"ResourceId"`
	InstanceName, GroupID        string
	Content                      string // JSON
}

// kind is an event that the service knows.
type kind struct{ Product, Name, NameDesc, EventType, Level, Status, StatusDesc string }

// kinds are in the list of the service. The words of TaskCompleted are not in any
// page; those of FirstHeartbeat are in the sample of a webhook.
var kinds = []kind{
	{"ECS", "CloudAssistant:TaskCompleted", "", "StatusNotification", "INFO", "Normal", ""},
	{"ECS", "CloudAssistant:FirstHeartbeat", "", "Notification", "INFO", "Normal", ""},
	{"ECS", "Instance:StateChange", "", "StatusNotification", "INFO", "Normal", ""},
}

func metaList(access.Call) (map[string]any, *gateway.Error) {
	return map[string]any{"Code": "200", "Success": "true", "Data": map[string]any{"Resource": kinds}}, nil
}

// sourcePrefix begins the source of service events.
const sourcePrefix = "acs."

// view makes a system event of a CloudEvent; false if it is no service event.
func view(raw []byte) (event, bool) {
	var e struct {
		Source, Type, Subject string
		Time                  time.Time
		RegionID              string          `json:"aliyunregionid"`
		Data                  json.RawMessage `json:"data"`
	}
	var data struct{ InstanceName string }
	if json.Unmarshal(raw, &e) != nil || !strings.HasPrefix(e.Source, sourcePrefix) {
		return event{}, false
	}
	_ = json.Unmarshal(e.Data, &data) // most have no such member
	product := strings.TrimPrefix(e.Source, sourcePrefix)
	out := event{
		Product: strings.ToUpper(product), Name: strings.TrimPrefix(e.Type, product+":"), Level: "INFO", Status: "Normal",
		Time: e.Time.UnixMilli(), RegionID: e.RegionID, ResourceID: e.Subject, InstanceName: data.InstanceName, Content: string(e.Data),
	}
	return out, true
}

// moment reads a time in ms. A time in seconds, as older pages have it, is taken
// for one in 1970, as by whoever believes the newest page.
func moment(p access.Call, name string, standard int64) (int64, *gateway.Error) {
	text := p.Parameters.Get(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, illegal("%s must be a time in milliseconds", name)
	}
	return n, nil
}

func illegal(format string, args ...any) *gateway.Error {
	return gateway.Errorf(http.StatusBadRequest, "InvalidParameter", format, args...)
}

// page reads the number and the size of a page.
func page(p access.Call) (number, size int, refused *gateway.Error) {
	for _, one := range []struct {
		name           string
		to             *int
		standard, most int
	}{{"PageNumber", &number, 1, math.MaxInt32}, {"PageSize", &size, 10, 100}} {
		n, err := strconv.Atoi(cmp.Or(p.Parameters.Get(one.name), strconv.Itoa(one.standard)))
		if err != nil || n < 1 || n > one.most {
			return 0, 0, illegal("%s must be from 1 to %d", one.name, one.most)
		}
		*one.to = n
	}
	return number, size, nil
}

// describe lists events, newest first.
func (s *Server) describe(p access.Call) (map[string]any, *gateway.Error) {
	number, size, refused := page(p)
	if refused != nil {
		return nil, refused
	}
	from, refused := moment(p, "StartTime", 0)
	if refused != nil {
		return nil, refused
	}
	to, refused := moment(p, "EndTime", math.MaxInt64)
	if refused != nil {
		return nil, refused
	}
	all, err := s.opt.Events()
	if err != nil {
		return nil, gateway.Errorf(http.StatusInternalServerError, "InternalError", "%v", err)
	}
	list := []event{}
	for _, raw := range all {
		e, ok := view(raw)
		if ok && e.Time >= from && e.Time < to && e.fits(p) {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b event) int { return cmp.Compare(b.Time, a.Time) })
	begin := min((number-1)*size, len(list))
	return map[string]any{
		"Code": "200", "Success": "true", "Message": "",
		"SystemEvents": map[string]any{"SystemEvent": list[begin:min(begin+size, len(list))]},
	}, nil
}

// fits compares the filters of a call with an event, whatever their case.
func (e event) fits(p access.Call) bool {
	for name, value := range map[string]string{"Product": e.Product, "Name": e.Name, "Level": e.Level, "Status": e.Status} {
		if want := p.Parameters.Get(name); want != "" && !strings.EqualFold(want, value) {
			return false
		}
	}
	return strings.Contains(fmt.Sprint(e), p.Parameters.Get("SearchKeywords"))
}

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"Only DescribeSystemEventAttribute and DescribeSystemEventMetaList exist; there are no metrics, alert rules, contacts or event rules.",
		"Only the service events of the local cloud's bus default are known, from their beginning on; how long the real service keeps them is not known.",
		"An event is known at once; how far the real service lags is not known.",
		"StartTime and EndTime are milliseconds, as the newest page says; a time in seconds means one in 1970.",
		"SearchKeywords is one text, without and or or; GroupId and EventType are ignored.",
		"Events are listed newest first, and the list of kinds is Aftercare's three; the real order, and the words for level and status of TaskCompleted, are in no page.",
		"Not verified: ResourceId is the subject of the CloudEvent, and Content is its data.",
	}
}
