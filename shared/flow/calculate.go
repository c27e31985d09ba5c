package flow

import (
	"errors"
	"fmt"
	"math"
)

// integer cuts a number to a whole one.
func integer(v any) (int, error) {
	switch v := v.(type) {
	case int:
		return v, nil
	case float64:
		return int(v), nil
	}
	return 0, fmt.Errorf("a number is expected, but this is %s", typeOf(v))
}

// floats returns two numbers as such.
func floats(a, b any) (x, y float64, ok bool) {
	x, okA := float(a)
	y, okB := float(b)
	return x, y, okA && okB
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// calculate applies the operators of numbers and texts.
func calculate(op string, args []any) (any, error) {
	if len(args) == 1 {
		switch v := args[0].(type) {
		case int:
			return -v, nil
		case float64:
			return -v, nil
		}
		return nil, refuse(op, args)
	}
	a, isA := args[0].(int)
	b, isB := args[1].(int)
	s, isS := args[0].(string)
	t, isT := args[1].(string)
	x, y, numbers := floats(args[0], args[1])
	var v any
	switch {
	case isS && isT && op == "+":
		v = s + t
	case isS && isT:
		v = compare(op, s, t)
	case op == "%" && isA && isB && b == 0:
		return nil, errors.New("a number is divided by zero")
	case op == "%" && isA && isB:
		v = a % b
	case op == "/" && numbers:
		v = x / y
	case (op == "**" || op == "^") && numbers:
		v = math.Pow(x, y)
	case isA && isB:
		v = arithmetic(op, a, b)
	case numbers:
		v = arithmetic(op, x, y)
	}
	if v == nil {
		return nil, refuse(op, args)
	}
	return v, nil
}

// arithmetic returns nil for the operators that are not the same for whole
// numbers and others.
func arithmetic[T int | float64](op string, a, b T) any {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	return compare(op, a, b)
}

// compare returns nil if the operator does not compare.
func compare[T int | float64 | string](op string, a, b T) any {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	}
	return nil
}
