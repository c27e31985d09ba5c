package alert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/mask"
)

// Templates are the texts of messages, by name. The zero Templates have only the
// default ones.
//
// A template writes the body of a Message. With {{define "title"}} it also
// writes the title. Values are escaped for the channel wherever they are
// printed; the words between the actions are not. The functions bold, code,
// quote (lines of output) and link write the channel's markup; join, upper and
// time write text.
type Templates struct{ named map[string]string }

// NewTemplates checks templates: each runs on a zero Message and on a full one.
// The error joins all mistakes, with their lines.
func NewTemplates(named map[string]string) (*Templates, error) {
	t := &Templates{named: maps.Clone(named)}
	var mistakes []error
	for _, name := range slices.Sorted(maps.Keys(named)) {
		w, err := t.parse(name, english, plainMarkup)
		if name == "" || name == "title" {
			err = fmt.Errorf("template: %q is not a name for a template", name)
		}
		for _, f := range []dispatch.Notice{{}, Sample(time.Unix(0, 0))} {
			if err == nil {
				_, err = w.text(english.message(cleaned(f, mask.Mask{}), details[0]), false)
			}
		}
		if err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return t, nil
}

func (t *Templates) has(name string) bool {
	_, ok := t.named[name]
	return ok || name == ""
}

// writer writes texts in one language and markup.
type writer struct {
	words *words
	markup
	own, standard *template.Template
}

// writer returns a writer of a template that was checked; an empty name is the
// default one.
func (t *Templates) writer(name string, w *words, m markup) writer {
	out, err := t.parse(name, w, m)
	if err != nil {
		panic("alert: a template that was checked: " + err.Error())
	}
	return out
}

func (t *Templates) parse(name string, w *words, m markup) (writer, error) {
	standard, err := escaped(template.New("the default template").Funcs(m.functions()), w.standard)
	if err != nil {
		return writer{}, err
	}
	out := writer{w, m, standard, standard}
	if name != "" {
		both, err := standard.Clone()
		if err == nil {
			out.own, err = escaped(both.New(name), t.named[name])
		}
		if err != nil {
			return writer{}, err
		}
		if parse.IsEmptyTree(out.own.Root) { // it has a title only
			out.own = both
		}
	}
	return out, nil
}

// text writes a message, with the default template if standard is set.
func (w writer) text(m Message, standard bool) (text, error) {
	t := w.own
	if standard {
		t = w.standard
	}
	var title, body strings.Builder
	if err := errors.Join(t.ExecuteTemplate(&title, "title", m), t.Execute(&body, m)); err != nil {
		return text{}, err
	}
	return text{oneSpace(title.String()), w.lines(body.String())}, nil
}

func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// lines ends lines as the markup wants it. There is at most one empty line
// between two others.
func (w writer) lines(body string) string {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(body)) {
		line = strings.TrimRight(line, " \n")
		if line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, w.lineEnd)
}

// written is text in the channel's markup, which needs no escaping.
type written string

// functions are those of templates.
func (m markup) functions() template.FuncMap {
	return template.FuncMap{
		escapeName: m.write,
		"bold":     func(v any) written { return written(m.bold(string(m.write(v)))) },
		"code":     func(v any) written { return written(m.code(fmt.Sprint(v))) },
		"quote":    func(v any) written { return written(m.quote(fmt.Sprint(v))) },
		"link": func(v any) written {
			if address, ok := safe(fmt.Sprint(v)); ok {
				return written(m.link(address))
			}
			return m.write(v)
		},
		"join":  func(by string, values []string) string { return strings.Join(values, by) },
		"upper": func(v any) string { return strings.ToUpper(fmt.Sprint(v)) },
		"time": func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.UTC().Format("2006-01-02 15:04:05") + " UTC"
		},
	}
}

// write escapes a value, unless it is written already.
func (m markup) write(v any) written {
	if done, ok := v.(written); ok {
		return done
	}
	return written(m.escape(fmt.Sprint(v)))
}

// escapeName is the function that escaped adds to every action.
const escapeName = "_write"

// escaped parses a template and has it escape whatever it prints, as html/template
// does.
func escaped(t *template.Template, source string) (*template.Template, error) {
	t, err := t.Parse(source)
	if err != nil {
		return nil, err
	}
	for _, one := range t.Templates() {
		if one.Tree != nil {
			escapeNode(one.Tree, one.Tree.Root)
		}
	}
	return t, nil
}

func escapeNode(t *parse.Tree, n parse.Node) {
	list := func(lists ...*parse.ListNode) {
		for _, l := range lists {
			if l == nil {
				continue
			}
			for _, inner := range l.Nodes {
				escapeNode(t, inner)
			}
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.IfNode:
		list(n.List, n.ElseList)
	case *parse.RangeNode:
		list(n.List, n.ElseList)
	case *parse.WithNode:
		list(n.List, n.ElseList)
	case *parse.ActionNode:
		last := n.Pipe.Cmds[len(n.Pipe.Cmds)-1]
		if len(n.Pipe.Decl) > 0 || last.Args[0].String() == escapeName {
			return
		}
		write := parse.NewIdentifier(escapeName).SetPos(n.Pos).SetTree(t)
		n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{write}})
	}
}

// Sample is a flush with every member set: for trying out templates and channels. It
// differs with at, and its group is always the same.
func Sample(at time.Time) dispatch.Notice {
	code := int64(1)
	a := decide.Alert{
		Fingerprint: "f1", Kind: decide.AlertExecution, Severity: decide.SeverityCritical, Summary: "This is a sample. No command has failed.",
		InstanceID: "i-1", Region: "cn-hangzhou", CommandName: "check", InvokeID: "t-1", TaskID: "4a63377c", Flow: "restart", Step: "check",
		Route: "ops", Runbook: "https://example.com/runbook", Labels: map[string]string{"team": "web"}, Tags: map[string]string{"env": "prod"},
		Output: "one\ntwo", Status: "Failed", ExitCode: &code, ErrorCode: "ExitCodeNonzero", ErrorDesc: "the exit code is not zero",
		Requeued: true, At: at.UTC(),
	}
	over := a
	over.Recovered = true
	return dispatch.Notice{
		ID: fmt.Sprint("sample-", at.UnixNano()), Group: "sample", Route: "ops", By: map[string]string{"flow": "restart"}, Severity: decide.SeverityCritical,
		Firing: 12, Recovered: 1, Open: 12, Alerts: []decide.Alert{a, over}, At: at.UTC(),
	}
}
