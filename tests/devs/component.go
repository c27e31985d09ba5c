package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"time"

	"aftercare/shared/openapi"
)

// component does what the component fc3 does. Source: its code,
// https://github.com/devsapp/fc3, src/subCommands/deploy and src/resources/fc. For
// each function, it
//
//  1. runs the actions before the deployment;
//  2. reads what is there: the function, each trigger by its name, the other
//     configurations. Any error counts as "not there";
//  3. shows each difference, and asks, unless -y is given;
//  4. creates or updates the function, and waits until it is ready;
//  5. creates or updates the triggers in their order. It returns at the first of type
//     eventbridge that has not changed, so that later ones stay as they are;
//  6. puts the other configurations, each for the qualifier that it names, or LATEST.
//
// It publishes no version and moves no alias, and removes no trigger that the file no
// longer has.
type component struct {
	api  *openapi.Client
	base string
	yes  bool
	only map[string]bool // nil for all parts
}

// settings are the configurations beside the function and its triggers, with the
// actions of the API and whether they belong to a qualifier.
var settings = []struct {
	prop, get, put, path string
	qualified            bool
}{
	{"asyncInvokeConfig", "GetAsyncInvokeConfig", "PutAsyncInvokeConfig", "async-invoke-config", true},
	{"concurrencyConfig", "GetConcurrencyConfig", "PutConcurrencyConfig", "concurrency", false},
	{"provisionConfig", "GetProvisionConfig", "PutProvisionConfig", "provision-config", true},
	{"scalingConfig", "GetScalingConfig", "PutScalingConfig", "scaling-config", true},
}

// notFunction are the properties of a resource that are no function's.
var notFunction = []string{"region", "triggers", "asyncInvokeConfig", "concurrencyConfig", "provisionConfig", "scalingConfig", "code"}

func (c *component) does(part string) bool { return c.only == nil || c.only[part] }

func path(function string, parts ...string) string {
	at := "/2023-03-30/functions/" + function
	for _, part := range parts {
		at += "/" + part
	}
	return at
}

