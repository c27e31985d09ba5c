package yamlfile

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UnlessSaid sets a value that the file does not have.
func UnlessSaid[T any](r *Reader, path string, into *T, value T) {
	if !r.Said(path) {
		*into = value
	}
}

// Inherit copies the values that a file has at one place into the fields of the
// same name that it leaves out at another. Except names fields that stay.
func (r *Reader) Inherit(to, from reflect.Value, path, fromPath string, except ...string) {
	for _, k := range r.keysOf(from.Type()) {
		own := to.FieldByName(k.field)
		if own.IsValid() && !slices.Contains(except, k.field) && !r.Said(Join(path, k.Name)) && r.Said(Join(fromPath, k.Name)) {
			own.Set(Clone(from.FieldByName(k.field)))
		}
	}
}

// Clone copies a value with all that it points to.
func Clone(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(Clone(v.Elem()))
	case v.Kind() == reflect.Slice && !v.IsNil():
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(Clone(v.Index(i)))
		}
	case v.Kind() == reflect.Map && !v.IsNil():
		out.Set(reflect.MakeMap(v.Type()))
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(it.Key(), it.Value())
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(Clone(v.Field(i)))
		}
	}
	return out
}

// Fill sets fields that are still zero to the default of their tag, in a struct
// and the structs in it, but not in lists.
func Fill(v reflect.Value) {
	for i := range v.NumField() {
		f, fallback := v.Field(i), v.Type().Field(i).Tag.Get("default")
		switch {
		case f.Kind() == reflect.Pointer && !f.IsNil():
			Fill(f.Elem())
		case f.Kind() == reflect.Struct:
			Fill(f)
		case fallback != "" && f.IsZero():
			set(f, fallback)
		}
	}
}

// set sets a field to the text of a tag.
func set(f reflect.Value, text string) {
	switch {
	case f.Type() == durationType:
		d, _ := time.ParseDuration(text)
		f.SetInt(int64(d))
	case f.Kind() == reflect.Slice:
		f.Set(reflect.ValueOf(strings.Fields(text)))
	case f.Kind() == reflect.String:
		f.SetString(text)
	default:
		n, _ := strconv.Atoi(text)
		f.Set(reflect.ValueOf(n).Convert(f.Type()))
	}
}
