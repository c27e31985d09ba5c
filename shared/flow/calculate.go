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
	return 0, fmt.Errorf("invalid operation: int(%T)", v)
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
	case isS && isT:
		v = text(op, s, t)
	case op == "%" && isA && isB && b == 0:
		return nil, errors.New("runtime error: integer divide by zero")
	case isA && isB:
		v = whole(op, a, b)
	}
	if v == nil && numbers {
		v = fraction(op, x, y)
	}
	if v == nil {
		return nil, refuse(op, args)
	}
	return v, nil
}

func text(op, a, b string) any {
	if op == "+" {
		return a + b
	}
	return compare(op, a, b)
}

func whole(op string, a, b int) any {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "%":
		return a % b
	}
	return compare(op, a, b)
}

func fraction(op string, a, b float64) any {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "**", "^":
		return math.Pow(a, b)
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
