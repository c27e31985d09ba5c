package eventbridge

// The pattern language
//
// A pattern is a JSON object. It describes events by example, and everything
// in an event that the pattern does not mention is ignored.
//
//	pattern      = object of fields
//	fields       = { name: fields | alternatives, ... }   all must match (AND)
//	alternatives = [ alternative, ... ]                    one must match (OR)
//	alternative  = string | number | true | false | null | { operator: argument }
//
// Rules, in the order in which they apply:
//
//  1. Names and values are compared exactly: case counts, nothing is trimmed
//     or converted. The string "0" is not the number 0. "" and null are two
//     different values, and neither is an absent field.
//  2. Numbers are compared by value as 64-bit floats: 300 equals 3e2.
//  3. A field that is absent from the event matches nothing but
//     {"exists": false}. If a field's parent is absent, or is not an object, the
//     field is absent.
//  4. If an event's field is an array, it matches if one of its elements
//     does. An array of objects matches fields if one of the objects matches
//     all of them. An empty array matches {"exists": true} only.
//  5. {} matches every event. A nested empty object, and an empty array of
//     alternatives, are mistakes.
//
// The operators:
//
//	{"prefix": "p"}        a string that starts with p
//	{"suffix": "s"}        a string that ends with s
//	{"contains": "c"}      a string that contains c
//	{"anything-but": x}    any value that is not x, a string or a number
//	{"anything-but": [x]}  any value not in the list, of only strings or only numbers
//	{"anything-but": {"prefix": "p"}}   any value that is not a string that starts with p
//	{"numeric": [">", 0, "<=", 5]}      a JSON number in a range; one or two of the
//	                       operators >, < and <=; numbers of ±1e9, with at most 15 digits,
//	                       and at most 6 of them decimals
//	{"cidr": "10.0.0.0/24"}   a string that is an IPv4 address in that block; only below data
//	{"exists": true}       the field is there, whatever its value; only below data
//	{"exists": false}      the field is not there; only below data
//
// One field takes at most 5 string expressions: prefix, suffix, contains, and
// anything-but of strings.
//
// The language is that of
// https://www.alibabacloud.com/help/en/doc-detail/181432.htm. Rules 2, 4 and
// 5, the mix of types in anything-but, and the refusal of operators that the
// page does not list (such as >= and =) are this package's reading of it.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Pattern is a compiled event pattern. It is safe for concurrent use.
type Pattern struct{ root fields }

// maxStringExpressions is how many string expressions one field takes.
const maxStringExpressions = 5

// CompilePattern reads a pattern. Its errors give the place of the mistake and
// what to write instead.
func CompilePattern(text string) (*Pattern, error) {
	parsed, err := parseUnique(text)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	object, ok := parsed.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("pattern: must be a JSON object, not %s", kindOf(parsed))
	}
	root, err := compileFields(nil, object)
	if err != nil {
		return nil, err
	}
	return &Pattern{root}, nil
}

