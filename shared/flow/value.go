package flow

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// evaluation is one evaluation of an expression. The values are nil, bool, int,
// float64, string, []any and map[string]any. It gives what expr's machine
// gives: a test compares them.
type evaluation struct {
	env map[string]any
	// element is the # of the predicate that is being evaluated.
	element any
	// made counts the elements of the lists that were made, work the steps. [17]
	made, work int
}

// errNothing ends the evaluation of a chain such as event?.id.
var errNothing = errors.New("there is nothing")

// value evaluates a part of the expression.
func (e *evaluation) value(n *node) (any, error) {
	if err := e.spend(1); err != nil {
		return nil, err
	}
	switch n.op {
	case opLiteral, opPattern:
		return n.value, nil
	case opName:
		return e.env[n.value.(string)], nil
	case opElement:
		return e.element, nil
	case opChain:
		v, err := e.value(n.args[0])
		if err == errNothing {
			return nil, nil
		}
		return v, err
	case "&&", "and", "||", "or", opChoice:
		cond, err := e.truth(n.args[0])
		switch {
		case err != nil:
			return nil, err
		case n.op == opChoice && cond:
			return e.value(n.args[1])
		case n.op == opChoice:
			return e.value(n.args[2])
		case cond == n.is("||", "or"):
			return cond, nil
		}
		return e.value(n.args[1])
	case "??":
		v, err := e.value(n.args[0])
		if u, ok := v.(unknown); ok && u.like == nil {
			other, _ := e.value(n.args[1])
			return u.with(other), nil
		}
		if v != nil || err != nil {
			return v, err
		}
		return e.value(n.args[1])
	case opCall:
		if name := n.value.(string); slices.Contains(predicates, name) {
			return e.predicate(name, n.args)
		}
	case "in":
		if found, known, err := e.inRange(n); known || err != nil {
			return found, err
		}
	}
	args := make([]any, len(n.args))
	for i, arg := range n.args {
		if arg == nil {
			continue
		}
		v, err := e.value(arg)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	if u, ok := among(args); ok {
		return e.through(n, args, u), nil
	}
	work := cost(args...)
	if n.op == opCall && n.value == "trim" && len(args) > 1 {
		work *= 1 + cost(args[1]) // each character is looked for among those
	}
	if err := e.spend(work); err != nil {
		return nil, err
	}
	v, err := e.apply(n, args)
	if err == nil {
		err = e.spend(cost(v))
	}
	return v, err
}

func (e *evaluation) truth(n *node) (bool, error) {
	v, err := e.value(n)
	if err != nil {
		return false, err
	}
	if u, ok := v.(unknown); ok {
		return u.truth(e.env, n, e.element)
	}
	truth, ok := v.(bool)
	if !ok {
		return false, errors.New("a part of the condition is neither true nor false")
	}
	return truth, nil
}

// inRange evaluates x in a..b without the list.
func (e *evaluation) inRange(n *node) (found, known bool, err error) {
	if n.args[1].op != ".." {
		return false, false, nil
	}
	var values [3]int
	for i, arg := range []*node{n.args[0], n.args[1].args[0], n.args[1].args[1]} {
		v, err := e.value(arg)
		if err != nil {
			return false, false, err
		}
		if values[i], known = v.(int); !known {
			return false, false, nil
		}
	}
	return values[1] <= values[0] && values[0] <= values[2], true, nil
}

// apply applies an operator or function to its operands.
func (e *evaluation) apply(n *node, args []any) (any, error) {
	switch n.op {
	case opCall:
		return plainFunctions[n.value.(string)](args)
	case opMember, opSafe:
		if args[0] == nil && n.op == opSafe {
			return nil, errNothing
		}
		return member(args[0], args[1])
	case opSlice:
		return n.slice(args)
	case opList:
		return args, e.grow(len(args))
	case opMap:
		m := map[string]any{}
		for i := 0; i < len(args); i += 2 {
			m[args[i].(string)] = args[i+1]
		}
		return m, e.grow(len(args) / 2)
	case "..":
		return e.numbers(args[0], args[1])
	case "!", "not":
		if truth, ok := args[0].(bool); ok {
			return !truth, nil
		}
		return nil, refuse(n.op, args)
	case "+":
		if len(args) == 1 {
			return args[0], nil
		}
	case "==":
		return equal(args[0], args[1]), nil
	case "!=":
		return !equal(args[0], args[1]), nil
	case "in":
		return contains(args[1], args[0])
	case "matches", "contains", "startsWith", "endsWith":
		return n.compareTexts(args)
	}
	return calculate(n.op, args)
}

// grow counts elements of lists that were made.
func (e *evaluation) grow(by int) error {
	if e.made += by; e.made >= memoryBudget {
		return fmt.Errorf("the expression makes lists of more than %d elements", memoryBudget)
	}
	return nil
}

// numbers is the list from..to.
func (e *evaluation) numbers(from, to any) (any, error) {
	a, errA := integer(from)
	b, errB := integer(to)
	if err := errors.Join(errA, errB); err != nil || a > b {
		return []any{}, err
	}
	size := b - a + 1
	if size <= 0 {
		size = memoryBudget // it is larger than an int
	}
	if err := e.grow(min(size, memoryBudget)); err != nil {
		return nil, err
	}
	list := make([]any, size)
	for i := range list {
		list[i] = a + i
	}
	return list, nil
}

// refuse is the error about operands of the wrong type.
func refuse(op string, args []any) error {
	if len(args) == 1 {
		return fmt.Errorf("%s cannot take %s", op, typeOf(args[0]))
	}
	return fmt.Errorf("%s cannot take %s and %s", op, typeOf(args[0]), typeOf(args[1]))
}

// member is a part of a mapping or list.
func member(of, name any) (any, error) {
	switch of := of.(type) {
	case map[string]any:
		key, ok := name.(string)
		if !ok {
			return nil, errors.New("there is no part with this name or number")
		}
		return of[key], nil
	case []any:
		i, err := integer(name)
		if i < 0 {
			i += len(of)
		}
		if err == nil && (i < 0 || i >= len(of)) {
			err = fmt.Errorf("there is no element %d in a list of %d", i, len(of))
		}
		if err != nil {
			return nil, err
		}
		return of[i], nil
	}
	return nil, errors.New("there is no part with this name or number")
}

// slice is a part of a list, or of a text, by bytes.
func (n *node) slice(args []any) (any, error) {
	list, isList := args[0].([]any)
	text, isText := args[0].(string)
	if !isList && !isText {
		return nil, errors.New("only a part of a list or text can be taken")
	}
	size := max(len(list), len(text))
	ends := [2]int{0, size}
	for i, end := range args[1:] {
		if n.args[i+1] == nil {
			continue
		}
		at, err := integer(end)
		if err != nil {
			return nil, err
		}
		if at < 0 {
			at += size
		}
		ends[i] = min(max(at, 0), size)
	}
	ends[0] = min(ends[0], ends[1])
	if isText {
		return text[ends[0]:ends[1]], nil
	}
	return list[ends[0]:ends[1]], nil
}

func equal(a, b any) bool {
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		return ok && x == y
	}
	if x, y, ok := floats(a, b); ok {
		if i, ok := a.(int); ok {
			if j, ok := b.(int); ok {
				return i == j
			}
		}
		return x == y
	}
	listA, okA := a.([]any)
	listB, okB := b.([]any)
	if okA && okB {
		return slices.EqualFunc(listA, listB, equal)
	}
	return reflect.DeepEqual(a, b)
}

// contains reports whether an element or key is in a list or mapping.
func contains(list, element any) (bool, error) {
	switch list := list.(type) {
	case nil:
		return false, nil
	case []any:
		return slices.ContainsFunc(list, func(v any) bool { return equal(v, element) }), nil
	case map[string]any:
		if key, ok := element.(string); ok || element == nil { // nothing is the key ""
			_, found := list[key]
			return found, nil
		}
	}
	return false, refuse("in", []any{element, list})
}

func (n *node) compareTexts(args []any) (bool, error) {
	if args[0] == nil || args[1] == nil {
		return false, nil
	}
	a, okA := args[0].(string)
	if p, ok := args[1].(*pattern); ok && okA {
		return p.MatchString(a), nil
	}
	b, okB := args[1].(string)
	if !okA || !okB {
		return false, refuse(n.op, args)
	}
	switch n.op {
	case "contains":
		return strings.Contains(a, b), nil
	case "startsWith":
		return strings.HasPrefix(a, b), nil
	}
	return strings.HasSuffix(a, b), nil
}
