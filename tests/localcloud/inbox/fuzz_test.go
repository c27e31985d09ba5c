package inbox_test

import (
	"regexp"
	"strings"
	"testing"

	"aftercare/tests/localcloud/inbox"
)

// ours matches every tag that this package writes.
var ours = regexp.MustCompile(`<(/?)(p|b|i|s|ul|ol|li|blockquote|pre|code|table|tr|th|td|h[3-6]|br|hr|span|a)( class="[a-z]*"| rel="noreferrer" href="https?://[^"<>]*")?>`)

// FuzzMarkdown: whatever the text, the tags are ours, each is closed in its turn,
// and nothing else could be one.
func FuzzMarkdown(f *testing.F) {
	for _, text := range []string{
		"# a\n- *b*\n1. _c_\n> **d**\n\n[e](https://f/?g=\"h\") ![i](http://j)", "|a|b|\n|-|-|\n|c|d|\n---\n```\n<b>\n``` `k`",
		"<https://a|b> <!channel> <@U1|x> &lt;b&gt; ~c~", "<at id=all></at> <font color='red'>*a*</font> <@b>", `\*a\* **b *c** d* <<>>`,
		"[a](javascript:b) <font color=\"x\"><script></font>", "**a\nb** ``` `", "<|a>", "&#60;b&#62; \" ' \x00 \xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, dialect := range inbox.Dialects {
			shown := dialect.HTML(text)
			if rest := ours.ReplaceAllString(shown, ""); strings.ContainsAny(rest, `<>"`) {
				t.Errorf("%s: %q is shown as %s", name, text, shown)
			}
			var open []string
			for _, tag := range ours.FindAllStringSubmatch(shown, -1) {
				switch {
				case tag[2] == "br" || tag[2] == "hr":
				case tag[1] == "":
					open = append(open, tag[2])
				case len(open) == 0 || open[len(open)-1] != tag[2]:
					t.Fatalf("%s: %q is shown with a stray </%s>: %s", name, text, tag[2], shown)
				default:
					open = open[:len(open)-1]
				}
			}
			if len(open) > 0 {
				t.Errorf("%s: %q is shown with open %v: %s", name, text, open, shown)
			}
		}
	})
}
