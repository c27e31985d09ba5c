package engine_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// words are the arguments of a directive that were not asked for yet.
type words struct {
	*datadriven.TestData
	t    *testing.T
	args []datadriven.CmdArg
}

// take takes the first argument that fits.
func (a *words) take(fits func(datadriven.CmdArg) bool) (arg datadriven.CmdArg, there bool) {
	i := slices.IndexFunc(a.args, fits)
	if i < 0 {
		return arg, false
	}
	arg = a.args[i]
	a.args = slices.Concat(a.args[:i], a.args[i+1:])
	return arg, true
}

// word is the next argument without a value.
func (a *words) word() string {
	arg, _ := a.take(func(arg datadriven.CmdArg) bool { return len(arg.Vals) == 0 })
	return arg.Key
}

func (a *words) flag(key string) bool {
	_, there := a.take(func(arg datadriven.CmdArg) bool { return arg.Key == key && len(arg.Vals) == 0 })
	return there
}

func (a *words) text(key string) string {
	arg, _ := a.take(func(arg datadriven.CmdArg) bool { return arg.Key == key && len(arg.Vals) > 0 })
	return strings.Join(arg.Vals, ", ")
}

func (a *words) number(key string, otherwise int) int {
	n, err := strconv.Atoi(cmp.Or(a.text(key), strconv.Itoa(otherwise)))
	a.check(err)
	return n
}

func (a *words) duration(key string) time.Duration {
	d, err := time.ParseDuration(cmp.Or(a.text(key), "0s"))
	a.check(err)
	return d
}

func (a *words) check(err error) {
	if err != nil {
		a.Fatalf(a.t, "%v", err)
	}
}
