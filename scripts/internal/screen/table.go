package screen

import (
	"fmt"
	"io"
	"strings"

	"aftercare/scripts/columns"
)

// The most columns of a cell. The last one of a row makes no other longer.
const (
	maxCell = 100
	maxLast = 300
)

// Table prints rows for people, under a title and a heading; nothing if there
// are no rows. What others wrote can be of any length: cells are cut, so that
// the output grows with the rows only.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string // that are not printed yet

	begun  bool
	widest map[int]int // columns of what was printed
}

// Add adds a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Print prints the rows that it has not printed yet. The title and the heading come
// first, once.
func (t *Table) Print(w io.Writer) {
	if len(t.Rows) == 0 {
		return
	}
	rows := make([][]string, 0, 1+len(t.Rows))
	lines := t.Rows
	if !t.begun {
		lines, t.widest = append([][]string{t.Head}, lines...), map[int]int{}
	}
	for _, row := range lines {
		cells := make([]string, len(row))
		for i, cell := range row {
			most := maxCell
			if i == len(row)-1 {
				most = maxLast
			}
			cells[i] = Cut(Plain(cell), most)
			t.widest[i] = max(t.widest[i], columns.Of(cells[i]))
		}
		rows = append(rows, cells)
	}
	var out strings.Builder
	if t.Title != "" && !t.begun {
		fmt.Fprintf(&out, "\n%s\n", t.Title)
	}
	for _, cells := range rows {
		for i, cell := range cells {
			out.WriteString(cell)
			if i < len(cells)-1 {
				out.WriteString(strings.Repeat(" ", t.widest[i]-columns.Of(cell)+2))
			}
		}
		out.WriteByte('\n')
	}
	_, _ = io.WriteString(w, out.String())
	t.begun, t.Rows = true, nil
}
