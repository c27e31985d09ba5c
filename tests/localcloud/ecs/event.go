package ecs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// The types of the events that this service emits.
const (
	TypeTaskCompleted  = "ecs:CloudAssistant:TaskCompleted"
	TypeFirstHeartbeat = "ecs:CloudAssistant:FirstHeartbeat"
	TypeStateChange    = "ecs:Instance:StateChange"
)

// CloudEvent is a service event in the JSON format of CloudEvents 1.0, with the
// extensions that EventBridge adds.
type CloudEvent struct {
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	SpecVersion     string          `json:"specversion"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	Time            string          `json:"time"`
	AccountID       string          `json:"aliyunaccountid"`
	PublishTime     string          `json:"aliyunpublishtime"`
	BusName         string          `json:"aliyuneventbusname"`
	RegionID        string          `json:"aliyunregionid"`
	PublishAddr     string          `json:"aliyunpublishaddr"`
	Data            json.RawMessage `json:"data"`
}

// taskCompleted is the data of TypeTaskCompleted, in which every value is a
// string.
type taskCompleted struct {
	CommandID        string `json:"commandId"`
	CommandName      string `json:"commandName"`
	ExitCode         string `json:"exitCode"`
	FinishTime       string `json:"finishTime"`
	InstanceID       string `json:"instanceId"`
	InvocationStatus string `json:"invocationStatus"`
	InvokeID         string `json:"invokeId"`
	OwnerID          string `json:"ownerId"`
	PlayerUID        string `json:"playerUid"`
	RepeatMode       string `json:"repeatMode"`
	Repeats          string `json:"repeats"`
	StartTime        string `json:"startTime"`
	ErrorCode        string `json:"errorCode"`
	ErrorDesc        string `json:"errorDesc"`
}

type firstHeartbeat struct {
	BizEventID string              `json:"bizEventId"`
	VMName     string              `json:"vmName"`
	Impact     string              `json:"impact"`
	OpsCode    string              `json:"opsCode"`
	Extensions heartbeatExtensions `json:"extensions"`
}

type heartbeatExtensions struct {
	AgentVersion string `json:"agentVersion"`
	Region       string `json:"region"`
	Zone         string `json:"azone"`
	Uptime       int64  `json:"uptime"` // ms since the operating system started
}

type stateChange struct {
	ResourceID   string `json:"resourceId"`
	ResourceType string `json:"resourceType"`
	State        string `json:"state"`
}

// outgoing is an event that was not handed over yet.
type outgoing struct {
	Seq   uint64
	Event CloudEvent
}

func (s *Server) emitCompleted(t *task) {
	inv := t.invocation
	code := t.ErrorCode
	if code == "" {
		code = "0"
	}
	s.emit(TypeTaskCompleted, t.InstanceID, s.options.Now(), taskCompleted{
		CommandID:        inv.Command.ID,
		CommandName:      inv.Command.Name,
		ExitCode:         strconv.FormatInt(t.ExitCode, 10),
		FinishTime:       seconds(t.Finish),
		InstanceID:       t.InstanceID,
		InvocationStatus: t.Status,
		InvokeID:         inv.ID,
		OwnerID:          s.options.Account,
		PlayerUID:        s.options.Account,
		RepeatMode:       inv.RepeatMode,
		Repeats:          strconv.Itoa(t.Repeats),
		StartTime:        seconds(t.Start),
		ErrorCode:        code,
		ErrorDesc:        t.ErrorInfo,
	})
}

func (s *Server) emitHeartbeat(i *instance, now time.Time) {
	s.emit(TypeFirstHeartbeat, i.ID, now, firstHeartbeat{
		BizEventID: newUUID(),
		VMName:     i.ID,
		Impact:     "Alert",
		OpsCode:    "InstanceStatusChange",
		Extensions: heartbeatExtensions{
			AgentVersion: i.agentVersion(),
			Region:       s.options.Region,
			Zone:         i.Zone,
			Uptime:       now.Sub(i.BootedAt).Milliseconds(),
		},
	})
}

// emitState emits a change of an instance's state. Each is later than the one
// before, though nothing takes time here: the time of an event is in ms.
func (s *Server) emitState(i *instance, state string) {
	at := s.options.Now().Truncate(time.Millisecond)
	if next := i.Changed.Add(time.Millisecond); next.After(at) {
		at = next
	}
	i.Changed = at
	s.emit(TypeStateChange, i.ID, at, stateChange{
		ResourceID:   i.ID,
		ResourceType: "ALIYUN::ECS::Instance",
		State:        state,
	})
}

// emit stores an event together with the change that caused it; dispatch hands it
// over later. The caller holds the lock and commits.
func (s *Server) emit(kind, instanceID string, at time.Time, data any) {
	if s.options.Emit == nil {
		return
	}
	body, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("ecs: encode the data of an event: %v", err)) // a mistake in the type
	}
	layout, content := "2006-01-02T15:04:05.000Z07:00", "application/json;charset=utf-8"
	if kind == TypeTaskCompleted { // the published samples differ
		layout, content = time.RFC3339, ""
	}
	s.sent++
	out := outgoing{Seq: s.sent, Event: CloudEvent{
		ID:              newUUID(),
		Source:          "acs.ecs",
		SpecVersion:     "1.0",
		Type:            kind,
		Subject:         fmt.Sprintf("acs.ecs:%s:%s:%s", s.options.Region, s.options.Account, instanceID),
		DataContentType: content,
		Time:            at.In(chinaTime).Format(layout),
		AccountID:       s.options.Account,
		PublishTime:     at.UTC().Format(layout),
		BusName:         "default",
		RegionID:        s.options.Region,
		PublishAddr:     "127.0.0.1",
		Data:            body,
	}}
	s.outbox = append(s.outbox, out)
	s.put(bucketEvents, ordered(out.Seq), out)
	s.wakeDispatch()
}

func (s *Server) wakeDispatch() {
	select {
	case s.more <- struct{}{}:
	default: // it is about to look anyway
	}
}

// dispatch hands events over, one after another, until the server closes. The
// rest stays in the state's file.
func (s *Server) dispatch() {
	defer s.background.Done()
	for {
		select {
		case <-s.done:
			return
		case <-s.more:
		}
		for {
			s.mu.Lock()
			if len(s.outbox) == 0 || s.closed || s.broken != nil {
				s.mu.Unlock()
				break
			}
			next := s.outbox[0]
			s.mu.Unlock()
			s.options.Emit(next.Event)
			s.mu.Lock()
			s.outbox = s.outbox[1:]
			s.remove(bucketEvents, ordered(next.Seq))
			s.commit() // a failure shows in the next call
			s.mu.Unlock()
		}
	}
}
