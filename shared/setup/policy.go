package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Policy is a RAM policy, or the trust of a role. Actions and resources are lists;
// what the service shows may have texts in their place.
type Policy struct {
	Version   string
	Statement []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	Effect    string
	Action    []string
	Resource  []string            `json:",omitempty"`
	Principal map[string][]string `json:",omitempty"`
	// Condition has operators, keys and values.
	Condition map[string]map[string][]string `json:",omitempty"`
}

// Names are an account's own parts of policies and of the documents of observe.
// Empty ones stay placeholders.
type Names struct {
	Region, Account   string
	TablestoreName    string // of the instance
	Project, Logstore string // of Simple Log Service
}

// fill puts the names into a text.
func (n Names) fill(text string) string {
	var pairs []string
	for placeholder, name := range map[string]string{
		"<region>": n.Region, "<account>": n.Account, "<tablestore-instance>": n.TablestoreName, "<log-project>": n.Project, "<log-store>": n.Logstore,
	} {
		if name != "" {
			pairs = append(pairs, placeholder, name)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// With returns the policy with the names of an account.
func (p Policy) With(n Names) Policy {
	var out Policy
	// It was encoded by this package, so it can be read again.
	_ = json.Unmarshal([]byte(n.fill(p.compact())), &out)
	return out
}

// compact is the policy in its shortest form: the service counts characters.
func (p Policy) compact() string { return strings.TrimSuffix(encode(p, ""), "\n") }

// String is the policy for people, with each list on a line of its own.
func (p Policy) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "{\n  \"Version\": %q,\n  \"Statement\": [", p.Version)
	for i, s := range p.Statement {
		if i > 0 {
			out.WriteString(",")
		}
		var members []string
		for _, member := range []struct {
			name  string
			value any
			none  bool
		}{
			{"Effect", s.Effect, false}, {"Action", s.Action, false}, {"Resource", s.Resource, s.Resource == nil},
			{"Principal", s.Principal, s.Principal == nil}, {"Condition", s.Condition, s.Condition == nil},
		} {
			if !member.none {
				members = append(members, fmt.Sprintf("      %q: %s", member.name, spaced(member.value)))
			}
		}
		out.WriteString("\n    {\n" + strings.Join(members, ",\n") + "\n    }")
	}
	out.WriteString("\n  ]\n}\n")
	return out.String()
}

// spaced encodes a value on one line, with blanks behind commas and colons.
func spaced(value any) string {
	switch v := value.(type) {
	case []string:
		var items []string
		for _, item := range v {
			items = append(items, spaced(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string][]string:
		var items []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			items = append(items, spaced(name)+": "+spaced(v[name]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case map[string]map[string][]string:
		var items []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			items = append(items, spaced(name)+": "+spaced(v[name]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return strings.TrimSuffix(encode(value, ""), "\n")
}

// encode is JSON that leaves <, > and & as they are.
func encode(value any, indent string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(value); err != nil {
		panic(err) // a mistake in the type
	}
	return out.String()
}

// grants are what a document says, one text for each action on each resource, in
// which the order and the grouping of a document do not show. An unknown member
// makes the whole statement one text.
func grants(document string) (map[string]bool, error) {
	var read struct{ Statement []map[string]any }
	if json.Unmarshal([]byte(document), &read) != nil || read.Statement == nil {
		return nil, errors.New("the document is not a policy")
	}
	out := map[string]bool{}
	for _, s := range read.Statement {
		var actions, resources []string
		rest := map[string]any{}
		for member, value := range s {
			switch list := texts(value); {
			case member == "Action" && list != nil:
				actions = list
			case member == "Resource" && list != nil:
				resources = list
			case member != "Effect":
				rest[member] = listed(value)
			}
		}
		suffix := ""
		if len(rest) > 0 {
			suffix = " with " + strings.TrimSuffix(encode(rest, ""), "\n")
		}
		if resources == nil {
			resources = []string{""}
		}
		for _, action := range actions {
			for _, resource := range resources {
				on := ""
				if resource != "" {
					on = " on " + resource
				}
				out[fmt.Sprint(s["Effect"], " ", action, on, suffix)] = true
			}
		}
		if actions == nil {
			out[fmt.Sprint(s["Effect"], " something", suffix)] = true
		}
	}
	return out, nil
}

// texts returns a text, or a list of texts, as a list; nil if it is neither.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		list := make([]string, 0, len(v))
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil
			}
			list = append(list, text)
		}
		return list
	}
	return nil
}

// listed returns a copy of a JSON value in which each text is a sorted list.
func listed(value any) any {
	if list := texts(value); list != nil {
		slices.Sort(list)
		return list
	}
	if object, ok := value.(map[string]any); ok {
		out := map[string]any{}
		for name, member := range object {
			out[name] = listed(member)
		}
		return out
	}
	return value
}

// maxWords is how many differences of a document are named.
const maxWords = 4

// differences says in words how a document differs from a policy; empty if it says
// the same.
func (p Policy) differences(document string) string {
	want, err := grants(p.compact())
	if err != nil {
		panic(err) // a mistake in this package
	}
	have, err := grants(document)
	if err != nil {
		return "is not readable, and is replaced"
	}
	var words []string
	// What is too much comes first: the rest may not be named.
	for _, g := range slices.Sorted(maps.Keys(have)) {
		if !want[g] {
			words = append(words, "- "+g)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(want)) {
		if !have[g] {
			words = append(words, "+ "+g)
		}
	}
	if more := len(words) - maxWords; more > 0 {
		words = append(words[:maxWords], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}
