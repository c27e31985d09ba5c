package ledger

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
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
	err = decodeInto(&out, v)
	return out, err
}

// decodeInto is decode into a pointer. It is one function for all kinds of rows.
func decodeInto(out any, v values) error {
	data := []byte(v.text(colData))
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	k := kept{version: v.int(colVersion)}
	if strict.Decode(out) != nil {
		reflect.ValueOf(out).Elem().SetZero()
		if err := json.Unmarshal(data, out); err != nil {
			return err
		}
		known, err := json.Marshal(out)
		if err != nil {
			return err
		}
		k.fields = beyond(parsed(data), parsed(known))
	}
	for _, a := range alertsIn(out) {
		if within := k.fields.take(a.path); within.any() {
			a.alert.Rest = &kept{fields: within}
		}
	}
	for name, value := range v {
		switch name {
		case colData, colVersion, colRev, colKey, colCommit, colFleet, colSummary, colHist, colAt, colBrief:
		default:
			if k.columns == nil {
				k.columns = map[string]any{}
			}
			k.columns[name] = value
		}
	}
	if holder, ok := out.(interface{ KeptRest() *any }); ok && (k.version > schemaVersion || k.columns != nil || k.fields.any()) {
		*holder.KeptRest() = &k
	}
	return nil
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
	add := rest{}
	if k := keptOf(v); k != nil {
		add = k.fields
	}
	for _, a := range alertsIn(v) {
		if k := keptOf(a.alert); k != nil {
			add = add.with(a.path, k.fields)
		}
	}
	if err == nil && add.any() {
		data, err = json.Marshal(add.addTo(parsed(data)))
	}
	return string(data), err
}

// beside returns the columns that a value keeps, for a row outside of a batch.
func beside(v any) (list []column) {
	if k := keptOf(v); k != nil {
		list = others(k.columns)
		if k.version > 0 {
			list = append(list, column{colVersion, k.version})
		}
	}
	return list
}

// others returns the columns of a row but those that are written anew.
func others(v values, anew ...string) (list []column) {
	for name, value := range v {
		if !slices.Contains(anew, name) {
			list = append(list, column{name, value})
		}
	}
	return list
}

// inRow is an alert within a row's JSON: the names and indexes that lead to it.
type inRow struct {
	alert *decide.Alert
	path  []any
}

// alertsIn returns the alerts in what a row holds. An alert goes from row to row, and
// what is unknown in it goes along.
func alertsIn(row any) (list []inRow) {
	switch row := row.(type) {
	case *decide.Message:
		list = []inRow{{row.Alert, []any{"alert"}}}
	case *decide.FlowRun:
		list = []inRow{{row.Untold, []any{"untold"}}}
	case *decide.Alerted:
		list = []inRow{{&row.Alert, []any{"alert"}}}
	case *decide.Concern:
		list = []inRow{{&row.Alert, []any{"alert"}}}
	case *dispatch.Member:
		list = []inRow{{&row.Alert, []any{"alert"}}}
	case *dispatch.Flush:
		for i := range row.Content.Alerts {
			list = append(list, inRow{&row.Content.Alerts[i], []any{"content", "Alerts", i}})
		}
	}
	return slices.DeleteFunc(list, func(a inRow) bool { return a.alert == nil })
}

// parsed returns what valid JSON holds, with numbers as they are written.
func parsed(data []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	_ = d.Decode(&v)
	return v
}

func (r rest) any() bool { return len(r.whole)+len(r.inner) > 0 }

// take removes and returns what is at the end of a path.
func (r rest) take(path []any) rest {
	if len(path) == 0 {
		return r
	}
	inner := r.inner[path[0]]
	if len(path) == 1 {
		delete(r.inner, path[0])
	}
	return inner.take(path[1:])
}

// with is r with more at the end of a path.
func (r rest) with(path []any, more rest) rest {
	if len(path) == 0 {
		return more
	}
	inner := maps.Clone(r.inner)
	if inner == nil {
		inner = map[any]rest{}
	}
	inner[path[0]] = inner[path[0]].with(path[1:], more)
	return rest{r.whole, inner}
}

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
