package ledger

import (
	"bytes"
	"encoding/json"
)

// schemaVersion is the version of the rows that this code writes. A row of a
// later version is read and keeps its number, its columns and its JSON fields
// that this code does not know when it is rewritten or moved.
const schemaVersion = 1

// kept is what a row has beyond that: decide.Kept holds a pointer to it.
type kept struct {
	version int64
	columns map[string]any
	fields  rest
}

// rest is what a JSON object or array has beyond what is known, by name or
// index: a value that is unknown as a whole, or the rest of a known one.
type rest struct {
	whole map[any]any
	inner map[any]rest
}

// decode reads a row's JSON into a value and lets it keep what is unknown.
func decode[T any](v values) (out T, err error) {
	data := []byte(v.text(colData))
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	k := kept{version: v.int(colVersion)}
	if strict.Decode(&out) != nil {
		out = *new(T)
		if err := json.Unmarshal(data, &out); err != nil {
			return out, err
		}
		known, err := json.Marshal(out)
		if err != nil {
			return out, err
		}
		k.fields = beyond(parsed(data), parsed(known))
	}
	for name, value := range v {
		switch name {
		case colData, colVersion, colRev, colCommit, colFleet, colSummary, colHist, colAt, colBrief:
		default:
			if k.columns == nil {
				k.columns = map[string]any{}
			}
			k.columns[name] = value
		}
	}
	if holder, ok := any(&out).(interface{ KeptRest() *any }); ok && (k.version > schemaVersion || k.columns != nil || k.fields.any()) {
		*holder.KeptRest() = &k
	}
	return out, nil
}

// keptOf returns what a value keeps; nil for most.
func keptOf(v any) *kept {
	if holder, ok := v.(interface{ KeptRest() *any }); ok {
		k, _ := (*holder.KeptRest()).(*kept)
		return k
	}
	return nil
}

// encode returns a row's JSON, with what the value keeps.
func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if k := keptOf(v); err == nil && k != nil && k.fields.any() {
		data, err = json.Marshal(k.fields.addTo(parsed(data)))
	}
	return string(data), err
}

// parsed returns what valid JSON holds, with numbers as they are written.
func parsed(data []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	_ = d.Decode(&v)
	return v
}

func (r rest) any() bool { return len(r.whole)+len(r.inner) > 0 }

// beyond returns what is in read and not in known. A known field that is left
// out because it is zero counts as unknown: writing it again changes nothing.
func beyond(read, known any) rest {
	r := rest{whole: map[any]any{}, inner: map[any]rest{}}
	add := func(at, value, have any, there bool) {
		if !there {
			r.whole[at] = value
		} else if inner := beyond(value, have); inner.any() {
			r.inner[at] = inner
		}
	}
	switch read := read.(type) {
	case map[string]any:
		known, _ := known.(map[string]any)
		for name, value := range read {
			have, there := known[name]
			add(name, value, have, there)
		}
	case []any:
		known, _ := known.([]any)
		for i := range min(len(read), len(known)) {
			add(i, read[i], known[i], true)
		}
	}
	return r
}

// addTo adds the rest to what is written now. The rest of a known value that is
// gone goes with it.
func (r rest) addTo(now any) any {
	switch now := now.(type) {
	case map[string]any:
		for name, value := range r.whole {
			if _, there := now[name.(string)]; !there {
				now[name.(string)] = value
			}
		}
		for name, inner := range r.inner {
			if value, there := now[name.(string)]; there {
				now[name.(string)] = inner.addTo(value)
			}
		}
	case []any:
		for i, inner := range r.inner {
			if i := i.(int); i < len(now) {
				now[i] = inner.addTo(now[i])
			}
		}
	}
	return now
}
