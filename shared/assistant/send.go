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
	"unicode/utf8"

	"aftercare/shared/remediation"
	"aftercare/shared/script"
)

const (
	// effectTag is the key of the tag that marks what Aftercare sent.
	effectTag = "aftercare:effect"
	// maxToken is the service's limit for a ClientToken, in ASCII characters.
	maxToken = 64
	// maxName is the service's limit for a command's name, in characters.
	maxName = 128
	// maxKey is the service's limit for a parameter's name, in bytes.
	maxKey = 64
)

// Send runs or invokes a command on one instance and returns its invoke id.
// Whatever is retried carries the same token. An ErrInvalid for a command
// that breaks a rule of this package comes without a call.
func (c *Client) Send(ctx context.Context, s remediation.Send) (invokeID string, err error) {
	req, err := sendCall(s)
	if err != nil {
		return "", fmt.Errorf("send command: %w: %w", err, remediation.ErrInvalid)
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
		return fmt.Errorf("stop invocation: instance id or invoke id is missing: %w", remediation.ErrInvalid)
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

// sendCall builds the call for s. The same s gives the same parameters, byte
// for byte: the service refuses a token that returns with others. Its errors
// hold nothing of the command.
func sendCall(s remediation.Send) (call, error) {
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
	var err error
	switch run, invoke := s.Command.Run, s.Command.Invoke; {
	case run != nil && invoke == nil:
		req.name = "RunCommand"
		err = addRun(req.params, s.TaskID, run)
	case invoke != nil && run == nil:
		req.name = "InvokeCommand"
		err = addInvoke(req.params, invoke)
	default:
		err = errors.New("command is not exactly one of run and invoke")
	}
	return req, err
}

func addRun(params map[string]string, taskID string, run *remediation.Run) error {
	if taskID == "" {
		return errors.New("task id is missing")
	}
	name := "[" + taskID + "]"
	if run.Name != "" {
		name = run.Name + " " + name
	}
	if utf8.RuneCountInString(name) > maxName {
		return fmt.Errorf("name with its marker has over %d characters", maxName)
	}
	content, err := script.WithParameters(run.Type, run.Content, run.Parameters)
	switch {
	case err == nil:
	case script.CheckType(run.Type) != nil:
		return errors.New("unknown type of command")
	default:
		// The reason itself may name a word of the script.
		return errors.New("the script is too large, or cannot take its parameters")
	}
	params["Name"] = name
	params["Type"] = run.Type
	params["CommandContent"] = base64.StdEncoding.EncodeToString([]byte(content))
	params["ContentEncoding"] = "Base64"
	params["EnableParameter"] = "false"
	params["KeepCommand"] = "false"
	params["RepeatMode"] = "Once"
	set(params, "WorkingDir", run.WorkingDir)
	set(params, "Username", run.Username)
	return setTimeout(params, run.Timeout)
}

func addInvoke(params map[string]string, invoke *remediation.Invoke) error {
	if invoke.CommandID == "" {
		return errors.New("command id is missing")
	}
	if len(invoke.Parameters) > 0 {
		for key, value := range invoke.Parameters {
			if !validKey(key) {
				return fmt.Errorf("a parameter's name is not 1 to %d letters, digits, - and _", maxKey)
			}
			if !plain(value) {
				return errors.New("a parameter's value has characters that are not safe to substitute")
			}
		}
		encoded, err := json.Marshal(invoke.Parameters)
		if err != nil {
			return errors.New("parameters are no JSON")
		}
		params["Parameters"] = string(encoded)
	}
	params["CommandId"] = invoke.CommandID
	set(params, "Username", invoke.Username)
	return setTimeout(params, invoke.Timeout)
}

// set leaves an empty value out, which means the service's default.
func set(params map[string]string, key, value string) {
	if value != "" {
		params[key] = value
	}
}

func setTimeout(params map[string]string, d time.Duration) error {
	if d < 0 {
		return errors.New("timeout is negative")
	}
	if d > 0 {
		seconds := int64(d / time.Second)
		if d%time.Second > 0 {
			seconds++
		}
		params["Timeout"] = strconv.FormatInt(seconds, 10)
	}
	return nil
}

func validToken(s string) bool {
	return s != "" && len(s) <= maxToken && only(s, func(c byte) bool { return '!' <= c && c <= '~' })
}

func validKey(s string) bool {
	return s != "" && len(s) <= maxKey && only(s, func(c byte) bool { return alphanumeric(c) || c == '-' || c == '_' })
}

// plain reports whether the service can substitute s into a script without
// quoting it: no byte of it means anything to a shell or to Cloud Assistant.
func plain(s string) bool {
	return only(s, func(c byte) bool { return alphanumeric(c) || strings.IndexByte("_.:/@=+,-", c) >= 0 })
}

func only(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
