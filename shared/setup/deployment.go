package setup

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/openapi"
)

// Deployment plans what 's deploy' of Serverless Devs would make of a file, of which
// preview is what 's preview -o json' printed. Its own 's plan' takes any error for
// "all is new". The code is not compared, but for DEPLOYED_VERSION
// among its variables. Apply cannot make the changes.
func (c *FC) Deployment(preview []byte) Plan {
	return func(ctx context.Context) (found Found, err error) {
		var d struct {
			Resources map[string]struct{ Props map[string]any }
		}
		// It prints warnings, too, such as one for root.
		_, object, _ := bytes.Cut(append([]byte("\n"), preview...), []byte("\n{"))
		if err := json.Unmarshal(append([]byte("{"), object...), &d); err != nil || len(d.Resources) == 0 {
			return found, errors.New("this is not what 's preview -o json' prints: it has no resources")
		}
		var all []map[string]any
		for _, r := range d.Resources {
			all = append(all, r.Props)
		}
		slices.SortFunc(all, func(a, b map[string]any) int {
			return strings.Compare(text(a, "functionName"), text(b, "functionName"))
		})
		for _, props := range all {
			if err := c.planFunction(ctx, &found, props); err != nil {
				return found, err
			}
		}
		return found, nil
	}
}

func text(object map[string]any, member string) string {
	value, _ := object[member].(string)
	return value
}

// configs are the configurations beside a function and its triggers, by their members
// in the file. Those of a qualifier have that of the file, or LATEST.
var configs = map[string]struct {
	call, path string
	qualified  bool
}{
	"asyncInvokeConfig": {"GetAsyncInvokeConfig", "async-invoke-config", true},
	"concurrencyConfig": {"GetConcurrencyConfig", "concurrency", false},
	"provisionConfig":   {"GetProvisionConfig", "provision-config", true},
	"scalingConfig":     {"GetScalingConfig", "scaling-config", true},
}

func (c *FC) planFunction(ctx context.Context, found *Found, props map[string]any) error {
	name := text(props, "functionName")
	path := "/2023-03-30/functions/" + name
	var have map[string]any
	isNew, err := c.missing(ctx, "GetFunction", path, nil, &have)
	if err != nil {
		return err
	}
	want := maps.Clone(props)
	maps.DeleteFunc(want, func(member string, _ any) bool {
		_, other := configs[member]
		return other || slices.Contains([]string{"region", "code", "triggers"}, member)
	})
	at := cmp.Or(differs(want, have, ""), extra(want, have))
	switch {
	case isNew:
		found.change(nil, "make the function %s", name)
		return nil
	case at != "":
		found.change(nil, "change the function %s (%s)", name, at)
	}
	if err := c.planTriggers(ctx, found, props, path); err != nil {
		return err
	}
	for _, member := range slices.Sorted(maps.Keys(configs)) {
		want, ok := props[member].(map[string]any)
		if !ok {
			continue
		}
		query := url.Values{}
		if configs[member].qualified {
			query.Set("qualifier", cmp.Or(text(want, "qualifier"), "LATEST"))
		}
		var have map[string]any
		isNew, err := c.missing(ctx, configs[member].call, path+"/"+configs[member].path, query, &have)
		if err != nil {
			return err
		}
		want = maps.Clone(want)
		delete(want, "qualifier") // it was asked for
		switch at := differs(want, have, ""); {
		case isNew:
			found.change(nil, "change the function %s (%s)", name, member)
		case at != "":
			found.change(nil, "change the function %s (%s.%s)", name, member, at)
		}
	}
	return nil
}

// extra is the first variable of a function that the file has not: an update removes
// it.
func extra(want, have map[string]any) string {
	const member = "environmentVariables"
	wanted, _ := want[member].(map[string]any)
	there, _ := have[member].(map[string]any)
	for _, name := range sortedNames(there) {
		if _, ok := wanted[name]; !ok {
			return member + "." + name
		}
	}
	return ""
}

// planTriggers compares triggers by their names.
func (c *FC) planTriggers(ctx context.Context, found *Found, props map[string]any, path string) error {
	name := text(props, "functionName")
	list, err := c.triggers(ctx, path)
	if err != nil {
		return err
	}
	have := map[string]map[string]any{}
	for _, t := range list {
		var config any
		_ = json.Unmarshal([]byte(text(t, "triggerConfig")), &config) // what is no JSON differs
		t["triggerConfig"] = config
		have[text(t, "triggerName")] = t
	}
	wanted, _ := props["triggers"].([]any)
	for _, value := range wanted {
		want, _ := value.(map[string]any)
		trigger := text(want, "triggerName")
		switch at := differs(want, have[trigger], ""); {
		case have[trigger] == nil:
			found.change(nil, "make the trigger %s of %s", trigger, name)
		case at != "":
			found.change(nil, "change the trigger %s of %s (%s)", trigger, name, at)
		}
		delete(have, trigger)
	}
	for _, trigger := range slices.Sorted(maps.Keys(have)) {
		found.note("the function %s has the trigger %s, which the file has not. Serverless Devs leaves it: delete it in the console if it is yours", name, trigger)
	}
	return nil
}

// missing gets something, and reports whether it does not exist.
func (c *FC) missing(ctx context.Context, call, path string, query url.Values, into any) (bool, error) {
	err := c.api.ROA(ctx, call, http.MethodGet, path, query, nil, into)
	var refused *openapi.Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound && notThere.MatchString(refused.Code) {
		return true, nil
	}
	return false, err
}

// notThere are the codes for what does not exist; not all are documented. Source:
// https://www.alibabacloud.com/help/en/functioncompute/error-codes
var notThere = regexp.MustCompile(`^[A-Za-z]+Not(Found|Exists?)$`)
