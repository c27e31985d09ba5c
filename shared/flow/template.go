package flow

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	opening = "${{"
	closing = "}}"
)

// template is text with expressions in it. It is a list of parts, each either
// text or an expression.
type template []part

type part struct {
	text string
	tree *node
}

// evaluate returns the text for one event.
func (t template) evaluate(env map[string]any) (string, error) {
	var b strings.Builder
	for _, p := range t {
		if p.tree == nil {
			b.WriteString(p.text)
			continue
		}
		text, err := p.evaluate(env)
		if err != nil {
			read := clause{text: oneLine(p.tree.written), names: namesIn(p.tree)}
			return "", fmt.Errorf("%s: %w", condition{read}.said(env), err)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// evaluate returns the text of an expression.
func (p part) evaluate(env map[string]any) (string, error) {
	value, err := run(p.tree, env)
	if u, ok := value.(unknown); ok {
		return u.text(env, p.tree)
	}
	if err != nil {
		return "", err
	}
	return valueText(value)
}

// valueText turns the result of an expression into text, the same on every
// machine.
func valueText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "", errors.New("the result is not a finite number")
		}
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case nil:
		return "", errors.New("the result is nothing (nil): it must be text, a number, true or false")
	}
	return "", fmt.Errorf("the result is %s: it must be text, a number, true or false", typeOf(value))
}

// compileTemplate compiles a text with expressions in it, each by the function.
func compileTemplate(text string, compile func(string) (*node, []Mistake)) (template, []Mistake) {
	var parts template
	var mistakes []Mistake
	offset := 0 // in characters, of what is left of the text
	for text != "" {
		before, after, found := strings.Cut(text, opening)
		if before != "" {
			parts = append(parts, part{text: before})
		}
		if !found {
			break
		}
		offset += utf8.RuneCountInString(before)
		size := expressionEnd(after)
		if size < 0 {
			return nil, append(mistakes, Mistake{Offset: offset, Text: "this ${{ has no }}: close it"})
		}
		tree, inner := compile(after[:size])
		inside := offset + len(opening)
		for _, m := range inner {
			m.Offset += inside
			mistakes = append(mistakes, m)
		}
		parts = append(parts, part{tree: tree})
		offset = inside + utf8.RuneCountInString(after[:size]) + len(closing)
		text = after[size+len(closing):]
	}
	return parts, mistakes
}

// expressionEnd returns the index of the }} that ends an expression, or -1.
// Braces in quotes, and those of mappings, do not end it.
func expressionEnd(text string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '}' && strings.HasPrefix(text[i:], closing):
			return i
		}
	}
	return -1
}
