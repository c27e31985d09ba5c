package ecs

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

var (
	anyLineEnd  = regexp.MustCompile(`\r?\n`)
	driveLetter = regexp.MustCompile(`^[A-Za-z]:`)
)

// forWindows treats a script as the agent on Windows does. It sets the job's
// program only if the script can run here.
func (j *job) forWindows() {
	if j.kind == powerShellType {
		j.program, _ = exec.LookPath("pwsh")
	}
	j.content = anyLineEnd.ReplaceAll(j.content, []byte("\r\n"))
}

// unixPath returns the path of an instance's directory below its folder.
func (j *job) unixPath(dir string) string {
	if j.kind == shellType {
		return dir
	}
	return strings.ReplaceAll(driveLetter.ReplaceAllString(dir, ""), `\`, "/")
}

// pretend ends a command that cannot run here as if it had run. The caller
// holds the lock and commits.
func (s *Server) pretend(t *task, i *instance) {
	program := "PowerShell"
	if t.invocation.Command.Type == batType {
		program = "cmd.exe"
	}
	t.Output = fmt.Appendf(nil, "not run: no %s here\n", program)
	t.ExitCode = i.WindowsExit
	s.finishByExit(t)
	s.obey(i, t.ExitCode)
}
