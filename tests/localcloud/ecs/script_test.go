package ecs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/tests/localcloud/ecs"
)

// plainly fails the test unless a command ended with an exit code and an
// output.
func (c *cloud) plainly(a args, exit float64, output string) {
	c.t.Helper()
	r := c.end(c.run(a))
	check(c.t, "exit code", r["ExitCode"], any(exit))
	check(c.t, "output", r["Output"], any(output))
}

// (command rule 1)
func TestTheNameOfACommandIsPartOfAPathThatShReads(t *testing.T) {
	const itself = "#!/bin/cat\nexit 3" // prints itself, if its first line counts
	for _, test := range []struct {
		name   string
		exit   float64
		output string // of a script that ran
	}{
		{"check-disk.309c7f3fd0a844e2b4f2b2f0c7f0a1de", 0, itself},
		{"", 0, itself},
		{"升级_a.b:c,d=e@f+g%h~i", 0, itself},
		{"pattern[ab]*?", 0, itself},
		{"check disk", 127, ""},
		{"check-disk [309c]", 127, ""},
		{"a\nb", 127, ""},
		{"a$HOME", 127, ""},
		{`a\b`, 127, ""},
		{"touch x;touch injected;", 127, ""},
		{"it's", 2, ""},
		{"flow/step", 3, ""},
		{"flow/step [309c]", 3, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := ready(t, nil)
			r := c.end(c.run(shell(itself).with(args{"Name": test.name})))
			if test.name == "it's" && r["ExitCode"] == 1.0 {
				return // what some shells make of a quote that stays open
			}
			check(t, "exit code", r["ExitCode"], any(test.exit))
			if test.exit == 0 || test.exit == 3 {
				check(t, "output", r["Output"], any(test.output))
			}
		})
	}
}

func TestANameThatIsTooLongForAFileIsAnException(t *testing.T) {
	c := ready(t, nil)
	for _, name := range []string{strings.Repeat("升", 128), "a\x00b"} {
		r := c.end(c.run(shell("echo no").with(args{"Name": name})))
		check(t, "status", r["InvocationStatus"], any("Failed"))
		check(t, "code", r["ErrorCode"], any("ExecutionException"))
	}
	check(t, "runs", len(c.Runs(one)), 0)
}

func TestANameLeavesTheFolderOfScriptsButNotTheInstance(t *testing.T) {
	var root string
	c := ready(t, func(o *ecs.Options) { root = filepath.Join(o.Dir, one) })
	id := c.run(shell(`echo "$0"`).with(args{"Name": strings.Repeat("../", 20) + "outside"}))
	check(t, "path", c.end(id)["Output"], any(filepath.Join(root, "outside-"+id+".sh")+"\n"))
}

func TestANameCanInjectACommand(t *testing.T) {
	var home string
	c := ready(t, func(o *ecs.Options) { home = filepath.Join(o.Dir, one, "root") })
	c.end(c.run(shell("true").with(args{"Name": "a;touch injected;b"})))
	if _, err := os.Stat(filepath.Join(home, "injected")); err != nil {
		t.Error(err)
	}
}

// (command rules 10, 13, 15)
func TestTheKernelReadsTheFirstLine(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		exit    float64
	}{
		"no first line":                   {"exit 3", 3},
		"an interpreter":                  {"#!/bin/cat\nexit 3", 0},
		"blanks around it":                {"#! /bin/cat \nexit 3", 0},
		"no interpreter after the mark":   {"#!\nexit 3", 3},
		"a line end of Windows":           {"#!/bin/sh\r\nexit 0\r\n", 127},
		"an interpreter that is missing":  {"#!/no/such/place/bash\nexit 0", 127},
		"an interpreter without a folder": {"#!sh\nexit 0", 127},
		"a folder for an interpreter":     {"#!/usr\nexit 0", 126},
		"one argument":                    {"#!/bin/sh -e\nfalse\nexit 3", 1},
		"two words are one argument":      {"#!/usr/bin/env sh -e\nexit 0", 127},
		"a byte order mark":               {"\ufeff#!/bin/cat\nexit 3", 3},
		"only blanks":                     {" \n\n", 0},
		"no end of the last line":         {"#!/bin/sh\nexit 4", 4},
	} {
		t.Run(name, func(t *testing.T) {
			c := ready(t, nil)
			check(t, "exit code", c.end(c.run(shell(test.content)))["ExitCode"], any(test.exit))
		})
	}
}

func TestAScriptThatASignalKills(t *testing.T) {
	c := ready(t, nil)
	r := c.end(c.run(shell("kill -9 $$")))
	check(t, "code", r["ErrorCode"], any("ExitCodeNonzero"))
	// A sh that became the script is killed itself, and its agent says -1.
	if exit := r["ExitCode"]; exit != 137.0 && exit != -1.0 {
		t.Errorf("exit code = %v", exit)
	}
	r = c.end(c.run(shell("kill -9 $$").with(args{"Name": "not/saved"})))
	check(t, "exit code of a script without a file", r["ExitCode"], any(-1.0))
}

