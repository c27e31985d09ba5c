package functioncompute

import (
	"cmp"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The kinds of settings, by the last part of their path. All but concurrency are
// those of one qualifier.
const (
	kindAsync       = "async-invoke-config"
	kindConcurrency = "concurrency"
	kindProvision   = "provision-config"
	kindScaling     = "scaling-config"
)

// missing are the codes for settings that do not exist. That of asynchronous
// invocations is the vendor's: https://www.alibabacloud.com/help/en/doc-detail/440324.htm
var missing = map[string]string{
	kindAsync: "AsyncConfigNotExists", kindConcurrency: "ConcurrencyConfigNotFound",
	kindProvision: "ProvisionConfigNotFound", kindScaling: "ScalingConfigNotFound",
}

// setting is what is set for one qualifier, as calls read it.
type setting = map[string]json.RawMessage

// qualifierOf returns the qualifier that a call's settings are for.
func (r request) qualifierOf(kind string) string {
	if kind == kindConcurrency {
		return ""
	}
	return cmp.Or(r.query.Get("qualifier"), qualifier)
}

// putSetting returns the operation that replaces settings of a kind.
func putSetting(kind string) operation {
	return func(s *Server, r request) (any, error) {
		var in setting
		if err := r.read(&in); err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		d, err := s.deployed(r.function)
		if err != nil {
			return nil, err
		}
		of := r.qualifierOf(kind)
		if _, err := d.code(of, 1); err != nil {
			return nil, err
		}
		created := encode(s.stamp())
		if before, ok := d.Settings[kind][of]; ok {
			created = before["createdTime"]
		}
		in["functionArn"], in["createdTime"], in["lastModifiedTime"] = encode(d.latest.arn()), created, encode(s.stamp())
		if of != "" {
			in["qualifier"] = encode(of)
		}
		if kind == kindAsync {
			config, err := s.parseAsync(d, in)
			if err != nil {
				return nil, err
			}
			d.async[of] = config
		}
		d.set(kind, of, in)
		return in, s.save()
	}
}

func (d *deployed) set(kind, of string, value setting) {
	if d.Settings[kind] == nil {
		d.Settings[kind] = map[string]setting{}
	}
	d.Settings[kind][of] = value
}

// settingNamed returns what a call names; the caller holds mu.
func (s *Server) settingNamed(r request, kind string) (*deployed, setting, error) {
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, nil, err
	}
	of := r.qualifierOf(kind)
	value, ok := d.Settings[kind][of]
	if !ok {
		return nil, nil, &APIError{Status: 404, Code: missing[kind], Message: "function '" + d.Name + "' has no " + kind + " for '" + of + "'."}
	}
	return d, value, nil
}

func getSetting(kind string) operation {
	return func(s *Server, r request) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, value, err := s.settingNamed(r, kind)
		return value, err
	}
}

func deleteSetting(kind string) operation {
	return func(s *Server, r request) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		d, _, err := s.settingNamed(r, kind)
		if err != nil {
			return nil, err
		}
		of := r.qualifierOf(kind)
		delete(d.Settings[kind], of)
		if kind == kindAsync {
			delete(d.async, of)
		}
		return nil, s.save()
	}
}

// listAsync lists the settings for asynchronous invocations of one function, or of
// all.
func (s *Server) listAsync(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]setting{}
	for name, d := range s.functions {
		for of, value := range d.Settings[kindAsync] {
			if only := r.query.Get("functionName"); only == "" || only == name {
				all[name+"/"+of] = value
			}
		}
	}
	return list(r, "configs", all, func(v setting) any { return v })
}

// asyncSetting is a setting for asynchronous invocations, as calls send it.
type asyncSetting struct {
	MaxRetries   *int `json:"maxAsyncRetryAttempts"`
	MaxAge       *int `json:"maxAsyncEventAgeInSeconds"`
	Destinations struct {
		OnSuccess struct {
			Destination string `json:"destination"`
		} `json:"onSuccess"`
		OnFailure struct {
			Destination string `json:"destination"`
		} `json:"onFailure"`
	} `json:"destinationConfig"`
}

// parseAsync reads settings for asynchronous invocations.
func (s *Server) parseAsync(d *deployed, value setting) (asyncConfig, error) {
	var in asyncSetting
	if err := json.Unmarshal(encode(value), &in); err != nil {
		return asyncConfig{}, invalidArgument("the settings cannot be read: %v", err)
	}
	out := asyncDefaults
	if in.MaxRetries != nil {
		out.maxRetries = *in.MaxRetries
	}
	if in.MaxAge != nil {
		out.maxAge = time.Duration(*in.MaxAge) * time.Second
	}
	if out.maxRetries < 0 || out.maxRetries > 8 || out.maxAge < time.Second || out.maxAge > 7*24*time.Hour {
		return asyncConfig{}, invalidArgument("maxAsyncRetryAttempts must be from 0 to 8, and maxAsyncEventAgeInSeconds from 1 to 604800")
	}
	file := func(outcome string) string { return filepath.Join(s.opt.Dir, d.Name+"-"+outcome+".jsonl") }
	out.onFailure = ParseDestination(in.Destinations.OnFailure.Destination, file("failure"))
	out.onSuccess = ParseDestination(in.Destinations.OnSuccess.Destination, file("success"))
	return out, nil
}

// ParseDestination reads a resource name: that of a function, or of a queue or
// topic, which a file replaces.
func ParseDestination(arn, file string) Destination {
	if arn == "" {
		return Destination{}
	}
	if _, function, ok := strings.Cut(arn, ":functions/"); ok {
		function, _, _ = strings.Cut(function, "/")
		return Destination{Function: function, ARN: arn}
	}
	return Destination{File: file, ARN: arn}
}

// asyncOf sets what the program gave for a function's asynchronous invocations.
func (s *Server) asyncOf(d *deployed) {
	f, of := d.latest, cmp.Or(d.latest.AsyncQualifier, qualifier)
	d.async[of] = asyncConfig{f.AsyncMaxRetries, f.AsyncMaxAge, f.OnSuccess, f.OnFailure}
	var shown asyncSetting
	seconds := int(f.AsyncMaxAge.Seconds())
	shown.MaxRetries, shown.MaxAge = &f.AsyncMaxRetries, &seconds
	shown.Destinations.OnSuccess.Destination, shown.Destinations.OnFailure.Destination = f.OnSuccess.ARN, f.OnFailure.ARN
	value := setting{}
	if err := json.Unmarshal(encode(shown), &value); err != nil {
		panic(err) // it was just encoded
	}
	value["functionArn"], value["qualifier"] = encode(f.arn()), encode(of)
	value["createdTime"], value["lastModifiedTime"] = encode(d.Created), encode(d.Created)
	d.set(kindAsync, of, value)
}

// restoreAsync reads the settings that were kept.
func (s *Server) restoreAsync(d *deployed) error {
	for _, of := range slices.Sorted(maps.Keys(d.Settings[kindAsync])) {
		config, err := s.parseAsync(d, d.Settings[kindAsync][of])
		if err != nil {
			return err
		}
		d.async[of] = config
	}
	return nil
}
