package ecs

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// encoder returns the encoding of contents and outputs in an answer: base64,
// unless the call asks for plain text.
func encoder(p params) func([]byte) string {
	if strings.EqualFold(p.text("ContentEncoding"), "PlainText") {
		return func(b []byte) string { return string(b) }
	}
	return base64.StdEncoding.EncodeToString
}

// visible returns the invocations that have become visible and fit the filters
// that both Describe calls share. The caller holds the lock.
func (s *Server) visible(p params) ([]*invocation, *apiError) {
	wanted, e := p.ownTags()
	if e != nil {
		return nil, e
	}
	among := s.invocations
	if p.has("InvokeId") {
		among = nil
		if inv := s.byID[p.text("InvokeId")]; inv != nil {
			among = []*invocation{inv}
		}
	}
	now := time.Now()
	var out []*invocation
	for _, inv := range among {
		if now.Before(inv.VisibleAt) || !matches(inv.Tags, wanted) ||
			p.has("CommandId") && inv.Command.ID != p.text("CommandId") ||
			p.has("InstanceId") && !slices.Contains(inv.Instances, p.text("InstanceId")) {
			continue
		}
		out = append(out, inv)
	}
	return out, nil
}

func (s *Server) listInvocations(p params) ([]listed, *apiError) {
	withOutput, e := p.boolean("IncludeOutput")
	if e != nil {
		return nil, e
	}
	encode := encoder(p)
	output := encode
	if !withOutput {
		output = func([]byte) string { return "" }
	}
	found, e := s.visible(p)
	if e != nil {
		return nil, e
	}
	var lines []listed
	for _, inv := range found {
		status := aggregate(inv.tasks)
		if p.has("CommandName") && inv.Command.Name != p.text("CommandName") ||
			p.has("CommandType") && inv.Command.Type != p.text("CommandType") ||
			p.has("RepeatMode") && inv.RepeatMode != p.text("RepeatMode") ||
			p.has("InvokeStatus") && status != p.text("InvokeStatus") && legacyAggregate(status) != p.text("InvokeStatus") {
			continue
		}
		lines = append(lines, listed{newestFirst(inv.Seq, 0, 0), func() map[string]any {
			return inv.line(status, encode, output)
		}})
	}
	return lines, nil
}

// line returns an invocation as DescribeInvocations shows it, with its content
// and its outputs encoded.
func (inv *invocation) line(status string, content, output func([]byte) string) map[string]any {
	instances := make([]map[string]any, 0, len(inv.tasks))
	for _, t := range inv.tasks {
		instances = append(instances, map[string]any{
			"InstanceId":           t.InstanceID,
			"InvocationStatus":     t.Status,
			"InstanceInvokeStatus": legacyStatus(t.Status, t.ExitCode),
			"ExitCode":             t.ExitCode,
			"ErrorCode":            t.ErrorCode,
			"ErrorInfo":            t.ErrorInfo,
			"Output":               output(t.Output),
			"Dropped":              t.Dropped,
			"Repeats":              t.Repeats,
			"Timed":                inv.RepeatMode == modePeriod,
			"CreationTime":         seconds(inv.Created),
			"StartTime":            seconds(t.Start),
			"FinishTime":           seconds(t.Finish),
			"StopTime":             seconds(t.Stop),
			"UpdateTime":           seconds(t.Updated),
		})
	}
	parameters := []byte("{}")
	if len(inv.Parameters) > 0 {
		parameters, _ = json.Marshal(inv.Parameters) // strings always encode
	}
	return map[string]any{
		"InvokeId":           inv.ID,
		"InvocationStatus":   status,
		"InvokeStatus":       legacyAggregate(status),
		"CommandId":          inv.Command.ID,
		"CommandName":        inv.Command.Name,
		"CommandDescription": inv.Command.Description,
		"CommandType":        inv.Command.Type,
		"CommandContent":     content(inv.Command.Content),
		"Parameters":         string(parameters),
		"RepeatMode":         inv.RepeatMode,
		"Frequency":          inv.Frequency,
		"Timed":              inv.RepeatMode == modePeriod,
		"Timeout":            inv.Timeout,
		"TerminationMode":    inv.Mode,
		"Username":           inv.Username,
		"WorkingDir":         inv.WorkingDir,
		"CreationTime":       seconds(inv.Created),
		"VmCount":            len(inv.tasks),
		"Tags":               tagLines(inv.Tags),
		"InvokeInstances":    map[string]any{"InvokeInstance": instances},
	}
}

func (s *Server) listResults(p params) ([]listed, *apiError) {
	history, e := p.boolean("IncludeHistory")
	if e != nil {
		return nil, e
	}
	encode := encoder(p)
	found, e := s.visible(p)
	if e != nil {
		return nil, e
	}
	var lines []listed
	for _, inv := range found {
		for n, t := range inv.tasks {
			if p.has("InstanceId") && t.InstanceID != p.text("InstanceId") {
				continue
			}
			results := []outcome{t.outcome}
			if history && len(t.History) > 0 {
				results = t.History
				if t.Status == statusRunning || t.Status == statusStopping {
					results = append(slices.Clone(t.History), t.outcome)
				}
			}
			for _, o := range results {
				record := legacyStatus(o.Status, o.ExitCode)
				if p.has("InvokeRecordStatus") && record != p.text("InvokeRecordStatus") {
					continue
				}
				lines = append(lines, listed{newestFirst(inv.Seq, n, o.No), func() map[string]any {
					return inv.result(t.InstanceID, o, record, encode)
				}})
			}
		}
	}
	return lines, nil
}

