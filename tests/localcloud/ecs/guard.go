package ecs

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// markVariable marks the environment of every command. Its value identifies the
// folder of the instances, the start of the server and the instance, each
// followed by a slash.
const markVariable = "LOCALCLOUD_INSTANCE"

// sweepScript kills each process whose environment holds the first argument,
// until none is left or it has tried a hundred times: a process can fork while
// the script looks for it. It finds nothing where there is no /proc.
const sweepScript = `
attempts=100
while [ "$attempts" -gt 0 ]; do
	found=$(grep -lsF -- "$1" /proc/[0-9]*/environ)
	[ -n "$found" ] || break
	for file in $found; do
		file=${file#/proc/}
		kill -s KILL "${file%/environ}"
	done
	attempts=$((attempts - 1))
done 2>/dev/null
`

// guardScript reads lines "begin GROUP" and "end GROUP" for the process groups
// of commands. When its input ends, it kills those that are left, and sweeps.
const guardScript = `
live=' '
while read -r verb group; do
	case $verb in
	begin) live="$live$group " ;;
	end) live="${live%% $group *} ${live#* $group }" ;;
	esac
done
for group in $live; do kill -s KILL -- "-$group"; done 2>/dev/null
` + sweepScript

// guard is a process that outlives this program for a moment. It holds one end
// of a pipe whose other end only this program has, so it notices any end of this
// program, even SIGKILL, and then ends what the program's commands left behind.
// It starts with the first command.
type guard struct {
	folder string // the mark of all that was ever started for this folder
	mark   string // the mark of what this server started

	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
}

func newGuard(dir string) *guard {
	folder := fmt.Sprintf("%s=%x/", markVariable, sha256.Sum256([]byte(dir)))
	return &guard{folder: folder, mark: folder + newUUID() + "/"}
}

// of returns the mark of an instance's commands, an entry of their environment.
func (g *guard) of(instanceID string) string { return g.mark + instanceID + "/" }

// begin reports a process group to the guard, before its command starts.
func (g *guard) begin(group int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cmd == nil {
		cmd := shellCommand(guardScript, g.mark)
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return fmt.Errorf("start the guard of the commands: %w", err)
		}
		g.cmd, g.in = cmd, in
	}
	if _, err := fmt.Fprintln(g.in, "begin", group); err != nil {
		return fmt.Errorf("reach the guard of the commands: %w", err)
	}
	return nil
}

// end makes the guard forget a process group.
func (g *guard) end(group int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fmt.Fprintln(g.in, "end", group) // a guard that is gone forgot it, too
}

// close ends the commands that are left, and the guard.
func (g *guard) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cmd == nil {
		return nil
	}
	g.in.Close()
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("wait for the guard of the commands: %w", err)
	}
	return nil
}

// sweep kills every process with a mark.
func sweep(mark string) { shellCommand(sweepScript, mark).Run() }

// shellCommand returns a command that runs a script with sh in a process group
// of its own, so that signals to this program's group do not reach it.
func shellCommand(script, argument string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", script, "sh", argument)
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + scriptPath}
	ownGroup(cmd)
	return cmd
}
