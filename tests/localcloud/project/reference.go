package project

import (
	"regexp"
	"slices"
	"strings"
)

var (
	reference = regexp.MustCompile(`\$\{\s*([^{}]*?)\s*\}`)
	// envCall matches env('NAME') and env("NAME", "default"); Serverless Devs
	// also accepts names without quotes.
	envCall = regexp.MustCompile(`^env\(\s*(?:'([^']*)'|"([^"]*)"|([A-Za-z_]\w*))\s*(?:,\s*(?:'([^']*)'|"([^"]*)"|([^'",)]*?))\s*)?\)$`)
	path    = regexp.MustCompile(`^(vars|this|resources)((?:\.[A-Za-z0-9_-]+)+)$`)
)

// maxFollowed bounds how many references are followed.
const maxFollowed = 100_000

// resolve follows the references in a scalar. A scalar that is a single
// reference becomes the value that it refers to, of any kind.
func (r *reader) resolve(n *node) *node {
	if n == nil || n.kind != text || !strings.Contains(n.text, "${") {
		return n
	}
	if slices.Contains(r.open, n) {
		r.mistake(n.at, "%s refers to itself", n.describe())
		return &node{at: n.at, kind: broken}
	}
	if r.followed++; r.followed > maxFollowed {
		r.mistake(n.at, "there are too many references to follow")
		return &node{at: n.at, kind: broken}
	}
	r.open = append(r.open, n)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	found := reference.FindAllStringSubmatchIndex(n.text, -1)
	if len(found) == 1 && strings.TrimSpace(n.text) == n.text[found[0][0]:found[0][1]] {
		return r.refer(n, n.text[found[0][2]:found[0][3]])
	}
	var out strings.Builder
	last := 0
	for _, f := range found {
		out.WriteString(n.text[last:f[0]])
		last = f[1]
		value := r.refer(n, n.text[f[2]:f[3]])
		switch value.kind {
		case mapping, sequence:
			r.mistake(n.at, "%s is %s: it cannot stand inside a text", n.text[f[0]:f[1]], value.kind)
		default:
			out.WriteString(value.text)
		}
	}
	out.WriteString(n.text[last:])
	return &node{at: n.at, kind: text, text: out.String()}
}

// refer returns the value of one reference in n, whose name has no braces.
func (r *reader) refer(n *node, name string) *node {
	if m := envCall.FindStringSubmatch(name); m != nil {
		return r.variable(n, m[1]+m[2]+m[3], m[4]+m[5]+m[6], strings.Contains(name, ","))
	}
	m := path.FindStringSubmatch(name)
	if m == nil {
		r.mistake(n.at, "${%s} is not known here: only ${vars.…}, ${env('…')}, ${this.…} and ${resources.….props.…} are", name)
		return &node{at: n.at, kind: broken}
	}
	steps := strings.Split(m[2][1:], ".")
	switch {
	case m[1] == "this" && r.resource == "":
		r.mistake(n.at, "${%s} stands outside of any resource", name)
		return &node{at: n.at, kind: broken}
	case m[1] == "this" && steps[0] == "name" && len(steps) == 1:
		return &node{at: n.at, kind: text, text: r.resource}
	case m[1] == "this":
		steps = append([]string{"resources", r.resource}, steps...)
	default:
		steps = append([]string{m[1]}, steps...)
	}
	at := r.root
	for _, step := range steps {
		if at = r.resolve(at); at.kind != mapping || at.value[step] == nil {
			r.mistake(n.at, "${%s} refers to nothing: there is no %s", name, step)
			return &node{at: n.at, kind: broken}
		}
		at = at.value[step]
	}
	return r.resolve(at)
}

// variable returns the value of an environment variable. As in Serverless Devs,
// a default replaces an empty one, too.
func (r *reader) variable(n *node, name, fallback string, hasFallback bool) *node {
	value, ok := r.lookup(name)
	switch {
	case hasFallback && value == "":
		value = fallback
	case !ok:
		r.missing[name] = true
		r.troubles++
	}
	return &node{at: n.at, kind: text, text: value}
}
