package screen

import (
	"io"
	"strings"

	"aftercare/scripts/columns"
)

// The most columns of a cell. The last one of a row makes no other longer.
const (
	maxCell = 100
	maxLast = 2000
	// leastCell is what a cell keeps when it is cut to a narrow screen. So a time, an
	// execution's id behind its instance's, and two cells fit 80 columns.
	leastCell = 7
)

// Table prints rows for people, under a title and a heading; nothing if there
// are no rows. What others wrote can be of any length: cells are cut, so that
// the output grows with the rows only, and lines fit the Writer's width. The last
// column, which has the reasons, is wrapped, also in a word that is longer than a line.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string // that are not printed yet
	// Whole are columns whose cells a narrow screen does not cut, such as ids.
	Whole map[int]bool
	// Paint are the colours of columns, by their cells.
	Paint map[int]func(cell string) Colour

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
	rows := t.Rows
	if !t.begun {
		rows, t.widest = append([][]string{t.Head}, rows...), map[int]int{}
	}
	cells := make([][]string, len(rows))
	for n, row := range rows {
		cells[n] = make([]string, len(row))
		for i, cell := range row {
			most := maxCell
			if i == len(row)-1 {
				most = maxLast
			}
			cells[n][i] = Cut(Plain(cell), most)
			t.widest[i] = max(t.widest[i], columns.Of(cells[n][i]))
		}
	}
	out, _ := w.(Writer)
	widths := t.fit(out.look.Width)
	if to := w; !out.look.Colour { // all at once
		var whole strings.Builder
		defer func() { _, _ = io.WriteString(to, whole.String()) }()
		w = &whole
	}
	if t.Title != "" && !t.begun {
		paint(w, Plainly, "\n"+t.Title+"\n")
	}
	for n, row := range cells {
		var line strings.Builder
		flush := func(c Colour) {
			paint(w, c, line.String())
			line.Reset()
		}
		var more []string
		for i, cell := range row {
			if lines := wrapped(cell, widths[i], false); i == len(row)-1 && len(lines) > 0 {
				cell, more = lines[0], lines[1:]
			}
			cell = Cut(cell, widths[i])
			if colour := t.Paint[i]; colour != nil && (n > 0 || t.begun) {
				flush(Plainly)
				line.WriteString(cell)
				flush(colour(row[i]))
			} else {
				line.WriteString(cell)
			}
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-columns.Of(cell)+2))
			}
		}
		for _, text := range more {
			line.WriteString("\n" + strings.Repeat(" ", before(widths)) + text)
		}
		line.WriteByte('\n')
		flush(Plainly)
	}
	t.begun, t.Rows = true, nil
}

// before is where the last column begins.
func before(widths []int) (at int) {
	for _, w := range widths[:len(widths)-1] {
		at += w + 2
	}
	return at
}

// fit returns the columns' widths. It reduces the widest of them until a line fits; 0 means any width.
func (t *Table) fit(width int) []int {
	widths := make([]int, len(t.widest))
	total := -2
	for i := range widths {
		widths[i] = t.widest[i]
		total += widths[i] + 2
	}
	for ; width > 0 && total > width; total-- {
		widest := -1
		for i, w := range widths {
			if !t.Whole[i] && w > leastCell && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}
