package alert

import "aftercare/shared/dispatch"

// MaxSample is the most alerts that a flush carries in full.
const MaxSample = dispatch.MaxSample

// Flush is what a group of alerts tells its channels at once.
type Flush = dispatch.Notice
