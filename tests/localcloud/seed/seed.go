// Package seed reads the file of --seed: tables with rows for Tablestore, buses
// with rules for EventBridge, and settings of the inbox's channels, from the start.
// It finds every mistake in the file, with its line and its path, before a service
// starts.
package seed

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/inbox"
	"aftercare/tests/localcloud/tablestore"
)

// Seed holds what a file defines.
type Seed struct {
	Tables []tablestore.Table
	Buses  []string
	Rules  []eventbridge.Rule
	// Channels holds settings of the inbox's channels, by name, as JSON.
	Channels map[string]json.RawMessage
}

// Channel returns the settings of a channel: what the seed says of it, and else
// its own.
func (s *Seed) Channel(name string, own inbox.Channel) inbox.Channel {
	if text, ok := s.Channels[name]; ok {
		_ = json.Unmarshal(text, &own) // Read has tried
	}
	return own
}

// AddBuses returns these buses and rules with those of the seed. A bus may be
// in both.
func (s *Seed) AddBuses(buses []string, rules []eventbridge.Rule) ([]string, []eventbridge.Rule) {
	buses = slices.Clone(buses)
	for _, name := range s.Buses {
		if !slices.Contains(buses, name) {
			buses = append(buses, name)
		}
	}
	return buses, append(slices.Clone(rules), s.Rules...)
}

// Post makes the target of a rule that sends events to an address.
type Post func(url string) eventbridge.Target

// Read reads a file. Its error is a Mistakes if the file can be read as JSON.
func Read(path string, post Post) (*Seed, error) {
	var m Mistakes
	root, err := open("the seed", path, &m)
	if err != nil {
		return nil, err
	}
	out := &Seed{Channels: map[string]json.RawMessage{}}
	if m.object(root, "tables", "buses", "channels") {
		for _, n := range m.list(root, "tables") {
			m.table(n, out)
		}
		for _, n := range m.list(root, "buses") {
			m.bus(n, post, out)
		}
		if n, ok := root.members["channels"]; ok && m.object(n, inbox.Names()...) {
			for _, name := range n.names {
				m.channel(n.members[name], name, out)
			}
		}
	}
	return out, m.err()
}

// ReadRules reads a file with an array of rules, each with its bus.
func ReadRules(path string, buses []string, post Post) ([]eventbridge.Rule, error) {
	var m Mistakes
	root, err := open("the rules", path, &m)
	if err != nil {
		return nil, err
	}
	var out []eventbridge.Rule
	if root.kind != '[' {
		m.add(root, "it must be an array")
	}
	check := m.checker(root, buses)
	for _, n := range root.items {
		if m.object(n, "name", "bus", "pattern", "url", "retry") {
			out = append(out, m.rule(n, m.text(n, "bus", true), post, check))
		}
	}
	return out, m.err()
}

func open(what, path string, m *Mistakes) (*node, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return parse(path, text, m)
}

func (m Mistakes) err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

// table reads a table, and tries to make it where it disturbs nobody.
func (m *Mistakes) table(n *node, out *Seed) {
	if !m.object(n, "name", "primaryKey", "rows") {
		return
	}
	before := len(*m)
	t := tablestore.Table{Name: m.text(n, "name", false)}
	if slices.ContainsFunc(out.Tables, func(have tablestore.Table) bool { return have.Name == t.Name }) {
		m.add(n, "another table has the name %q", t.Name)
	}
	for _, k := range m.list(n, "primaryKey") {
		if m.object(k, "name", "type") {
			t.Key = append(t.Key, tablestore.KeyColumn{Name: m.text(k, "name", false), Type: m.text(k, "type", false)})
		}
	}
	rows := m.list(n, "rows")
	for _, r := range rows {
		if r.kind != '{' {
			m.add(r, "it must be an object")
			continue
		}
		row := map[string]any{}
		for _, name := range r.names {
			row[name] = m.value(r.members[name])
		}
		t.Rows = append(t.Rows, row)
	}
	if len(*m) > before {
		return // what cannot be read cannot be tried
	}
	for _, mistake := range tablestore.Check(t) {
		at := n
		if mistake.Row >= 0 {
			at = rows[mistake.Row]
		}
		m.add(at, "%w", mistake.Err)
	}
	out.Tables = append(out.Tables, t)
}

