package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/flowfile"
)

// showFaults prints the faults of a file.
func showFaults(cmd *cobra.Command, path string, src []byte, err error) error {
	var faults flowfile.Faults
	if !errors.As(err, &faults) {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s\n%s: %s\n", excerpts(src, faults), path, counted(len(faults), "fault"))
	return cli.Quiet(err)
}

// excerpts shows each fault with the line of the source where it is, and a
// mark under the character.
func excerpts(src []byte, faults flowfile.Faults) string {
	lines := flowfile.Lines(src)
	var b strings.Builder
	for i, f := range faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.String() + "\n")
		if f.Line < 1 || f.Line > len(lines) || f.Column < 1 {
			continue
		}
		line, lead := screen.Excerpt(lines[f.Line-1], f.Column)
		gutter := fmt.Sprintf("%5d | ", f.Line)
		fmt.Fprintf(&b, "%s%s\n%*s%s^\n", gutter, line, len(gutter), "| ", lead)
	}
	return b.String()
}
