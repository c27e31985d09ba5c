package alertfile

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/routing"
	"aftercare/shared/timetable"
	"aftercare/shared/transport"
	"aftercare/shared/yamlfile"
)

// File is what alerts.yaml says.
type File struct {
	Routes *routing.Set
	// Templates are texts by name.
	Templates map[string]string
	// Warnings are what is probably not meant.
	Warnings yamlfile.Mistakes
	// RouteCount is how many routes there are, without the root.
	RouteCount int

	channels map[string]channel
}

// Read reads alerts.yaml. The error is yamlfile.Mistakes, in which filename names
// the file; with an error there is no File.
func Read(filename string, src []byte) (*File, error) {
	var f file
	read, found := format.Read(filename, src, &f)
	if read == nil {
		return nil, found.Err()
	}
	r := &reader{Reader: read, used: map[string]map[string]bool{}, names: map[string]yamlfile.Position{}}
	root := r.complete(&f)
	r.check(&f, &root)
	if err := found.Err(); err != nil {
		return nil, err
	}
	r.unused(&f)
	out := &File{Templates: f.Templates, Warnings: found.Warnings(), RouteCount: len(r.names), channels: f.Channels}
	mute := map[string]*timetable.Windows{}
	for name, m := range f.MuteTimes {
		mute[name] = m.windows()
	}
	severities := map[decide.AlertKind]decide.Severity{}
	for kind, severity := range f.Severities {
		severities[decide.AlertKind(kind)] = decide.Severity(severity)
	}
	out.Routes = routing.NewSet(root, mute).Rating(severities)
	return out, nil
}

// reader checks what a file holds.
type reader struct {
	*yamlfile.Reader
	// used are the names that something refers to, by the key that lists them.
	used map[string]map[string]bool
	// names are the places of the routes' names.
	names map[string]yamlfile.Position
}

// The settings of routes that say nothing, nor their defaults. [5]
var (
	groupBy        = []string{"kind", "flow", "command"}
	groupWait      = flow.Duration(30 * time.Second)
	groupInterval  = flow.Duration(5 * time.Minute)
	repeatInterval = flow.Duration(24 * time.Hour)
)

// standard is a root with these channels.
func standard(channels []string) routing.Route {
	return routing.Route{
		Name: routing.Default, Channels: channels, GroupBy: groupBy,
		GroupWait: groupWait, GroupInterval: groupInterval, RepeatInterval: repeatInterval,
	}
}

// complete returns the root with all routes, with what they inherit. [5]
func (r *reader) complete(f *file) routing.Route {
	root := standard(nil)
	r.Inherit(reflect.ValueOf(&root).Elem(), reflect.ValueOf(f.Defaults), "the root", "defaults")
	root.Routes = f.Routes
	r.inherit(root.Routes, &root, "routes")
	return root
}

func (r *reader) inherit(routes []routing.Route, from *routing.Route, path string) {
	for i := range routes {
		route, at := &routes[i], fmt.Sprintf("%s[%d]", path, i)
		yamlfile.UnlessSaid(r.Reader, at+".channels", &route.Channels, from.Channels)
		yamlfile.UnlessSaid(r.Reader, at+".fallback", &route.Fallback, from.Fallback)
		yamlfile.UnlessSaid(r.Reader, at+".groupBy", &route.GroupBy, from.GroupBy)
		yamlfile.UnlessSaid(r.Reader, at+".groupWait", &route.GroupWait, from.GroupWait)
		yamlfile.UnlessSaid(r.Reader, at+".groupInterval", &route.GroupInterval, from.GroupInterval)
		yamlfile.UnlessSaid(r.Reader, at+".repeatInterval", &route.RepeatInterval, from.RepeatInterval)
		yamlfile.UnlessSaid(r.Reader, at+".muteTimes", &route.MuteTimes, from.MuteTimes)
		r.inherit(route.Routes, route, at+".routes")
	}
}

// ChannelNames are the names of the channels, sorted.
func (f *File) ChannelNames() []string { return slices.Sorted(maps.Keys(f.channels)) }

// Channels returns the channels with their secrets, in the order of their names.
// Getenv reads an environment variable and readFile a file. The error joins all
// that could not be read; the other channels are returned with it. [10]
func (f *File) Channels(getenv func(string) string, readFile func(string) ([]byte, error)) ([]alert.Channel, error) {
	var list []alert.Channel
	var errs []error
	for _, name := range f.ChannelNames() {
		ch, err := f.channels[name].open(name, getenv, readFile)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, ch)
	}
	return list, errors.Join(errs...)
}

// Channel returns one of the channels with what its secrets refer to.
func (f *File) Channel(name string, getenv func(string) string, readFile func(string) ([]byte, error)) (alert.Channel, error) {
	return f.channels[name].open(name, getenv, readFile)
}

func (c channel) open(name string, getenv func(string) string, readFile func(string) ([]byte, error)) (alert.Channel, error) {
	var errs []error
	secret := func(key, text string) transport.Secret {
		ref, ok := parseReference(text)
		if !ok {
			return transport.NewSecret(text) // an address without a secret, or nothing
		}
		s, err := ref.read(getenv, readFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("channel %s: %s: %w", name, key, err))
		}
		return s
	}
	ch := alert.Channel{
		Name: name, Kind: alert.Kind(c.Kind), URL: secret("url", c.URL), Secret: secret("secret", c.Secret), Keyword: c.Keyword,
		Mention: c.Mention, MentionFrom: c.MentionFrom, Bus: c.Bus, PerMinute: c.PerMinute, Language: c.Language, Template: c.Template,
	}
	if ch.URL.IsSet() {
		if _, err := transport.URL(ch.URL.Reveal()); err != nil {
			errs = append(errs, fmt.Errorf("channel %s: url: what it refers to %w", name, err))
		}
	}
	return ch, errors.Join(errs...)
}
