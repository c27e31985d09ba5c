package alertfile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
	"time"
	"unicode/utf8"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/routing"
	"aftercare/shared/suggest"
	"aftercare/shared/timetable"
	"aftercare/shared/yamlfile"
)

// check finds what is wrong with a file whose keys and values are all read.
func (r *reader) check(f *file, root *routing.Route) {
	if r.Sound("channels") && len(r.Names("channels")) == 0 {
		r.Add(r.Place("channels"), "channels is empty: name at least one")
	}
	for name, c := range f.Channels {
		if path := "channels." + name; r.Sound(path) {
			r.channel(name, c, path)
		}
		r.refer("template", c.Template, "channels."+name+".template", r.Names("templates"))
	}
	r.severities()
	for name, m := range f.MuteTimes {
		r.muteTime(m, "muteTimes."+name)
	}
	for _, name := range r.Names("templates") {
		r.template("templates." + name)
	}
	r.settings(root, "defaults", f)
	r.routes(root, "routes", f)
}

// severities checks the kinds of alert. [12]
func (r *reader) severities() {
	for _, kind := range r.Names("severities") {
		switch {
		case kind == string(decide.AlertFlow):
			r.Add(r.Key("severities."+kind), "the alert of a flow's step is as urgent as the step says: write severity there")
		case !slices.Contains(rated, decide.AlertKind(kind)):
			r.Add(r.Key("severities."+kind), "there is no kind of alert %.60q%s", kind, suggest.Hint(kind, "they", words(rated)))
		}
	}
}

// channel checks that a channel has what its kind needs, and nothing else. [3]
func (r *reader) channel(name string, c channel, path string) {
	kind, known := takes[alert.Kind(c.Kind)]
	if !known {
		return // which has its own mistake
	}
	for _, key := range kind.needs {
		if !r.Said(path+"."+key) && !r.Meant(path+"."+key) {
			r.Add(r.Key(path), "a channel of kind %s needs the key %s%s", c.Kind, key, needs[key])
		}
	}
	always := []string{"kind", "perMinute", "language", "template"}
	for _, key := range r.Names(path) {
		if !slices.Contains(always, key) && !slices.Contains(kind.needs, key) && !slices.Contains(kind.may, key) {
			r.Add(r.Key(path+"."+key), "a channel of kind %s has no %s: remove it", c.Kind, key)
		}
	}
	if slices.Contains(kind.may, "mention") && r.Said(path+".mentionFrom") && !r.Said(path+".mention") {
		r.Add(r.Key(path+".mentionFrom"), "mentionFrom says when mention calls people: write mention, too")
	}
	r.secret(path+".secret", wrongSecret("secret", name, c.Secret))
	wrong := wrongSecret("url", name, c.URL)
	switch alert.Kind(c.Kind) {
	case alert.PagerDuty, alert.Alertmanager, alert.EventBridge:
		wrong = wrongAddress(name, c.URL)
	}
	r.secret(path+".url", wrong)
	switch {
	case !r.Said(path+".bus") || !r.Sound(path+".bus"):
	case c.Bus == "default":
		r.Add(r.Place(path+".bus"), "bus must be a custom bus: the one called default takes no events of ours")
	case c.Bus == "" || len(c.Bus) > maxBus:
		r.Add(r.Place(path+".bus"), "bus is the name of a custom bus, of at most %d bytes", maxBus)
	}
	word := r.Said(path+".keyword") && r.Sound(path+".keyword")
	if word && (c.Keyword == "" || len(c.Keyword) > maxKeyword || c.Keyword != strings.Join(strings.Fields(c.Keyword), " ")) {
		r.Add(r.Place(path+".keyword"), "keyword must be on one line, without spaces around it, of at most %d bytes", maxKeyword)
	}
}

const (
	maxBus     = 127 // bytes
	maxKeyword = 100 // bytes
)

// needs is what to write for a key that a kind of channel needs.
var needs = map[string]string{
	"url":    ": write where messages are posted",
	"secret": ": write a reference to the routing key, such as ${env:PAGER_SECRET}",
	"bus":    ": write the name of a custom bus",
}

