package assistant

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/engine"
)

const (
	// effectTag is the key of the tag that marks Aftercare's invocations.
	effectTag = "aftercare:send"
	// maxToken is the service's limit for a ClientToken, in ASCII characters.
	maxToken = 64
)

// Send runs or invokes a command on one instance and returns its invoke id.
// Every try carries the same token. A command that breaks a rule is an
// ErrInvalid, without a call.
func (c *Client) Send(ctx context.Context, s engine.Send) (invokeID string, err error) {
	req, err := sendCall(s)
	if err != nil {
		return "", fmt.Errorf("send command: %w: %w", err, engine.ErrInvalid)
	}
	req.decode = func(body []byte) error {
		var answer struct {
			InvokeID text `json:"InvokeId"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return err
		}
		if answer.InvokeID == "" {
			return errors.New("no invoke id")
		}
		invokeID = string(answer.InvokeID)
		return nil
	}
	if err := c.do(ctx, req); err != nil {
		return "", err
	}
	return invokeID, nil
}

// Stop stops an invocation on one instance.
func (c *Client) Stop(ctx context.Context, instanceID, invokeID string) error {
	if instanceID == "" || invokeID == "" {
		return fmt.Errorf("stop invocation: instance id or invoke id is missing: %w", engine.ErrInvalid)
	}
	return c.do(ctx, call{
		name:   "StopInvocation",
		params: map[string]string{"InvokeId": invokeID, "InstanceId.1": instanceID},
		write:  true,
		decode: func(body []byte) error {
			if !json.Valid(body) {
				return errors.New("no JSON")
			}
			return nil
		},
	})
}

// sendCall builds the call for s. The same s gives the same parameters, byte for
// byte: the service refuses a token that comes again with other parameters. Its
// errors repeat nothing from the command.
func sendCall(s engine.Send) (call, error) {
	switch {
	case s.InstanceID == "":
		return call{}, errors.New("instance id is missing")
	case !validToken(s.Token):
		return call{}, fmt.Errorf("token is not 1 to %d printable ASCII characters", maxToken)
	}
	req := call{write: true, params: map[string]string{
		"InstanceId.1": s.InstanceID,
		"ClientToken":  s.Token,
		"Tag.1.Key":    effectTag,
		"Tag.1.Value":  s.Token,
	}}
	switch run, invoke := s.Command.Run, s.Command.Invoke; {
	case run != nil && invoke == nil:
		req.name = "RunCommand"
		return req, addRun(req.params, s.TaskID, run)
	case invoke != nil && run == nil:
		req.name = "InvokeCommand"
		return req, addInvoke(req.params, invoke)
	}
	return req, errors.New("command is not exactly one of run and invoke")
}

func addRun(params map[string]string, taskID string, run *command.Run) error {
	if taskID == "" {
		return errors.New("task id is missing")
	}
	if mistakes := run.Check(); len(mistakes) > 0 {
		return errors.New(mistakes[0].String())
	}
	params["Name"] = command.OnWire(run.Name, taskID)
	params["Type"] = run.Type
	params["CommandContent"] = base64.StdEncoding.EncodeToString([]byte(run.Text()))
	params["ContentEncoding"] = "Base64"
	params["EnableParameter"] = "false"
	params["KeepCommand"] = "false"
	params["RepeatMode"] = "Once"
	set(params, "WorkingDir", run.WorkingDir)
	addUse(params, run.User(), run.Timeout)
	return nil
}

func addInvoke(params map[string]string, invoke *command.Invoke) error {
	if mistakes := invoke.Check(); len(mistakes) > 0 {
		return errors.New(mistakes[0].String())
	}
	if len(invoke.Parameters) > 0 {
		encoded, err := json.Marshal(invoke.Parameters)
		if err != nil {
			return errors.New("parameters cannot be written as JSON")
		}
		params["Parameters"] = string(encoded)
	}
	params["CommandId"] = invoke.CommandID
	addUse(params, invoke.User(), invoke.Timeout)
	return nil
}

// addUse sets the parameters that both kinds of command have. A command that
// times out or is stopped ends with all its processes: by default, only the
// shell that started them would end (command rule 25).
func addUse(params map[string]string, user string, timeout command.Duration) {
	params["TerminationMode"] = "ProcessTree"
	set(params, "Username", user)
	if timeout > 0 {
		params["Timeout"] = strconv.Itoa(int(timeout.D() / time.Second))
	}
}

// set sets a parameter unless the value is empty, which means the service's
// default.
func set(params map[string]string, key, value string) {
	if value != "" {
		params[key] = value
	}
}

// validToken reports whether s is a ClientToken, printable ASCII.
func validToken(s string) bool {
	return s != "" && len(s) <= maxToken && !strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' })
}
