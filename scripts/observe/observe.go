// Package observe holds what people watch Aftercare with: an index, dashboards and
// alert rules of Simple Log Service, in the shapes of its API, with placeholders
// such as <log-store>. 'aftercare setup logs' makes all of them.
package observe

import (
	"embed"
	"io/fs"

	"aftercare/shared/setup"
)

//go:embed *.json
var files embed.FS

// Documents returns them, in the order of their files' names.
func Documents() (all []setup.Document) {
	names, err := fs.Glob(files, "*.json")
	for _, name := range names {
		text, bad := files.ReadFile(name)
		if bad != nil {
			err = bad
		}
		all = append(all, setup.Document{File: "scripts/observe/" + name, JSON: string(text)})
	}
	if err != nil { // they are part of the program
		panic(err)
	}
	return all
}
