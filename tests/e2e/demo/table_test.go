package main

import (
	"strings"
	"testing"
)

func TestColumnsAreAlignedBelowWideCharacters(t *testing.T) {
	table := table{indent: "  ", right: []int{0}}
	table.add("time", "command", "why")
	table.add("0.10s", "检查磁盘", "queued")
	table.add("12.00s", "安装 代理 (install)", "queued")
	var out strings.Builder
	table.print(&out)
	want := "" +
		"    time  command              why\n" +
		"   0.10s  检查磁盘             queued\n" +
		"  12.00s  安装 代理 (install)  queued\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