func (c *component) deploy(ctx context.Context, r *resource) error {
	name, _ := r.Props["functionName"].(string)
	function := maps.Clone(r.Props)
	for _, prop := range notFunction {
		delete(function, prop)
	}
	if c.does("function") {
		if err := c.deployFunction(ctx, r, name, function); err != nil {
			return err
		}
	}
	if c.does("trigger") {
		if err := c.deployTriggers(ctx, name, r.triggers()); err != nil {
			return err
		}
	}
	for _, s := range settings {
		want, _ := r.Props[s.prop].(map[string]any)
		if want == nil || c.only != nil {
			continue
		}
		query := url.Values{}
		if s.qualified {
			query.Set("qualifier", "LATEST")
			if q, ok := want["qualifier"].(string); ok {
				query.Set("qualifier", q)
			}
		}
		body := maps.Clone(want)
		delete(body, "qualifier")
		var there map[string]any
		_ = c.api.ROA(ctx, s.get, http.MethodGet, path(name, s.path), query, nil, &there)
		if err := c.confirm(s.prop+" of "+name, there, body); err != nil {
			return err
		}
		if err := c.api.ROA(ctx, s.put, http.MethodPut, path(name, s.path), query, body, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *component) deployFunction(ctx context.Context, r *resource, name string, function map[string]any) error {
	for _, action := range r.Actions["pre-deploy"] {
		cmd := exec.CommandContext(ctx, "sh", "-c", action.Run)
		cmd.Dir = filepath.Join(c.base, action.Path)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", action.Run, err)
		}
	}
	var there map[string]any
	found := c.api.ROA(ctx, "GetFunction", http.MethodGet, path(name), nil, nil, &there) == nil
	if err := c.confirm("the function "+name, there, function); err != nil {
		return err
	}
	code, _ := r.Props["code"].(string)
	archive, err := archive(filepath.Join(c.base, code))
	if err != nil {
		return err
	}
	body := maps.Clone(function)
	body["code"] = map[string]any{"zipFile": archive}
	if found {
		err = c.api.ROA(ctx, "UpdateFunction", http.MethodPut, path(name), nil, body, nil)
	} else {
		err = c.api.ROA(ctx, "CreateFunction", http.MethodPost, "/2023-03-30/functions", nil, body, nil)
	}
	if err != nil {
		return err
	}
	return c.ready(ctx, name)
}

// ready waits until a function is.
func (c *component) ready(ctx context.Context, name string) error {
	for {
		var f struct{ State, LastUpdateStatus, StateReason string }
		if err := c.api.ROA(ctx, "GetFunction", http.MethodGet, path(name), nil, nil, &f); err != nil {
			return err
		}
		switch {
		case f.State == "Failed" || f.LastUpdateStatus == "Failed":
			return fmt.Errorf("the function failed: %s", f.StateReason)
		case (f.State == "" || f.State == "Active") && f.LastUpdateStatus != "InProgress":
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (r *resource) triggers() (list []map[string]any) {
	all, _ := r.Props["triggers"].([]any)
	for _, item := range all {
		if t, ok := item.(map[string]any); ok {
			list = append(list, t)
		}
	}
	return list
}

// deployTriggers pairs each trigger of the file with the one of the same name.
func (c *component) deployTriggers(ctx context.Context, function string, local []map[string]any) error {
	there := make([]map[string]any, len(local))
	for i, t := range local {
		if c.api.ROA(ctx, "GetTrigger", http.MethodGet, path(function, "triggers", fmt.Sprint(t["triggerName"])), nil, nil, &there[i]) != nil {
			continue
		}
		var config any
		text, _ := there[i]["triggerConfig"].(string)
		if err := json.Unmarshal([]byte(text), &config); err != nil {
			return fmt.Errorf("the configuration of the trigger %v is no JSON: %w", t["triggerName"], err)
		}
		there[i]["triggerConfig"] = config
	}
	for i, t := range local {
		if err := c.confirm(fmt.Sprintf("the trigger %v of %s", t["triggerName"], function), there[i], t); err != nil {
			return err
		}
	}
	for i, t := range local {
		if there[i] != nil && t["triggerType"] == "eventbridge" && !differs(there[i], t) {
			return nil
		}
		text, err := json.Marshal(t["triggerConfig"])
		if err != nil {
			return err
		}
		body := maps.Clone(t)
		body["triggerConfig"] = string(text)
		if there[i] == nil {
			err = c.api.ROA(ctx, "CreateTrigger", http.MethodPost, path(function, "triggers"), nil, body, nil)
		} else {
			delete(body, "triggerName")
			delete(body, "triggerType")
			err = c.api.ROA(ctx, "UpdateTrigger", http.MethodPut, path(function, "triggers", fmt.Sprint(t["triggerName"])), nil, body, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remove takes a function away, with its triggers.
func (c *component) remove(ctx context.Context, r *resource) error {
	name, _ := r.Props["functionName"].(string)
	if err := c.confirm("remove the function "+name, map[string]any{"there": true}, nil); err != nil {
		return err
	}
	gone := func(err error) error {
		if code := openapi.Code(err); code == "TriggerNotFound" || code == "FunctionNotFound" {
			return nil
		}
		return err
	}
	for _, t := range r.triggers() {
		err := c.api.ROA(ctx, "DeleteTrigger", http.MethodDelete, path(name, "triggers", fmt.Sprint(t["triggerName"])), nil, nil, nil)
		if gone(err) != nil {
			return err
		}
	}
	return gone(c.api.ROA(ctx, "DeleteFunction", http.MethodDelete, path(name), nil, nil, nil))
}

// confirm shows that something differs from what is there, and asks.
func (c *component) confirm(what string, there, want map[string]any) error {
	if there == nil || want != nil && !differs(there, want) {
		return nil
	}
	fmt.Printf("%s was changed, please confirm before deployment\n", what)
	if c.yes {
		return nil
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || line != "y\n" {
		return errors.New("it asked, and got no yes (-y answers for you)")
	}
	return nil
}

// differs reports whether something that is wanted is not there. What only the
// service says does not count.
func differs(there, want any) bool {
	if w, ok := want.(map[string]any); ok {
		t, _ := there.(map[string]any)
		for key, value := range w {
			if differs(t[key], value) {
				return true
			}
		}
		return false
	}
	return !reflect.DeepEqual(there, want)
}
