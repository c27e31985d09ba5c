// Package flowfile reads the file in which people write flows. It finds every
// mistake in the file with its place, and knows the format's schema. It is pure:
// it opens no file, makes no call and knows no clock. The functions read the
// stored form of package flow, so they do not link this package.
//
// The format is defined by the types of a flow in package flow and those of
// format.go: the reader and the schema both follow their fields and tags, so
// that neither knows a key that the other does not. Rules between keys are
// checked afterwards, on the complete flows. Numbers in brackets are rules of
// package flow.
package flowfile
