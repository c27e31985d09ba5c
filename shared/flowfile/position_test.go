package flowfile_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"aftercare/shared/flowfile"

	"pgregory.net/rapid"
)

// styles are YAML's ways to write the words of a text after a key that is
// indented by four spaces. A break between two words is a line break, or two.
var styles = map[string]func(words, breaks []string) string{
	"plain": func(words, breaks []string) string {
		return joined(words, breaks, "      ")
	},
	"single quotes": func(words, breaks []string) string {
		return "'" + strings.ReplaceAll(joined(words, breaks, "      "), "'", "''") + "'"
	},
	"double quotes": func(words, breaks []string) string {
		quoted := strings.NewReplacer(`"`, `\"`, "日", `\u65e5`).Replace(joined(words, breaks, " "))
		// A line that ends with a backslash is joined with the next.
		return `"` + strings.ReplaceAll(quoted, "&&\n ", "&& \\\n ") + `"`
	},
	"literal": func(words, breaks []string) string {
		return "|\n      " + joined(words, breaks, "      ") + "\n"
	},
	"literal with an indent": func(words, breaks []string) string {
		return "|3-\n         " + joined(words, breaks, "       ")
	},
	"folded": func(words, breaks []string) string {
		return ">-\n      " + joined(words, breaks, "      ")
	},
	"folded with more indent": func(words, breaks []string) string {
		return ">\n     " + joined(words, breaks, "       ")
	},
}

func joined(words, breaks []string, indent string) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			b.WriteString(breaks[i-1])
			if strings.HasSuffix(breaks[i-1], "\n") {
				b.WriteString(indent)
			}
		}
		b.WriteString(word)
	}
	return b.String()
}

// However a text is written, and whatever stands before it, a mistake inside it
// has the place where the character stands in the file.
func TestAMistakeInsideATextHasItsPlaceInTheFile(t *testing.T) {
	for style, write := range styles {
		t.Run(style, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				before := rapid.SliceOfN(rapid.SampledFrom([]string{
					"", "  # a comment: é", "  - {name: \"x\", on: task-completed, steps: []} # bad too",
					"  - name: y\n    on: 'first-heartbeat'\n    when: >\n      event.uptime\n\n       > 日\n    steps: [&a b]",
				}), 0, 3).Draw(r, "before")
				words := rapid.SliceOfN(rapid.SampledFrom([]string{
					`event.exitCode == 3`, `event.commandName == "日本"`, `event.errorDesc != 'it'`, `(event.repeats>0)`,
				}), 0, 4).Draw(r, "words")
				at := rapid.IntRange(0, len(words)).Draw(r, "place")
				words = append(append(append([]string{}, words[:at]...), "nowhere == 1"), words[at:]...)
				for i := range len(words) - 1 {
					words[i] += " &&"
				}
				breaks := make([]string, len(words))
				for i := range breaks {
					breaks[i] = rapid.SampledFrom([]string{" ", "  ", "\n", "\n\n"}).Draw(r, "break")
				}
				src := "version: 1\nflows:\n" + strings.Join(append(before, ""), "\n") +
					"  - name: x\n    on: task-completed\n    when: " + write(words, breaks) + "\n    steps: []\n"

				head, _, _ := strings.Cut(src, "nowhere")
				line := 1 + strings.Count(head, "\n")
				column := 1 + utf8.RuneCountInString(head[strings.LastIndex(head, "\n")+1:])
				_, err := flowfile.Read("f", []byte(src))
				if want := fmt.Sprintf("f:%d:%d: when: there is no name \"nowhere\"", line, column); err == nil || !strings.Contains(err.Error(), want) {
					r.Errorf("got\n%v\nwant %s\nin\n%s", err, want, src)
				}
			})
		})
	}
}

func TestLinesKeepTheirNumbersBelowCommentsAtTheHead(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"comments and empty lines": {"# one\n\n#two: [\n# {\nversion: 2\nflows: []\n", "flows.yaml:5:10: "},
		"a comment after a key":    {"version: 1\n# two\nflows: {}\n", "flows.yaml:3:8: "},
		"nothing but comments":     {"# one\n# two", "flows.yaml:1:1: the file is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flowfile.Read("flows.yaml", []byte(c.src))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error is %v, want it to begin with %q", err, c.want)
			}
		})
	}
}
