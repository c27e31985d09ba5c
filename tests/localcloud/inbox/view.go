package inbox

import (
	"bytes"
	"encoding/json"
	"html"
	"html/template"
	"maps"
	"slices"
	"strings"
)

// markup is HTML that this package wrote: texts of messages get in by escaped
// alone.
type markup = template.HTML

// view is a message as a person would see it.
type view struct {
	// Notification is what a phone shows before the message is opened, if that is
	// no part of the message.
	Notification string
	Title        string
	Colour       string // one of colours, or ""
	Body         markup
	Buttons      []button
	Calls        []string // whom it calls
	Notes        []string // what the sender may not have meant
}

type button struct{ Text, URL string }

// button adds one that opens an address; without an address it adds nothing.
func (v *view) button(text, address string) {
	if address != "" {
		v.Buttons = append(v.Buttons, button{first(text, "open"), address})
	}
}

func (v *view) call(who string) { v.Calls = append(v.Calls, who) }

// colours are the page's, with the names that messages give them.
var colours = map[string][]string{
	"red":    {"red", "carmine", "critical", "danger", "error"},
	"orange": {"orange", "yellow", "warning", "violet", "purple"},
	"green":  {"green", "turquoise", "good", "resolved"},
	"blue":   {"blue", "wathet", "indigo", "info", "acknowledged"},
	"grey":   {"grey", "gray", "comment"},
}

// colour returns the page's colour for a name in a message, or "".
func colour(name string) string {
	for colour, names := range colours {
		for _, n := range names {
			if n == name {
				return colour
			}
		}
	}
	return ""
}

// escaped makes a text harmless. Entities in it are shown as the characters that
// they stand for, as the services do.
func escaped(text string) markup { return markup(html.EscapeString(html.UnescapeString(text))) }

// element wraps HTML in an element, unless it is empty.
func element(name string, inner markup) markup {
	if inner == "" {
		return ""
	}
	return markup("<" + name + ">" + string(inner) + "</" + name + ">")
}

// classed is element with a class.
func classed(class string, inner markup) markup {
	return markup(`<span class="` + class + `">` + string(inner) + `</span>`)
}

// lines shows a plain text with its line breaks.
func lines(text string) markup {
	return element("p", markup(strings.ReplaceAll(string(escaped(text)), "\n", "<br>")))
}

// link shows a link to a page of the web; any other address is shown as text.
func link(address string, inner markup) markup {
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		return inner + escaped(" ("+address+")")
	}
	return markup(`<a rel="noreferrer" href="`) + escaped(address) + `">` + inner + "</a>"
}

// details shows a decoded JSON value: an object's members one below the other,
// texts with their line breaks.
func details(value any) markup {
	members, ok := value.(map[string]any)
	if !ok {
		return element("pre", verbatim(value))
	}
	var rows markup
	for _, name := range slices.Sorted(maps.Keys(members)) {
		rows += "<dt>" + verbatim(name) + "</dt><dd>" + verbatim(members[name]) + "</dd>"
	}
	return element("dl", rows)
}

// verbatim shows a text as it is, and any other value as JSON.
func verbatim(value any) markup {
	if text, ok := value.(string); ok {
		return markup(html.EscapeString(text))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(value) // it was decoded from JSON
	return markup(html.EscapeString(strings.TrimSpace(text.String())))
}
