package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// table is rows of cells that are printed in columns. Numbers of columns in
// right are flush right.
type table struct {
	indent string
	right  []int
	rows   [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes each column as wide as its widest cell. (Package screen of
// scripts does more, but only scripts may import it.)
func (t *table) print(w io.Writer) {
	widest := map[int]int{}
	for _, row := range t.rows {
		for i, cell := range row {
			widest[i] = max(widest[i], columns(cell))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widest[i]-columns(cell))
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

// columns is how many columns a text takes in a terminal: two for each
// character of East Asia.
func columns(text string) int {
	n := utf8.RuneCountInString(text)
	for _, c := range text {
		switch width.LookupRune(c).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n++
		}
	}
	return n
}
