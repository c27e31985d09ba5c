package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"slices"

	"aftercare/shared/engine"
	"aftercare/shared/openapi"
)

// Document is a document of scripts/observe: an index, a dashboard or an alert rule in
// the shape of the service's API, with placeholders.
type Document struct {
	File string // where it is from, for messages
	JSON string
}

// kind is a kind of documents, by the member that only it has.
type kind struct {
	member string // that holds the name; of an index, its line
	what   string
	path   string // under the project
	call   string // the calls are Create, Get and Update of it
}

var (
	dashboards = kind{"dashboardName", "dashboard", "/dashboards", "Dashboard"}
	alertRules = kind{"name", "alert rule", "/alerts", "Alert"}
)

// taken says what to do where a project's name is another's. The services' pages do not
// say whether a key then may not read the project, or finds none and cannot make it.
const taken = "another account has its name, which is unique in a region: choose another (LOG_PROJECT)"

// Logs plans a project, its logstore and what the documents say. Days is how long new
// logstores keep lines. Names must have the project and the logstore.
func (c *SLS) Logs(names Names, days int, documents []Document) Plan {
	return func(ctx context.Context) (found Found, err error) {
		project, store := names.Project, "/logstores/"+names.Logstore
		isNew, err := c.missing(ctx, "GetProject", project, "/", nil)
		switch {
		case errors.Is(err, engine.ErrDenied) && !openapi.KeyRefused(err):
			return found, fmt.Errorf("%w. If your key may read the project %s, %s", err, project, taken)
		case err != nil:
			return found, err
		}
		if isNew {
			create := c.changing("CreateProject", http.MethodPost, project, "/", map[string]any{
				"projectName": project, "description": "Logs of Aftercare's functions.",
			})
			found.make(func(ctx context.Context) error {
				err := create(ctx)
				if openapi.Code(err) == "ProjectAlreadyExist" {
					return fmt.Errorf("%w. Unless it was made just now, %s", err, taken)
				}
				return err
			}, "make the log project %s", project)
		}
		var have map[string]any
		newStore := isNew
		if !isNew {
			if newStore, err = c.missing(ctx, "GetLogStore", project, store, &have); err != nil {
				return found, err
			}
		}
		switch {
		case newStore:
			found.make(c.changing("CreateLogStore", http.MethodPost, project, "/logstores", map[string]any{
				"logstoreName": names.Logstore, "ttl": days, "shardCount": 2, "autoSplit": true, "maxSplitShard": 16, "mode": "standard",
			}), "make the logstore %s, which keeps lines %d days", names.Logstore, days)
		case have["mode"] == "query":
			found.note("the logstore %s has the mode query, which cannot be changed: it finds lines, but dashboards and alert rules need the mode standard. "+
				"Name another one for those", names.Logstore)
		}
		for _, d := range documents {
			if err := c.planDocument(ctx, &found, d, names, isNew, newStore); err != nil {
				return found, fmt.Errorf("%s: %w", d.File, err)
			}
		}
		return found, nil
	}
}

// missing gets something, and reports whether it does not exist.
func (c *SLS) missing(ctx context.Context, call, project, path string, into any) (bool, error) {
	err := c.call(ctx, call, http.MethodGet, project, path, nil, nil, into)
	if isMissing(err) {
		return true, nil
	}
	return false, err
}

func (c *SLS) changing(call, method, project, path string, body any) func(context.Context) error {
	return func(ctx context.Context) error { return c.call(ctx, call, method, project, path, nil, body, nil) }
}