// result returns one outcome as DescribeInvocationResults shows it.
func (inv *invocation) result(instanceID string, o outcome, record string, encode func([]byte) string) map[string]any {
	username := inv.Username
	if username == "" {
		username = "root"
	}
	return map[string]any{
		"InvokeId":           inv.ID,
		"InstanceId":         instanceID,
		"CommandId":          inv.Command.ID,
		"InvocationStatus":   o.Status,
		"InvokeRecordStatus": record,
		"ExitCode":           o.ExitCode,
		"ErrorCode":          o.ErrorCode,
		"ErrorInfo":          o.ErrorInfo,
		"Output":             encode(o.Output),
		"Dropped":            o.Dropped,
		"Repeats":            o.Repeats,
		"StartTime":          seconds(o.Start),
		"FinishedTime":       seconds(o.Finish),
		"StopTime":           seconds(o.Stop),
		"Username":           username,
		"TerminationMode":    inv.Mode,
		"Tags":               tagLines(inv.Tags),
	}
}

func tagLines(tags []tag) map[string]any {
	lines := make([]map[string]any, 0, len(tags))
	for _, t := range tags {
		lines = append(lines, map[string]any{"TagKey": t.Key, "TagValue": t.Value})
	}
	return map[string]any{"Tag": lines}
}

func (s *Server) listAgents(p params) ([]listed, *apiError) {
	ids := p.list("InstanceId")
	if len(ids) > 100 {
		return nil, forbidden("InstanceIds.ExceedLimit", "more than 100 instance ids are given")
	}
	for _, id := range ids {
		if s.instances[id] == nil {
			return nil, notFound("InvalidInstance.NotFound", "the instance %s does not exist", id)
		}
	}
	now := s.options.Now()
	var lines []listed
	for id, i := range s.instances {
		if len(ids) > 0 && !slices.Contains(ids, id) || p.has("OSType") && !strings.EqualFold(p.text("OSType"), i.OSType) {
			continue
		}
		lines = append(lines, listed{id, func() map[string]any { return s.agentLine(i, now) }})
	}
	return lines, nil
}

// agentLine returns an agent as DescribeCloudAssistantStatus shows it. It knows
// only the last heartbeat, so it learns late that an instance is down.
func (s *Server) agentLine(i *instance, now time.Time) map[string]any {
	beat := i.heartbeat(now, s.options.Delays.HeartbeatEvery)
	status, version := "false", ""
	if !beat.IsZero() && now.Sub(beat) <= s.options.Delays.HeartbeatValid {
		status, version = "true", i.agentVersion()
	}
	active := 0
	for _, t := range i.open {
		if t.Status == statusRunning || t.Status == statusStopping {
			active++
		}
	}
	system := "Linux"
	if i.windows() {
		system = "Windows"
	}
	return map[string]any{
		"InstanceId":            i.ID,
		"CloudAssistantStatus":  status,
		"CloudAssistantVersion": version,
		"LastHeartbeatTime":     seconds(beat),
		"LastInvokedTime":       seconds(i.LastInvoked),
		"ActiveTaskCount":       active,
		"InvocationCount":       i.Invoked,
		"OSType":                system,
		"SupportSessionManager": false,
	}
}

func (s *Server) listInstances(p params) ([]listed, *apiError) {
	wanted, e := p.ownTags()
	if e != nil {
		return nil, e
	}
	var ids []string
	if p.has("InstanceIds") {
		if err := json.Unmarshal([]byte(p.text("InstanceIds")), &ids); err != nil || len(ids) > 100 {
			return nil, bad("InvalidInstanceIds.Malformed", "InstanceIds is not a JSON array of at most 100 ids")
		}
	}
	if group := p.text("ResourceGroupId"); group != "" && !s.anyInstance(func(i *instance) bool { return i.ResourceGroup == group }) {
		return nil, notFound("InvalidResourceGroup.NotFound", "no instance is in the resource group %s", group)
	}
	named := namePattern(p.text("InstanceName"))
	var lines []listed
	for id, i := range s.instances {
		if p.has("InstanceIds") && !slices.Contains(ids, id) ||
			p.has("InstanceName") && !named.MatchString(i.Name) ||
			p.has("ResourceGroupId") && i.ResourceGroup != p.text("ResourceGroupId") ||
			p.has("Status") && i.State != p.text("Status") ||
			p.has("ZoneId") && i.Zone != p.text("ZoneId") ||
			!matches(tagList(i.Tags), wanted) {
			continue
		}
		lines = append(lines, listed{id, func() map[string]any { return s.instanceLine(i) }})
	}
	return lines, nil
}

func (s *Server) anyInstance(fits func(*instance) bool) bool {
	for _, i := range s.instances {
		if fits(i) {
			return true
		}
	}
	return false
}

// namePattern matches the names that a filter means, in which * stands for any
// text.
func namePattern(filter string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(filter), `\*`, ".*") + "$")
}

// instanceLine returns an instance as DescribeInstances shows it.
func (s *Server) instanceLine(i *instance) map[string]any {
	minutes := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2006-01-02T15:04Z")
	}
	return map[string]any{
		"InstanceId":      i.ID,
		"InstanceName":    i.Name,
		"HostName":        i.Name,
		"Status":          i.State,
		"RegionId":        s.options.Region,
		"ZoneId":          i.Zone,
		"ResourceGroupId": i.ResourceGroup,
		"OSType":          i.OSType,
		"CreationTime":    minutes(i.Created),
		"StartTime":       minutes(i.BootedAt),
		"Tags":            tagLines(tagList(i.Tags)),
	}
}
