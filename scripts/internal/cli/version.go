package cli

import (
	"fmt"
	"runtime"

	"aftercare/shared/version"
)

// Version is the program's version, and the platform.
func Version() string {
	return fmt.Sprintf("%s (%s, %s/%s)", version.Name(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
