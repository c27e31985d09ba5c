package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table is one table of the report.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(out io.Writer, markdown bool) {
	fmt.Fprintf(out, "\n%s\n\n", t.title)
	if markdown {
		fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(t.head, " | "), strings.Repeat(" --- |", len(t.head)))
		for _, row := range t.rows {
			fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
		}
	} else {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{t.head}, t.rows...) {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		w.Flush()
	}
	if len(t.notes) > 0 {
		fmt.Fprintln(out)
	}
	for _, n := range t.notes {
		fmt.Fprintln(out, n)
	}
}
