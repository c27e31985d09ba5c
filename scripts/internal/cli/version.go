package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for releases: see "make release".
var version string

// Version is the release, or what the go command knows of the build, and the
// platform.
func Version() string {
	known := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		known = info.Main.Version
	}
	return fmt.Sprintf("%s (%s, %s/%s)", cmp.Or(version, known, "(devel)"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
