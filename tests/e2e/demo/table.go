package main

import (
	"fmt"
	"io"
	"strings"

	"aftercare/scripts/columns"
)

// table is rows of cells that are printed in columns. Numbers of columns in
// right are flush right.
type table struct {
	indent string
	right  []int
	rows   [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes each column as wide as its widest cell.
func (t *table) print(w io.Writer) {
	widest := map[int]int{}
	for _, row := range t.rows {
		for i, cell := range row {
			widest[i] = max(widest[i], columns.Of(cell))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widest[i]-columns.Of(cell))
			for _, right := range t.right {
				if i == right {
					cell, pad = pad+cell, ""
				}
			}
			line.WriteString(cell + pad + "  ")
		}
		fmt.Fprintln(w, t.indent+strings.TrimRight(line.String(), " "))
	}
}
