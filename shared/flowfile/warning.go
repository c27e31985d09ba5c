package flowfile

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flow"
	"aftercare/shared/mask"
	"aftercare/shared/wording"
)

// probably warns of what a flow probably does not mean. [88]
func (r *reader) probably(p *placedFlow) {
	if slices.Contains(p.On, flow.FirstHeartbeat) && !guards.MatchString(p.When) && !r.rare(p) {
		r.reboots(p)
	}
	r.systems(p)
}

var (
	// guards are names that keep a flow from running after each boot.
	guards = regexp.MustCompile(`\b(?:failedRuns|failedBefore|agentVersion|tags|steps|kind|inputs)\b|\bbootSeq\s*(?:==|<|in\b|%)|[=>]\s*instance\.bootSeq\b`)
	// reboot is a line of a script that reboots its instance.
	reboot = regexp.MustCompile(`(?im)^[^#\n]*?(?:^|[;&|({]|\b(?:then|do|else|sudo|exec|nohup)\b)\s*(?:/\S*/)?` +
		`(reboot|systemctl\s+(?:-\S+\s+)*reboot|shutdown\s+(?:-\w+\s+)*[-/]r|init\s+6|telinit\s+6|Restart-Computer|exit\s+(?:194|3010))(?:[\s;&|)}]|$)`)
	// asks is a condition in a script.
	asks = regexp.MustCompile(`\b(?:if|case|test|while|until|p?grep|diff|cmp)\b|\[|\|\|`)
	// chosen are names by which a flow is not for any instance.
	chosen = regexp.MustCompile(`\b(?:event\s*\.\s*(?:commandName|commandId|vmName|instanceId|output)|instance\s*\.\s*(?:os|tags|name|id)|inputs)\b`)
	system = regexp.MustCompile(`\binstance\s*\.\s*os\b`)
)

// rare reports whether the flow's own limit lets it begin once an hour at most.
func (r *reader) rare(p *placedFlow) bool {
	l := p.Limits.PerInstance
	return r.Said(p.path+".limits.perInstance") && l.Max > 0 && time.Duration(l.Window)/time.Duration(l.Max) >= time.Hour
}

// reboots warns of a step that reboots after every boot.
func (r *reader) reboots(p *placedFlow) {
	for _, l := range p.lists {
		for i, s := range l.steps {
			if s.When != "" && s.Kind() == flow.KindStop {
				return
			}
			if s.Run == nil || s.When != "" {
				continue
			}
			m := reboot.FindStringSubmatchIndex(s.Run.Content)
			if m == nil || asks.MatchString(s.Run.Content[:m[2]]) {
				continue
			}
			r.Warn(r.inText(l.at(i)+".run.content", m[2]), "this reboots after every boot, again and again: write a guard, such as when: instance.bootSeq == 1, or limits: {perInstance: {max: 1, window: 24h}}")
		}
	}
}

// systemOf is the system that a script is for, and the other one.
func systemOf(run *command.Run) (system, other string) {
	if run.Type == command.RunShellScript {
		return "linux", "Windows"
	}
	return "windows", "Linux"
}

// systems warns of a script that runs on whatever instance, though it is for one
// kind: for Windows, always; for Linux, in a flow that any instance starts, or that
// has steps for Windows too.
func (r *reader) systems(p *placedFlow) {
	windows := func(s flow.Step) bool {
		return s.Run != nil && s.Run.Type != "" && s.Run.Type != command.RunShellScript
	}
	any := !chosen.MatchString(p.When) && p.Instances == nil && !slices.Equal(p.On, []string{"manual"})
	for _, l := range p.lists {
		any = any || slices.ContainsFunc(l.steps, windows)
	}
	said := map[string]bool{}
	asked := system.MatchString(p.When) || p.Instances != nil && p.Instances.OS != ""
	for _, l := range p.lists {
		for i, s := range l.steps {
			asked = asked || s.Kind() == flow.KindStop && system.MatchString(s.When)
			path := l.at(i) + ".run"
			if asked || l.borrowed || s.Run == nil || !r.Sound(path) || system.MatchString(s.When) || !windows(s) && !any {
				continue
			}
			kind, other := systemOf(s.Run)
			if !said[kind] {
				r.Warn(r.Key(path), `nothing keeps this script from instances with %s: write instances: {os: %s} in the flow or in defaults, or when: instance.os == "%s" in the step`, other, kind, kind)
			}
			said[kind] = true
		}
	}
}

// texts warns of what is in the texts of a step: placeholders that nothing replaces,
// and secrets. [88] [89]
func (r *reader) texts(s flow.Step, path string) {
	r.said(path+".alert", "", "", "alert", "values")
	if s.Run != nil {
		variable, tables := "$$env:", []string{"content"}
		if s.Run.Type == command.RunShellScript {
			variable, tables = "$$", append(tables, "shell")
		}
		r.said(path+".run.content", "", variable, tables...)
		for name := range s.Run.Parameters {
			r.said(path+".run.parameters."+name, name, "", "values")
		}
	}
	if s.Invoke != nil {
		for name := range s.Invoke.Parameters {
			r.said(path+".invoke.parameters."+name, name, "", "values")
		}
	}
}

// hinted warns of what the tables of hints say about one text.
func (r *reader) hinted(path, variable string, tables ...string) {
	if sc, ok := r.Text(path); ok && r.Sound(path) {
		for _, p := range wording.Placeholders(sc.Text, variable, tables...) {
			r.Warn(r.inText(path, p.At), "%s", p.Say)
		}
	}
}

// said warns of what is in one text; name is that of a parameter, or empty. The warning
// of a secret is at the beginning of its line, and shows no part of it.
func (r *reader) said(path, name, variable string, tables ...string) {
	sc, ok := r.Text(path)
	if !ok || !r.Sound(path) {
		return
	}
	r.hinted(path, variable, tables...)
	line, found := mask.Literal(name, sc.Text, strings.HasSuffix(path, ".alert"))
	if !found {
		return
	}
	at := r.Key(path)
	if name == "" {
		at = r.inText(path, line)
	}
	r.WarnSecret(at, "this looks like a secret, which every reader of the file and of its runs sees: let the script fetch it, as functions/README.md says under Secrets")
}
