package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/yamlfile"
)

// showMistakes prints the mistakes of a file.
func showMistakes(cmd *cobra.Command, path string, src []byte, err error) error {
	var mistakes yamlfile.Mistakes
	if !errors.As(err, &mistakes) {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s\n%s: %s\n", excerpts(src, mistakes), path, counted(len(mistakes), "mistake"))
	return cli.Quiet(err)
}

// excerpts shows each mistake with the line of the source where it is, and a
// mark under the character.
func excerpts(src []byte, mistakes yamlfile.Mistakes) string {
	lines := yamlfile.Lines(src)
	var b strings.Builder
	for i, f := range mistakes {
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
