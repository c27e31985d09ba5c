package project

import (
	"fmt"
	"strings"
	"time"
)

// project reads the whole file.
func (r *reader) project(p *Project) {
	if r.root.kind != mapping {
		r.mistake(r.root.at, "a project is an object with resources, this is %s", r.root.describe())
		return
	}
	if edition := r.text(r.root, "edition"); !strings.HasPrefix(edition, "3.") {
		at := r.root.at
		if n := r.root.value["edition"]; n != nil {
			at = n.at
		}
		r.mistake(at, "edition must be 3.0.0, not %q", edition)
	}
	p.Name = r.text(r.root, "name")
	resources := r.object(r.root, "resources")
	if resources == nil {
		r.mistake(r.root.at, "resources is missing")
		return
	}
	owner := map[string]string{}
	for _, key := range resources.keys {
		r.resource = key
		f, ok := r.function(p, resources, key)
		if !ok {
			continue
		}
		if other, taken := owner[f.Name]; taken {
			r.mistake(resources.keyAt[key], "the function %s is declared by %s already", f.Name, other)
		}
		owner[f.Name] = key
		p.Functions = append(p.Functions, f)
	}
}

// function reads one resource; it returns false if that is not a function of
// runtime go1.
func (r *reader) function(p *Project, resources *node, key string) (Function, bool) {
	leaveOut := func(format string, args ...any) (Function, bool) {
		p.LeftOut = append(p.LeftOut, "resource "+key+": "+fmt.Sprintf(format, args...))
		return Function{}, false
	}
	resource := r.object(resources, key)
	if resource == nil {
		r.mistake(resources.keyAt[key], "the resource %s is empty", key)
		return Function{}, false
	}
	if component := r.text(resource, "component"); component != "fc3" {
		return leaveOut("component %q is not imitated, only fc3 is", component)
	}
	if resource.value["extend"] != nil {
		r.mistake(resource.keyAt["extend"], "templates (extend) are not read: use vars, or anchors")
		return Function{}, false
	}
	props := r.object(resource, "props")
	if props == nil {
		r.mistake(resource.at, "props is missing")
		return Function{}, false
	}
	if runtime := r.required(props, "runtime"); runtime != "go1" {
		return leaveOut("runtime %q is not imitated, only go1 is", runtime)
	}
	f := Function{
		Resource: key,
		Name:     r.required(props, "functionName"),
		Region:   r.required(props, "region"),
		Code:     r.code(props),
		Handler:  r.required(props, "handler"),
		Role:     r.text(props, "role"),
		Timeout:  3 * time.Second,
		MemoryMB: 512,
		Env:      r.environment(props),
	}
	if v := r.seconds(props, "timeout", 1, 86400); v != nil {
		f.Timeout = *v
	}
	if v := r.number(props, "memorySize", 128, 32768); v != nil {
		f.MemoryMB = *v
	}
	if v := r.number(r.object(props, "concurrencyConfig"), "reservedConcurrency", 1, 10000); v != nil {
		f.MaxInstances = *v
	}
	if n := r.object(props, "asyncInvokeConfig"); n != nil {
		f.Async = Async{
			MaxAge:     r.seconds(n, "maxAsyncEventAgeInSeconds", 1, 604800),
			MaxRetries: r.number(n, "maxAsyncRetryAttempts", 0, 8),
			Qualifier:  r.text(n, "qualifier"),
		}
		to := r.object(n, "destinationConfig")
		f.Async.OnFailure = r.text(r.object(to, "onFailure"), "destination")
		f.Async.OnSuccess = r.text(r.object(to, "onSuccess"), "destination")
	}
	if n := r.member(props, "logConfig"); n != nil && n.kind == mapping { // it may also be the word auto
		f.LogProject, f.Logstore = r.text(n, "project"), r.text(n, "logstore")
	}
	r.triggers(p, props, &f)
	return f, true
}

// code reads the folder of the code, which is a text or the member src.
func (r *reader) code(props *node) string {
	if n := r.member(props, "code"); n != nil && n.kind == mapping {
		return r.required(n, "src")
	}
	return r.required(props, "code")
}

func (r *reader) environment(props *node) map[string]string {
	out := map[string]string{}
	n := r.object(props, "environmentVariables")
	if n == nil {
		return out
	}
	for _, name := range n.keys {
		out[name] = r.text(n, name)
	}
	return out
}