// (command rules 3, 5)
func TestWhereTheScriptIsSaved(t *testing.T) {
	for user, folder := range map[string]string{"": "usr/local/share/aliyun-assist/work/script", "root": "tmp"} {
		// Blanks and quotes in the folder are not those of a real instance.
		root := filepath.Join(t.TempDir(), "it's a folder")
		c := ready(t, func(o *ecs.Options) { o.Dir = root })
		saved := filepath.Join(root, one, folder)
		id := c.run(shell(`echo "$0"; ls -l "$0" | cut -c1-10`).with(args{"Username": user}))
		out := lines(c.end(id)["Output"])
		check(t, "path", out[0], filepath.Join(saved, "test-"+id+".sh"))
		check(t, "mode", out[1], "-rwxr-xr-x")
		if left, err := os.ReadDir(saved); err != nil || len(left) != 0 {
			t.Errorf("files of scripts that have ended: %v, %v", left, err)
		}
	}
}

func TestTheDefaultWorkingDirectoryIsMissing(t *testing.T) {
	var root string
	c := ready(t, func(o *ecs.Options) { root = filepath.Join(o.Dir, one) })
	if err := os.Remove(filepath.Join(root, "root")); err != nil {
		t.Fatal(err)
	}
	c.plainly(shell("pwd"), 0, root+"\n")
	r := c.end(c.run(shell("pwd").with(args{"Username": "root"})))
	check(t, "status", r["InvocationStatus"], any("Invalid"))
	check(t, "code", r["ErrorCode"], any("DefaultWorkingDirectoryNotAvailable"))
}

// (command rule 26)
func TestExitCodesThatStopOrRestartTheInstance(t *testing.T) {
	for content, test := range map[string]struct {
		state string
		boots int
	}{
		"exit 193": {"Stopped", 1},
		"exit 194": {"Running", 2},
		"exit 195": {"Running", 1},
	} {
		c := ready(t, nil)
		other := c.run(shell("sleep 300"))
		c.eventually("the other command runs", func() bool { return len(c.Runs(one)) == 1 })
		r := c.end(c.run(shell(content)))
		check(t, "code", r["ErrorCode"], any("ExitCodeNonzero"))
		c.eventually("the instance is "+test.state, func() bool {
			i := c.instance(one)
			return i.State == test.state && i.Boots == test.boots
		})
		if test.state == "Stopped" || test.boots > 1 {
			check(t, "status of the other command", c.end(other)["InvocationStatus"], any("Failed"))
		} else {
			check(t, "status of the other command", c.result(other, one)["InvocationStatus"], any("Running"))
		}
	}
}

func TestWindowsCommandsThatCannotRunHere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	c := open(t, nil)
	c.create(ecs.Instance{ID: one, OSType: "windows", WindowsExit: 7})
	c.create(ecs.Instance{ID: "i-two", OSType: "windows"})
	c.boot(one)
	c.boot("i-two")
	for kind, output := range map[string]string{
		"RunPowerShellScript": "not run: no PowerShell here\n", "RunBatScript": "not run: no cmd.exe here\n",
	} {
		id := c.run(shell("dir").with(args{"Type": kind, "InstanceId.2": "i-two", "WorkingDir": `C:\app`}))
		r := c.end(id)
		check(t, "status", r["InvocationStatus"], any("Failed"))
		check(t, "code", r["ErrorCode"], any("ExitCodeNonzero"))
		check(t, "exit code", r["ExitCode"], any(7.0))
		check(t, "output", r["Output"], any(output))
		c.eventually("the other end", func() bool { return c.result(id, "i-two")["InvocationStatus"] == "Success" })
	}
	check(t, "runs", len(c.Runs(one))+len(c.Runs("i-two")), 0)
	c.create(ecs.Instance{ID: "i-four", OSType: "windows", WindowsExit: 3010})
	c.boot("i-four")
	c.run(shell("dir").with(args{"Type": "RunBatScript", "InstanceId.1": "i-four"}))
	c.eventually("exit code 3010 restarts the instance", func() bool { return c.instance("i-four").Boots == 2 })
	if err := c.CreateInstance(ecs.Instance{ID: "i-three", WindowsExit: 7}); err == nil {
		t.Error("a Linux instance got an exit code for Windows commands")
	}
}

func TestPowerShellScriptsRunInAnInstalledPowerShell(t *testing.T) {
	programs := t.TempDir()
	fake := "#!/bin/sh\nfor a; do echo \"[$a]\"; done\n[ \"$1\" = -File ] && od -An -c \"$2\"\npwd\n"
	if err := os.WriteFile(filepath.Join(programs, "pwsh"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", programs)
	var root string
	c := open(t, func(o *ecs.Options) { root = filepath.Join(o.Dir, one) })
	c.create(ecs.Instance{ID: one, OSType: "windows"})
	c.boot(one)
	if err := os.MkdirAll(filepath.Join(root, "app", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	power := shell("a\nb\r\n").with(args{"Type": "RunPowerShellScript", "Name": "check disk", "WorkingDir": `C:\app\bin`})
	id := c.run(power)
	out := lines(c.end(id)["Output"])
	check(t, "first argument", out[0], "[-File]")
	check(t, "second argument", out[1], "["+filepath.Join(root, "usr/local/share/aliyun-assist/work/script", "check disk-"+id+".ps1")+"]")
	check(t, "content", strings.Join(strings.Fields(out[2]), " "), `a \r \n b \r \n`)
	check(t, "working directory", out[3], filepath.Join(root, "app", "bin"))

	out = lines(c.end(c.run(power.with(args{"Name": "flow: step"})))["Output"])
	check(t, "first argument for a name that Windows does not allow", out[0], "[-Command]")
	r := c.end(c.run(power.with(args{"WorkingDir": `D:\nowhere`})))
	check(t, "code for a missing folder", r["ErrorCode"], any("DirectoryNotExists"))
}