// value reads the value of a column.
func (m *Mistakes) value(n *node) any {
	switch v := n.value.(type) {
	case string, bool:
		return v
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			i, err := strconv.ParseInt(v.String(), 10, 64)
			if err != nil {
				m.add(n, "a whole number must have at most 64 bits")
			}
			return i
		}
		f, err := v.Float64()
		if err != nil {
			m.add(n, "the number is too large")
		}
		return f
	}
	if encoded, ok := n.members["base64"]; ok && len(n.members) == 1 {
		if text, ok := encoded.value.(string); ok {
			if b, err := base64.StdEncoding.DecodeString(text); err == nil {
				return b
			}
		}
	}
	m.add(n, `a column must be a text, a number, true, false or {"base64": "..."}`)
	return ""
}

// channel reads the settings of a channel of the inbox.
func (m *Mistakes) channel(n *node, name string, out *Seed) {
	has := inbox.Settings(name)
	if has == nil || !m.object(n, has...) {
		return // and the mistake is noted
	}
	for _, setting := range n.names {
		var c inbox.Channel
		member := n.members[setting]
		text, _ := json.Marshal(map[string]json.RawMessage{setting: member.source()}) // it was decoded
		var wrong *json.UnmarshalTypeError
		if err := json.Unmarshal(text, &c); errors.As(err, &wrong) {
			m.add(member, "it must be %s", kindName(wrong.Type.Kind()))
		}
	}
	out.Channels[name] = n.source()
}

// kindName says what a setting is.
func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return "an array of texts"
	}
	return "a text"
}

// bus reads a bus and its rules.
func (m *Mistakes) bus(n *node, post Post, out *Seed) {
	if !m.object(n, "name", "rules") {
		return
	}
	name := m.text(n, "name", false)
	switch {
	case name == eventbridge.DefaultBus:
	case slices.Contains(out.Buses, name):
		m.add(n, "another bus has the name %q", name)
		return
	default:
		out.Buses = append(out.Buses, name)
	}
	check := m.checker(n, []string{name})
	for _, r := range m.list(n, "rules") {
		if m.object(r, "name", "pattern", "url", "retry") {
			out.Rules = append(out.Rules, m.rule(r, name, post, check))
		}
	}
}

// checker returns what tries to add a rule where it disturbs nobody.
func (m *Mistakes) checker(n *node, buses []string) func(eventbridge.Rule) error {
	custom := slices.DeleteFunc(slices.Clone(buses), func(name string) bool { return name == eventbridge.DefaultBus })
	scratch, err := eventbridge.New(eventbridge.Options{Buses: custom})
	if err != nil {
		m.add(n, "%w", err)
		return func(eventbridge.Rule) error { return nil }
	}
	return scratch.AddRule
}

func (m *Mistakes) rule(n *node, bus string, post Post, check func(eventbridge.Rule) error) eventbridge.Rule {
	before := len(*m)
	r := eventbridge.Rule{
		Name: m.text(n, "name", false), Bus: bus, Retry: eventbridge.RetryStrategy(m.text(n, "retry", true)),
	}
	if pattern, ok := n.members["pattern"]; ok {
		r.Pattern = string(pattern.source())
	} else {
		m.add(n, "pattern is missing: {} takes every event")
	}
	address := m.text(n, "url", false)
	if u, err := url.Parse(address); address != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		m.add(n.members["url"], "it must be http:// or https://")
	}
	r.Target = post(address)
	if len(*m) == before {
		if err := check(r); err != nil {
			m.add(n, "%w", err)
		}
	}
	return r
}
