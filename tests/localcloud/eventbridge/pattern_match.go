package eventbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// fields are the patterns of an object's fields; all must match. Values are
// fields or alternatives.
type fields map[string]any

// alternatives are the values that one field may have; one must match.
type alternatives struct {
	conditions []condition
	// present means that it is enough if the field is there, and missing that
	// it is enough if it is not.
	present, missing bool
}

// condition is one alternative for a value that is there and not an array.
type condition interface{ matches(value any) bool }

type (
	exact       struct{ value any } // string, json.Number, bool or nil
	prefix      string
	suffix      string
	contains    string
	anythingBut []condition // exact values, or one prefix
	numeric     []comparison
	comparison  struct {
		op    string
		limit float64
	}
	cidr netip.Prefix
)

// absent stands for the value of a field that is not there.
type absent struct{}

// Match reports whether an event, a JSON object, matches the pattern.
func (p *Pattern) Match(event []byte) (bool, error) {
	dec := json.NewDecoder(bytes.NewReader(event))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		return false, fmt.Errorf("match event: %w", err)
	}
	return p.root.match(object), nil
}

// match applies fields to any value; one that is not an object has no fields.
func (f fields) match(value any) bool {
	if list, ok := value.([]any); ok {
		return slices.ContainsFunc(list, f.match)
	}
	object, _ := value.(map[string]any)
	for name, want := range f {
		var got any = absent{}
		if v, ok := object[name]; ok {
			got = v
		}
		var ok bool
		switch w := want.(type) {
		case fields:
			ok = w.match(got)
		case alternatives:
			ok = w.match(got)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (a alternatives) match(value any) bool {
	if value == (absent{}) {
		return a.missing
	}
	values := []any{value}
	if list, ok := value.([]any); ok {
		values = list
	}
	return a.present || slices.ContainsFunc(a.conditions, func(c condition) bool {
		return slices.ContainsFunc(values, c.matches)
	})
}

func (e exact) matches(value any) bool {
	want, isNumber := e.value.(json.Number)
	got, bothNumbers := value.(json.Number)
	if isNumber && bothNumbers {
		w, errW := want.Float64()
		g, errG := got.Float64()
		return want == got || errW == nil && errG == nil && w == g
	}
	switch value.(type) {
	case nil, bool, string:
		return value == e.value
	}
	return false
}

func (p prefix) matches(value any) bool {
	s, ok := value.(string)
	return ok && strings.HasPrefix(s, string(p))
}

func (p suffix) matches(value any) bool {
	s, ok := value.(string)
	return ok && strings.HasSuffix(s, string(p))
}

func (p contains) matches(value any) bool {
	s, ok := value.(string)
	return ok && strings.Contains(s, string(p))
}

func (a anythingBut) matches(value any) bool {
	return !slices.ContainsFunc(a, func(c condition) bool { return c.matches(value) })
}

func (n numeric) matches(value any) bool {
	number, ok := value.(json.Number)
	if !ok {
		return false
	}
	v, err := number.Float64()
	if err != nil {
		return false
	}
	for _, c := range n {
		if !(c.op == ">" && v > c.limit || c.op == "<" && v < c.limit || c.op == "<=" && v <= c.limit) {
			return false
		}
	}
	return true
}

func (c cidr) matches(value any) bool {
	s, ok := value.(string)
	if !ok {
		return false
	}
	addr, err := netip.ParseAddr(s)
	return err == nil && netip.Prefix(c).Contains(addr)
}
