// Package version knows which version of Aftercare a program is.
package version

import "cmp"

// stamped is set by the linker: see VERSION in the Makefile.
var stamped string

// Name is what the Makefile's VERSION was when the program was built, such as
// "v1.2.3" or "6745979-dirty"; "dev" if go built it without make.
func Name() string { return cmp.Or(stamped, "dev") }
