package project

import (
	"strconv"
	"strings"
	"time"
)

// reader reads a file by its expected shape, and notes every deviation as a
// mistake.
type reader struct {
	file   string
	root   *node
	lookup func(string) (string, bool)
	// resource is the key of the resource that is being read, for ${this}.
	resource string
	// open holds the scalars whose references are being followed.
	open     []*node
	mistakes Mistakes
	missing  map[string]bool
	// troubles counts everything that went wrong, repetitions included.
	troubles int
	// followed counts the scalars whose references were followed.
	followed int
}

// member returns the value of a key, with its references followed; nil if the
// key is missing or empty.
func (r *reader) member(n *node, key string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	value := r.resolve(n.value[key])
	switch {
	case value == nil || value.kind == nothing:
		return nil
	case value.kind == broken:
		r.troubles++
		return nil
	}
	return value
}

// object returns a member that must be an object; nil if it is missing.
func (r *reader) object(n *node, key string) *node {
	return r.shaped(n, key, mapping)
}

func (r *reader) shaped(n *node, key string, want kind) *node {
	value := r.member(n, key)
	if value != nil && value.kind != want {
		r.mistake(value.at, "%s must be %s, not %s", key, want, value.describe())
		return nil
	}
	return value
}

// text returns a member that must be a scalar; empty if it is missing.
func (r *reader) text(n *node, key string) string {
	value := r.member(n, key)
	if value == nil {
		return ""
	}
	if value.kind == mapping || value.kind == sequence {
		r.mistake(value.at, "%s must be a text, not %s", key, value.describe())
		return ""
	}
	return value.text
}

// required is text, for a member that must not be missing.
func (r *reader) required(n *node, key string) string {
	before := r.troubles
	value := r.text(n, key)
	if value == "" && r.troubles == before {
		r.mistake(n.at, "%s is missing", key)
	}
	return value
}

// number returns a member that must be a whole number in a range; nil if it is
// missing.
func (r *reader) number(n *node, key string, least, most int) *int {
	value := r.member(n, key)
	if value == nil {
		return nil
	}
	v, err := strconv.Atoi(strings.TrimSpace(value.text))
	if err != nil || v < least || v > most {
		r.mistake(value.at, "%s must be a whole number from %d to %d", key, least, most)
		return nil
	}
	return &v
}

func (r *reader) seconds(n *node, key string, least, most int) *time.Duration {
	v := r.number(n, key, least, most)
	if v == nil {
		return nil
	}
	d := time.Duration(*v) * time.Second
	return &d
}

// flag returns a member that must be true or false; if the member is missing,
// it returns missing.
func (r *reader) flag(n *node, key string, missing bool) bool {
	value := r.member(n, key)
	if value == nil {
		return missing
	}
	v, err := strconv.ParseBool(value.text)
	if err != nil || value.kind == mapping || value.kind == sequence {
		r.mistake(value.at, "%s must be true or false, not %s", key, value.describe())
	}
	return v
}