// secret adds what is wrong with a secret or an address. [4]
func (r *reader) secret(path, wrong string) {
	if r.Said(path) && r.Sound(path) && wrong != "" {
		r.Add(r.Place(path), "%s", wrong)
	}
}

// anyMonday begins a week in which no clock changes.
var anyMonday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// muteTime checks the windows of a mute time. [8]
func (r *reader) muteTime(m muteTime, path string) {
	r.Windows(m.During, path+".during")
	if !routing.Ends([]*timetable.Windows{m.windows()}, anyMonday) {
		r.Add(r.Place(path+".during"), "these windows leave no gap in a week, so nothing would ever be sent: leave one out, or make one shorter")
	}
}

// titleOf is what a template defines to write the title.
const titleOf = "title"

// template checks the syntax of a template. [9]
func (r *reader) template(path string) {
	text, ok := r.Text(path)
	if !ok {
		return
	}
	if path == "templates."+titleOf {
		r.Add(r.Key(path), "a template cannot be called %s, which a template defines for its title: rename it", titleOf)
	}
	if strings.TrimSpace(text.Text) == "" {
		r.Add(r.Place(path), "a template is empty: write its text, or remove the template")
		return
	}
	tree := parse.New("t")
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(text.Text, "", "", map[string]*parse.Tree{}); err != nil {
		line, message := templateError(err.Error())
		r.Add(r.Locate(text, startOf(text.Text, line)), "the template cannot be read: %s", message)
	}
}

// templateError takes apart an error of the parser, such as
// "template: t:3: unexpected EOF".
func templateError(text string) (line int, message string) {
	rest := strings.TrimPrefix(text, "template: t:")
	digits, message, _ := strings.Cut(rest, ": ")
	digits, _, _ = strings.Cut(digits, ":")
	line, err := strconv.Atoi(digits)
	if err != nil {
		return 1, text
	}
	return line, message
}

// startOf is where the words of a line of a text begin, in characters.
func startOf(text string, line int) int {
	lines := strings.SplitAfter(text, "\n")
	line = min(line, len(lines))
	before := strings.Join(lines[:line-1], "")
	blank := len(lines[line-1]) - len(strings.TrimLeft(lines[line-1], " \t"))
	return utf8.RuneCountInString(before) + blank
}

// settings checks the settings of a route that stand at a path. [6] [8]
func (r *reader) settings(route *routing.Route, path string, f *file) {
	for key, names := range map[string][]string{"channels": route.Channels, "fallback": route.Fallback, "muteTimes": route.MuteTimes} {
		what, from := "channel", "channels"
		if key == "muteTimes" {
			what, from = "mute time", "muteTimes"
		}
		if r.Said(path+"."+key) && r.Sound(path+"."+key) {
			for i, name := range names {
				r.refer(what, name, fmt.Sprintf("%s.%s[%d]", path, key, i), r.Names(from))
			}
		}
	}
	for i, name := range route.Fallback {
		at := fmt.Sprintf("%s.fallback[%d]", path, i)
		if !r.Said(at) {
			at = path + ".channels"
		}
		if r.Said(at) && slices.Contains(route.Channels, name) {
			r.Add(r.Place(at), "%s is one of channels and of fallback, where a channel must stand in for others: remove it from one", name)
		}
	}
	var mute []*timetable.Windows
	for _, name := range route.MuteTimes {
		if w := f.MuteTimes[name].windows(); r.Whole("muteTimes."+name) && routing.Ends([]*timetable.Windows{w}, anyMonday) { // else it has its own mistake
			mute = append(mute, w)
		}
	}
	if r.Said(path+".muteTimes") && len(mute) > 1 && !routing.Ends(mute, anyMonday) {
		r.Add(r.Place(path+".muteTimes"), "these mute times together leave no gap in a week, so nothing would ever be sent: leave one out")
	}
	for _, list := range [][]string{route.Channels, route.Fallback} {
		r.held(list, route.RepeatInterval, path, f)
	}
	for _, key := range []string{"repeatInterval", "groupInterval"} {
		at := path + "." + key
		if r.Said(at) && r.Sound(at) && route.RepeatInterval > 0 && route.RepeatInterval < route.GroupInterval {
			r.Add(r.Place(at), "repeatInterval must be at least groupInterval, or 0s for never; they are %s and %s", route.RepeatInterval, route.GroupInterval)
			return
		}
	}
}

