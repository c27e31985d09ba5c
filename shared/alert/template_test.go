package alert_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aftercare/shared/alert"
	"aftercare/shared/mask"
)

// TestMoreFormsOfSecretsAreMasked, as AFTERCARE_MASK lists them.
func TestMoreFormsOfSecretsAreMasked(t *testing.T) {
	more, err := mask.New(`badge\s\d+`)
	if err != nil {
		t.Fatal(err)
	}
	f := many()
	f.Alerts[0].ErrorDesc, f.Alerts[0].Output = "badge 4711 is refused", "badge 4711"
	for _, kind := range []alert.Kind{alert.DingTalk, alert.Webhook} {
		ch := channelOf(kind, "https://hook.test")
		plain := string(delivered(t, ch, alert.Setup{}, f))
		masked := string(delivered(t, ch, alert.Setup{Mask: more}, f))
		if !strings.Contains(plain, "badge 4711") || strings.Contains(masked, "4711") {
			t.Errorf("%s: %s", kind, masked)
		}
	}
}

// TestATemplateThatFailsOrIsTooLongGivesWay to the default one: no alert is lost
// for it.
func TestATemplateThatFailsOrIsTooLongGivesWay(t *testing.T) {
	templates, err := alert.NewTemplates(map[string]string{
		"long":  `{{range .By}}{{.}}{{end}}` + strings.Repeat("word ", 5000),
		"fails": `{{if eq .Group "9a8b7c"}}{{index .Alerts 99}}{{end}}`,
		"title": "",
	})
	if templates != nil || err == nil || !strings.Contains(err.Error(), `"title" is not a name`) {
		t.Errorf("got %v", err)
	}
	templates, err = alert.NewTemplates(map[string]string{
		"long":  strings.Repeat("word ", 5000),
		"fails": `{{if eq .Group "9a8b7c"}}{{index .Alerts 99}}{{end}}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"long", "fails"} {
		ch := channelOf(alert.WeCom, "https://hook.test")
		want := delivered(t, ch, alert.Setup{}, one())
		ch.Template = name
		if got := delivered(t, ch, alert.Setup{Templates: templates}, one()); string(got) != string(want) {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestATemplateWritesTitleAndTextAndEscapesByItself(t *testing.T) {
	templates, err := alert.NewTemplates(map[string]string{
		"both":       `{{define "title"}}T {{with .First}}{{.InstanceID}}{{end}}{{end}}{{with $a := .First}}{{if eq $a.InstanceID "a_b"}}{{bold $a.InstanceID}} {{$a.InstanceID | printf "%s!"}} {{link "no address"}} {{join "+" $.By}} {{upper "x*"}}{{else}}no{{end}}{{end}}`,
		"title only": `{{define "title"}}T {{.ID}}{{end}}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	f := one()
	f.Alerts[0].InstanceID = "a_b"
	f.By = map[string]string{"x": "y", "a": "<"}
	ch := channelOf(alert.DingTalk, "https://hook.test")
	ch.Template, ch.Keyword, ch.Mention = "both", "T", nil
	var got struct{ Markdown struct{ Title, Text string } }
	if err := json.Unmarshal(delivered(t, ch, alert.Setup{Templates: templates}, f), &got); err != nil {
		t.Fatal(err)
	}
	if want := "### T a\\_b\n\n**a\\_b** a\\_b! no address a=&lt;+x=y X\\*"; got.Markdown.Text != want || got.Markdown.Title != "T a_b" {
		t.Errorf("got %q, %q; want %q", got.Markdown.Title, got.Markdown.Text, want)
	}
	ch.Template = "title only"
	if err := json.Unmarshal(delivered(t, ch, alert.Setup{Templates: templates}, f), &got); err != nil {
		t.Fatal(err)
	}
	if got.Markdown.Title != "T f0a1" || !strings.Contains(got.Markdown.Text, "**What**") {
		t.Errorf("got %q, %q", got.Markdown.Title, got.Markdown.Text)
	}
}

func TestMistakesInTemplatesAreFoundAtStart(t *testing.T) {
	for text, want := range map[string]string{
		"a\n{{.Nothing}}":                      `template: page:2:2: executing "page" at <.Nothing>: can't evaluate field Nothing`,
		"{{range .Alerts}}{{.Nothing}}{{end}}": `template: page:1:19: executing "page" at <.Nothing>`, // only a full sample shows it
		"{{.First.Summary}}":                   `nil pointer`,                                         // only a zero value shows it
		"{{if}}":                               `template: page:1: missing value for if`,
		"{{unknown .ID}}":                      `template: page:1: function "unknown" not defined`,
		"{{template \"other\"}}":               `template "other" not defined`,
	} {
		_, err := alert.NewTemplates(map[string]string{"page": text, "good": "{{.ID}}"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestPrintedLinesStayLines: in each chat, what a command printed is between the
// marks of the block, and each of its lines is one.
func TestPrintedLinesStayLines(t *testing.T) {
	templates, err := alert.NewTemplates(map[string]string{"output": "V{{with .First}}{{quote .Output}}{{end}}"})
	if err != nil {
		t.Fatal(err)
	}
	forms := map[alert.Kind]*regexp.Regexp{
		alert.DingTalk: regexp.MustCompile(`^V> \x{200b}[^\n]*(  \n> \x{200b}[^\n]*|  \n)*$`),
		alert.Lark:     regexp.MustCompile("^V│ [^<>*_~`\\[\\]()\n]*(\n│ [^<>*_~`\\[\\]()\n]*|\n)*$"),
		alert.WeCom:    regexp.MustCompile("^V> \u200b[^<>`\n]*(\n> \u200b[^<>`\n]*|\n)*$"),
		alert.Slack:    regexp.MustCompile("^V```\n[^<>`]*```$"),
	}
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom(slices.Sorted(maps.Keys(forms))).Draw(r, "kind")
		f := one()
		f.Alerts[0].Output = "x" + hostile.Draw(r, "output")
		ch := channelOf(kind, "https://hook.test")
		ch.Mention, ch.Keyword, ch.Template = nil, "", "output"
		_, _, text := inner(t, kind, delivered(t, ch, alert.Setup{Templates: templates}, f))
		if text = text[strings.LastIndex(text, "V"):]; !forms[kind].MatchString(text) {
			r.Fatalf("got %q", text)
		}
	})
}

// TestAValueHasOneLineAndNothingInvisible, so that nothing is hidden behind it.
func TestAValueHasOneLineAndNothingInvisible(t *testing.T) {
	templates, err := alert.NewTemplates(map[string]string{"value": `{{with .First}}{{.Summary}}{{end}}`})
	if err != nil {
		t.Fatal(err)
	}
	f := one()
	f.Alerts[0].Summary = "\n a\r\n\tb\u202ec\u2028d\x00e\xfff\u200b日 "
	ch := channelOf(alert.PagerDuty, "https://hook.test")
	ch.Template = "value"
	if _, _, got := inner(t, alert.PagerDuty, delivered(t, ch, alert.Setup{Templates: templates}, f)); got != "a b c d e\ufffdf 日" {
		t.Errorf("got %q", got)
	}
}
