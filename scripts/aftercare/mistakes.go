package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/mask"
	"aftercare/shared/yamlfile"
)

// showMistakes prints the mistakes of a file.
func showMistakes(cmd *cobra.Command, path string, src []byte, err error) error {
	var mistakes yamlfile.Mistakes
	if !errors.As(err, &mistakes) {
		return err
	}
	showFindings(cmd, path, src, mistakes, "mistake")
	return cli.Quiet(err)
}

// showFindings prints what was found in a file, and how many there are.
func showFindings(cmd *cobra.Command, path string, src []byte, list yamlfile.Mistakes, what string) {
	if len(list) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s\n%s: %s\n", excerpts(src, list, mask.Text), path, counted(len(list), what))
	}
}

// excerpts shows each mistake with the line of the source where it is, and a
// mark under the character. Masked hides secrets in a line; nil hides nothing.
func excerpts(src []byte, mistakes yamlfile.Mistakes, masked func(string) string) string {
	lines := yamlfile.Lines(src)
	var b strings.Builder
	for i, f := range mistakes {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.String() + "\n")
		if f.Secret || f.Line < 1 || f.Line > len(lines) || f.Column < 1 {
			continue
		}
		text, column := lines[f.Line-1], f.Column
		if masked != nil {
			before := []rune(text)[:min(column-1, utf8.RuneCountInString(text))]
			text, column = masked(text), 1+utf8.RuneCountInString(masked(string(before)))
		}
		line, lead := screen.Excerpt(text, column)
		gutter := fmt.Sprintf("%5d | ", f.Line)
		fmt.Fprintf(&b, "%s%s\n%*s%s^\n", gutter, line, len(gutter), "| ", lead)
	}
	return b.String()
}
