// Package yamlfile reads YAML files whose format Go types define. It finds every
// mistake with its place, suggests what was probably meant, and knows the JSON
// schema of a format. It is pure: it opens no file, makes no call and knows no
// clock.
//
// The reader and the schema both follow the fields of the types and their tags,
// so that neither knows a key that the other does not. Rules between keys are
// checked afterwards, by the package whose format it is.
package yamlfile
