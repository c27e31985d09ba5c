// Package flowfile reads the files in which people write flows, and cases that
// test them. It finds every mistake with its place, and knows both schemas. It
// is pure: it opens no file, makes no call and knows no clock. The functions
// read the stored form of package flow, so they do not link this package.
//
// A format is defined by types: those of a flow in package flow and of format.go,
// and Case. Package yamlfile follows their fields and tags. Rules between keys are
// checked afterwards, on the complete flows and cases. Numbers in brackets are
// rules of package flow.
package flowfile