// planDocument compares a document with what the service has.
func (c *SLS) planDocument(ctx context.Context, found *Found, d Document, names Names, newProject, newStore bool) error {
	var want map[string]any
	if err := json.Unmarshal([]byte(names.fill(d.JSON)), &want); err != nil {
		return fmt.Errorf("it is not a JSON object: %w", err)
	}
	if want["line"] != nil || want["keys"] != nil {
		return c.planIndex(ctx, found, want, names, newStore)
	}
	k := alertRules
	if want[dashboards.member] != nil {
		k = dashboards
	}
	name, _ := want[k.member].(string)
	if name == "" {
		return fmt.Errorf("it has none of the members line, %s and %s", dashboards.member, alertRules.member)
	}
	var have map[string]any
	isNew := newProject
	if !newProject {
		var err error
		if isNew, err = c.missing(ctx, "Get"+k.call, names.Project, k.path+"/"+url.PathEscape(name), &have); err != nil {
			return err
		}
	}
	switch at := differs(want, have, ""); {
	case isNew:
		found.make(c.changing("Create"+k.call, http.MethodPost, names.Project, k.path, want), "make the %s %s", k.what, name)
	case at != "":
		found.change(c.changing("Update"+k.call, http.MethodPut, names.Project, k.path+"/"+url.PathEscape(name), want), "change the %s %s (%s)", k.what, name, at)
	}
	if have["status"] == "DISABLED" {
		found.note("the %s %s is turned off", k.what, name)
	}
	return nil
}

func (c *SLS) planIndex(ctx context.Context, found *Found, want map[string]any, names Names, isNew bool) error {
	path := "/logstores/" + names.Logstore + "/index"
	var have map[string]any
	if !isNew {
		var err error
		if isNew, err = c.missing(ctx, "GetIndex", names.Project, path, &have); err != nil {
			return err
		}
	}
	switch at := differs(want, have, ""); {
	case isNew:
		found.make(c.changing("CreateIndex", http.MethodPost, names.Project, path, want), "make the index of the logstore %s", names.Logstore)
	case at != "":
		// What others indexed stays. Members that only answers have must not be sent.
		kept := map[string]any{}
		for _, member := range []string{"line", "keys", "max_text_len", "log_reduce", "log_reduce_white_list", "log_reduce_black_list"} {
			if value, ok := have[member]; ok {
				kept[member] = value
			}
		}
		found.change(c.changing("UpdateIndex", http.MethodPut, names.Project, path, merged(kept, want)), "change the index of the logstore %s (%s)", names.Logstore, at)
	}
	return nil
}

// WithoutLogs plans that a project is gone, with all in it.
func (c *SLS) WithoutLogs(project string) Plan {
	return func(ctx context.Context) (found Found, err error) {
		isNew, err := c.missing(ctx, "GetProject", project, "/", nil)
		if err == nil && !isNew {
			found.change(c.changing("DeleteProject", http.MethodDelete, project, "/", nil), "remove the log project %s, with its lines", project)
		}
		return found, err
	}
}

// differs returns the first member of a wanted JSON value that another value has not,
// as in line.token; empty if it has all. Members that are not wanted do not count,
// and what is empty may be missing.
func differs(want, have any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		h, _ := have.(map[string]any)
		for _, name := range sortedNames(w) {
			inner := name
			if at != "" {
				inner = at + "." + name
			}
			if found := differs(w[name], h[name], inner); found != "" {
				return found
			}
		}
		return ""
	case []any:
		h, _ := have.([]any)
		if len(h) != len(w) {
			return at
		}
		for i := range w {
			if found := differs(w[i], h[i], fmt.Sprintf("%s[%d]", at, i)); found != "" {
				return found
			}
		}
		return ""
	case float64:
		h, _ := have.(float64)
		if math.Abs(w-h) <= 1e-9*math.Abs(w) {
			return ""
		}
		return at
	}
	empty := want == nil || want == "" || want == false
	if reflect.DeepEqual(want, have) || empty && (have == nil || have == "" || have == false) {
		return ""
	}
	return at
}

// merged returns a JSON object with the members of another over its own, at each depth
// of objects.
func merged(have, want map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range have {
		out[name] = value
	}
	for name, value := range want {
		h, hOK := have[name].(map[string]any)
		w, wOK := value.(map[string]any)
		if hOK && wOK {
			value = merged(h, w)
		}
		out[name] = value
	}
	return out
}

func sortedNames(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
