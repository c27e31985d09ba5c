package flow

import "regexp"

// NamePattern is the syntax of the names of flows and of the ids of steps: 1
// to 63 characters.
const NamePattern = `^[a-z0-9][a-z0-9-]{0,62}$`

var names = regexp.MustCompile(NamePattern)

// ValidName reports whether a text can be the name of a flow or the id of a step.
func ValidName(text string) bool { return names.MatchString(text) }