// held warns of alerts that an Alertmanager would take for over before they are told
// again. [8]
func (r *reader) held(channels []string, repeat flow.Duration, path string, f *file) {
	at := path + ".repeatInterval"
	if !r.Said(at) {
		at = path + ".channels"
	}
	if !r.Said(at) || !r.Sound(at) || repeat > 0 && repeat.D() <= alert.Holds {
		return
	}
	for _, name := range channels {
		if alert.Kind(f.Channels[name].Kind) == alert.Alertmanager {
			r.Warn(r.Place(at), "the Alertmanager %s takes an alert for over after %s, unless it is told again: write a repeatInterval of at most that", name, flow.Duration(alert.Holds))
		}
	}
}

// refer checks that there is something of a name. [6]
func (r *reader) refer(what, name, path string, known []string) {
	if name == "" || !r.Said(path) || !r.Sound(path) {
		return
	}
	if r.used[what] == nil {
		r.used[what] = map[string]bool{}
	}
	r.used[what][name] = true
	if !slices.Contains(known, name) {
		hint := ": there are none in this file"
		if len(known) > 0 {
			hint = suggest.Hint(name, "those of this file", known)
		}
		r.Add(r.Place(path), "there is no %s %.70q%s", what, name, hint)
	}
}

// routes checks the routes under a route.
func (r *reader) routes(parent *routing.Route, path string, f *file) {
	for i := range parent.Routes {
		route, at := &parent.Routes[i], fmt.Sprintf("%s[%d]", path, i)
		if !r.Sound(at) {
			continue
		}
		if route.Name == routing.Default {
			r.Add(r.Place(at+".name"), "a route cannot be called default, which is what takes the rest: rename it")
		}
		r.Once(at+".name", route.Name, "a route's name", r.names)
		if route.OnlyNamed && r.Said(at+".match") {
			r.Add(r.Key(at+".match"), "a route with onlyNamed takes what names it, and nothing else: remove match, or onlyNamed")
		}
		r.settings(route, at, f)
		r.reachable(parent, i, path)
		r.routes(route, at+".routes", f)
	}
}

// reachable finds a route that no alert reaches. [7]
func (r *reader) reachable(parent *routing.Route, i int, path string) {
	route, at := &parent.Routes[i], fmt.Sprintf("%s[%d]", path, i)
	const instead = "write onlyNamed: true if flows name it"
	if route.OnlyNamed || !r.Whole(at+".match") {
		return
	}
	if parent.OnlyNamed {
		r.Add(r.Place(at+".name"), "no alert reaches this route, because %s above it takes only what names it: move it, or %s", parent.Name, instead)
		return
	}
	for j, before := range parent.Routes[:i] {
		other := fmt.Sprintf("%s[%d]", path, j)
		if before.Continue || before.OnlyNamed || !r.Whole(other+".match") || !before.Match.Covers(route.Match) {
			continue
		}
		r.Add(r.Place(at+".name"), "no alert reaches this route, because %s in line %d takes all that it would: move it before that, write continue: true there, or %s",
			before.Name, r.Place(other+".name").Line, instead)
		return
	}
}

// unused warns of what nothing refers to. [6]
func (r *reader) unused(f *file) {
	warn := func(what, list string, names []string) {
		for _, name := range names {
			if !r.used[what][name] {
				r.Warn(r.Key(yamlfile.Join(list, name)), "nothing uses the %s %s: remove it, or name it where it belongs", what, name)
			}
		}
	}
	warn("channel", "channels", slices.Collect(maps.Keys(f.Channels)))
	warn("mute time", "muteTimes", slices.Collect(maps.Keys(f.MuteTimes)))
	warn("template", "templates", slices.Collect(maps.Keys(f.Templates)))
}
