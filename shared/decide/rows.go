package decide

import (
	"encoding/json"
	"maps"
	"slices"
)

// rows are the live rows of one kind, and what a decision has done to them.
// They are the one place that marks a row as changed.
type rows[T any] struct {
	before map[string]T
	// now is the state's own map: before itself until the first change.
	now *map[string]T
	// touched holds the changed rows with what each takes in the commit; zero
	// until it is measured.
	touched map[string]size
	undo    *undo
}

// undo takes back what a decision has done to rows, newest first.
type undo []func()

func (u *undo) since(mark int) {
	for i := len(*u) - 1; i >= mark; i-- {
		(*u)[i]()
	}
	*u = (*u)[:mark]
}

func newRows[T any](now *map[string]T, u *undo) rows[T] {
	return rows[T]{before: *now, now: now, touched: map[string]size{}, undo: u}
}

func (r *rows[T]) put(key string, v T) {
	r.touch(key)
	(*r.now)[key] = v
}

// drop removes a row, if it is there.
func (r *rows[T]) drop(key string) {
	if _, ok := (*r.now)[key]; ok {
		r.touch(key)
		delete(*r.now, key)
	}
}

// touch marks a row as changed, and notes how to take the change back.
func (r *rows[T]) touch(key string) {
	if len(r.touched) == 0 {
		*r.now = maps.Clone(r.before)
		if *r.now == nil {
			*r.now = map[string]T{}
		}
	}
	old, there := (*r.now)[key]
	was, touched := r.touched[key]
	*r.undo = append(*r.undo, func() {
		if r.touched[key] = was; !touched {
			delete(r.touched, key)
		}
		if there {
			(*r.now)[key] = old
		} else {
			delete(*r.now, key)
		}
	})
	r.touched[key] = size{}
}

// changes lists the touched rows in the order of their keys. It leaves out a
// row that was both added and removed.
func (r *rows[T]) changes() []Change[T] {
	var out []Change[T]
	for _, key := range slices.Sorted(maps.Keys(r.touched)) {
		var c Change[T]
		if v, ok := r.before[key]; ok {
			c.Before = &v
		}
		if v, ok := (*r.now)[key]; ok {
			c.After = &v
		}
		if c.Before != nil || c.After != nil {
			out = append(out, c)
		}
	}
	return out
}

// size is what the changed rows take in a commit.
func (r *rows[T]) size() size {
	var sum size
	for key, n := range r.touched {
		if n == (size{}) {
			before, was := r.before[key]
			after, is := (*r.now)[key]
			if is {
				n.add(after)
			}
			if was && (!is || moves(before, after)) {
				n.rows++
			}
			if is != was {
				n.addText(after)
			}
			r.touched[key] = n
		}
		sum = sum.plus(n)
	}
	return sum
}

// addText counts the row with a task's command, which comes and goes with the
// task.
func (s *size) addText(row any) {
	if t, ok := row.(Task); ok {
		s.add(t.Command)
	}
}

// moves reports whether a row has another key than before: a task leaves the
// queue, or returns to it.
func moves(before, after any) bool {
	a, ok := before.(Task)
	b, _ := after.(Task)
	return ok && (a.State == TaskQueued) != (b.State == TaskQueued)
}

// What one commit may hold. The store takes 200 rows and 4 MB at once; the rest
// is for keys and columns.
const (
	maxRows  = 200
	maxBytes = 3 << 20
)

// size is what a commit takes in the store.
type size struct{ rows, bytes int }

// add counts one row with this content.
func (s *size) add(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // rows are structs of plain values
	}
	s.rows++
	s.bytes += len(data)
}

func (s size) plus(more size) size { return size{s.rows + more.rows, s.bytes + more.bytes} }

func (s size) fits() bool { return s.rows <= maxRows && s.bytes <= maxBytes }
