// Package flowfile reads the file in which people write flows. It finds every
// mistake of the file with its place, and knows the format's schema. It is pure:
// it opens no file, makes no call and knows no clock. What the functions read
// is the stored form of package flow, so they do not link this package.
//
// The format is the types of a flow in package flow and those of format.go:
// the reader and the schema go along their fields and tags, so that neither
// knows a key that the other does not. What must hold between keys is checked
// afterwards, on the complete flows. Numbers in brackets are rules of package
// flow.
package flowfile