func compileFields(path []string, object map[string]any) (fields, error) {
	out := make(fields, len(object))
	for name, value := range object {
		at := append(path[:len(path):len(path)], name)
		var err error
		switch v := value.(type) {
		case map[string]any:
			if len(v) == 0 {
				return nil, mistake(at, "an empty object matches nothing: leave the field out")
			}
			out[name], err = compileFields(at, v)
		case []any:
			out[name], err = compileAlternatives(at, v)
		default:
			err = mistake(at, "must be an array of alternatives or an object, not %s: write [%s]", kindOf(v), literal(v))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func compileAlternatives(path []string, list []any) (out alternatives, err error) {
	if len(list) == 0 {
		return out, mistake(path, "an empty array matches nothing")
	}
	expressions := 0
	for _, item := range list {
		object, isObject := item.(map[string]any)
		if _, isList := item.([]any); isList {
			return out, mistake(path, "an array cannot be an alternative")
		}
		if !isObject {
			out.conditions = append(out.conditions, exact{item})
			continue
		}
		if len(object) != 1 {
			return out, mistake(path, "an operator object must have exactly one key, not %d", len(object))
		}
		if arg, ok := object["exists"]; ok {
			if err := out.exists(path, arg); err != nil {
				return out, err
			}
			continue
		}
		for name, arg := range object {
			c, err := compileOperator(path, name, arg)
			if err != nil {
				return out, err
			}
			if isStringExpression(c) {
				expressions++
			}
			out.conditions = append(out.conditions, c)
		}
	}
	if expressions > maxStringExpressions {
		return out, mistake(path, "has %d string expressions, more than %d", expressions, maxStringExpressions)
	}
	return out, nil
}

// exists adds the operator exists, the only one that looks at absent fields.
func (a *alternatives) exists(path []string, arg any) error {
	if !belowData(path) {
		return mistake(path, "exists is allowed below data only")
	}
	want, isBool := arg.(bool)
	if !isBool {
		return mistake(path, "exists takes true or false, not %s", kindOf(arg))
	}
	if want {
		a.present = true
	} else {
		a.missing = true
	}
	return nil
}

func isStringExpression(c condition) bool {
	switch v := c.(type) {
	case prefix, suffix, contains:
		return true
	case anythingBut: // never empty
		e, isExact := v[0].(exact)
		if !isExact {
			return true // of a prefix
		}
		_, isString := e.value.(string)
		return isString
	}
	return false
}

func compileOperator(path []string, name string, arg any) (condition, error) {
	text, isString := arg.(string)
	switch name {
	case "prefix", "suffix", "contains":
		if !isString {
			return nil, mistake(path, "%s takes a string, not %s", name, kindOf(arg))
		}
	}
	switch name {
	case "prefix":
		return prefix(text), nil
	case "suffix":
		return suffix(text), nil
	case "contains":
		return contains(text), nil
	case "anything-but":
		return compileAnythingBut(path, arg)
	case "numeric":
		return compileNumeric(path, arg)
	case "cidr":
		if !belowData(path) {
			return nil, mistake(path, "cidr is allowed below data only")
		}
		block, err := netip.ParsePrefix(text)
		if err != nil || !block.Addr().Is4() {
			return nil, mistake(path, `cidr takes an IPv4 block such as "10.0.0.0/24", not %s`, literal(arg))
		}
		return cidr(block.Masked()), nil
	}
	return nil, mistake(path, "operator %q is not one of prefix, suffix, contains, anything-but, numeric, cidr and exists", name)
}

func compileAnythingBut(path []string, arg any) (condition, error) {
	list, isList := arg.([]any)
	if object, ok := arg.(map[string]any); ok {
		start, isString := object["prefix"].(string)
		if len(object) != 1 || !isString {
			return nil, mistake(path, `anything-but takes no object other than {"prefix": "..."}`)
		}
		return anythingBut{prefix(start)}, nil
	}
	if !isList {
		list = []any{arg}
	}
	if len(list) == 0 {
		return nil, mistake(path, "anything-but takes no empty array")
	}
	var out anythingBut
	for _, item := range list {
		kind := kindOf(item)
		if kind != "a string" && kind != "a number" {
			return nil, mistake(path, "anything-but takes strings and numbers, not %s", kind)
		}
		if first := kindOf(list[0]); kind != first {
			return nil, mistake(path, "anything-but takes only strings or only numbers, not both")
		}
		out = append(out, exact{item})
	}
	return out, nil
}

func compileNumeric(path []string, arg any) (condition, error) {
	list, _ := arg.([]any)
	if len(list) != 2 && len(list) != 4 {
		return nil, mistake(path, `numeric takes one or two comparisons such as [">", 0, "<=", 5]`)
	}
	var out numeric
	for i := 0; i < len(list); i += 2 {
		op, _ := list[i].(string)
		if op != ">" && op != "<" && op != "<=" {
			return nil, mistake(path, "numeric knows >, < and <=, not %s", literal(list[i]))
		}
		number, isNumber := list[i+1].(json.Number)
		if !isNumber {
			return nil, mistake(path, "numeric compares with numbers, not %s", kindOf(list[i+1]))
		}
		limit, err := boundedNumber(number)
		if err != nil {
			return nil, mistake(path, "%v", err)
		}
		out = append(out, comparison{op, limit})
	}
	if len(out) == 2 && (out[0].op == ">") == (out[1].op == ">") {
		return nil, mistake(path, "numeric with two comparisons must be a range: one > and one < or <=")
	}
	return out, nil
}

// The bounds of numeric's numbers. Together they limit the digits to 15.
const (
	maxNumeric  = 1e9
	maxDecimals = 6
)

func boundedNumber(n json.Number) (float64, error) {
	value, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || value > maxNumeric || value < -maxNumeric {
		return 0, fmt.Errorf("numeric takes numbers between -1e9 and 1e9, not %s", n)
	}
	_, decimals, _ := strings.Cut(strconv.FormatFloat(value, 'f', -1, 64), ".")
	if len(decimals) > maxDecimals {
		return 0, fmt.Errorf("numeric takes numbers with at most %d decimals, not %s", maxDecimals, n)
	}
	return value, nil
}

func belowData(path []string) bool { return len(path) > 1 && path[0] == "data" }

func mistake(path []string, format string, args ...any) error {
	return fmt.Errorf("pattern at %s: %s", strings.Join(path, "."), fmt.Sprintf(format, args...))
}
