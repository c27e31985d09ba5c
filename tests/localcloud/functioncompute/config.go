package functioncompute

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// settings are the members of a function that the server obeys. Source:
// https://www.alibabacloud.com/help/en/functioncompute/fc/developer-reference/api-fc-2023-03-30-createfunction
type settings struct {
	FunctionName         string            `json:"functionName"`
	Runtime              string            `json:"runtime"`
	Handler              string            `json:"handler"`
	Role                 string            `json:"role"`
	Timeout              int               `json:"timeout"` // seconds
	MemorySize           int               `json:"memorySize"`
	EnvironmentVariables map[string]string `json:"environmentVariables"`
	LogConfig            LogConfig         `json:"logConfig"`
}

// LogConfig is a logstore.
type LogConfig struct {
	Project  string `json:"project"`
	Logstore string `json:"logstore"`
}

// defaults are the members that a function has though nobody sent them.
var defaults = map[string]any{
	"description": "", "timeout": 3, "memorySize": 512, "diskSize": 512, "instanceConcurrency": 1, "internetAccess": true,
	"environmentVariables": map[string]string{},
}

// withDefaults adds the defaults to the members of a new function.
func withDefaults(config map[string]json.RawMessage) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, value := range defaults {
		out[name] = encode(value)
	}
	maps.Copy(out, config)
	return out
}

// encode encodes what can be encoded.
func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("functioncompute: encode %T: %v", value, err)) // a mistake in the type
	}
	return text
}

// compile checks the members of a function, with the code in dir.
func (s *Server) compile(config map[string]json.RawMessage, dir string) (*function, error) {
	var in settings
	if err := json.Unmarshal(encode(config), &in); err != nil {
		return nil, invalidArgument("the function cannot be read: %v", err)
	}
	if in.Runtime != "go1" {
		return nil, invalidArgument("the local Function Compute does not imitate the runtime '%s', only go1", in.Runtime)
	}
	f, err := newFunction(Function{
		Name: in.FunctionName, Dir: dir, Handler: in.Handler, Region: s.opt.Region, Account: s.opt.Account,
		Role: in.Role, Timeout: time.Duration(in.Timeout) * time.Second, MemoryMB: in.MemorySize, Env: in.EnvironmentVariables,
		Log: in.LogConfig,
	})
	if err != nil {
		return nil, invalidArgument("function '%s': %v", in.FunctionName, err)
	}
	return f, nil
}

// configOf returns the members of a function that the program gave.
func configOf(f *function) map[string]json.RawMessage {
	config := map[string]any{
		"functionName": f.Name, "runtime": "go1", "handler": f.Handler, "timeout": f.timeoutSeconds(), "memorySize": f.MemoryMB,
		"environmentVariables": map[string]string{},
	}
	if f.Env != nil {
		config["environmentVariables"] = f.Env
	}
	if f.Role != "" {
		config["role"] = f.Role
	}
	if f.Log != (LogConfig{}) {
		config["logConfig"] = f.Log
	}
	raw := map[string]json.RawMessage{}
	for name, value := range config {
		raw[name] = encode(value)
	}
	return withDefaults(raw)
}

// shown returns a function as calls read it, with the members of one of its
// versions.
func (d *deployed) shown(config map[string]json.RawMessage) map[string]any {
	out := map[string]any{}
	for name, value := range config {
		out[name] = value
	}
	out["functionArn"] = d.latest.arn()
	out["functionId"] = d.Name
	out["createdTime"], out["lastModifiedTime"] = d.Created, d.Modified
	out["state"], out["lastUpdateStatus"] = "Active", "Successful"
	if time.Now().Before(d.fresh) {
		out["state"] = "Pending"
	}
	if time.Now().Before(d.busy) {
		out["lastUpdateStatus"] = "InProgress"
	}
	return out
}

func (f *function) arn() string {
	return "acs:fc:" + f.Region + ":" + f.Account + ":functions/" + f.Name
}
