package ecs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The places of a Linux instance that the agent uses. All lie below the
// instance's folder here.
const (
	scriptFolder    = "/usr/local/share/aliyun-assist/work/script"
	temporaryFolder = "/tmp" // for the scripts of a named user
	homeFolder      = "/root"
)

// job is a script that is ready to save and run.
type job struct {
	kind    string // the command's type
	program string // what runs it, if that is not sh
	root    string // the instance's folder
	folder  string // of the script, below root
	name    string // of the script in its folder, as the agent makes it
	fresh   bool   // the script's file must not be there yet
	content []byte
	dir     string
	home    string
	mark    string // the entry of the environment that marks the process
	limit   time.Duration
	held    <-chan struct{} // if not nil, the limit counts only when it is closed
	tree    bool            // TerminationMode is ProcessTree
}

// prepare makes a task's script ready to run, or returns the ErrorCode with which
// the task is Invalid.
func (s *Server) prepare(t *task, i *instance) (_ job, code, info string) {
	inv := t.invocation
	if inv.Command.Undecodable {
		return job{}, "CommandContentDecodeError", "the content of the command is not base64"
	}
	j := job{
		kind: inv.Command.Type, root: s.root(i.ID), folder: scriptFolder, name: inv.ID,
		fresh:   inv.RepeatMode == modeOnce || inv.RepeatMode == modeNextReboot,
		content: bytes.Clone(inv.Command.Content), mark: s.guard.of(i.ID),
		limit: inv.Limit, held: s.limitsHeld, tree: inv.Mode == "ProcessTree",
	}
	j.home = j.root + homeFolder
	if inv.Command.Name != "" {
		j.name = inv.Command.Name + "-" + inv.ID
	}
	if !i.windows() && inv.Username != "" {
		if inv.Username != "root" {
			return job{}, "AccountNotExists", "the user does not exist on the instance"
		}
		j.folder = temporaryFolder
	}
	if inv.Command.EnableParameter {
		if j.content, code, info = s.substitute(inv, i); code != "" {
			return job{}, code, info
		}
	}
	if i.windows() {
		if j.forWindows(); j.program == "" {
			return j, "", ""
		}
	}
	code, info = j.findDirectory(inv)
	return j, code, info
}

// findDirectory sets the folder in which the script runs.
func (j *job) findDirectory(inv *invocation) (code, info string) {
	j.dir = j.home
	if inv.WorkingDir != "" {
		// Joining behind a slash first keeps ".." inside the folder.
		j.dir = filepath.Join(j.root, filepath.Join("/", j.unixPath(inv.WorkingDir)))
	}
	if found, err := os.Stat(j.dir); err == nil && found.IsDir() {
		return "", ""
	}
	switch {
	case inv.WorkingDir != "":
		return "DirectoryNotExists", "the working directory does not exist on the instance"
	case inv.Username != "":
		return "DefaultWorkingDirectoryNotAvailable", "the home directory of the user does not exist on the instance"
	}
	j.dir = j.root // where the agent itself runs
	return "", ""
}

// save writes the script's file as the agent does, and returns the command that
// runs it and a function that removes the file. If it cannot write the file, the
// command gets the content itself, and the script's first line no longer names
// an interpreter.
func (j job) save() (argv []string, clean func(), _ error) {
	// A slash in the name leads to another folder, as on a real instance.
	virtual := filepath.Join(j.folder, j.name+j.extension())
	path := j.root + virtual
	if err := os.MkdirAll(j.root+j.folder, 0o755); err != nil {
		return nil, nil, fmt.Errorf("make the folder of the script: %w", err)
	}
	err := j.write(path)
	if errors.Is(err, errScriptExists) {
		return nil, nil, fmt.Errorf("save the script as %s: %w", virtual, err)
	}
	switch {
	case err != nil && j.program != "":
		argv = []string{j.program, "-Command", string(j.content)}
	case err != nil:
		argv = []string{"sh", "-c", string(j.content)}
	case j.program != "":
		argv = []string{j.program, "-File", path}
	default:
		// The instance's folder is quoted, because a real instance's path does
		// not have it. The path is not quoted, as on a real instance.
		argv = []string{"sh", "-c", "'" + strings.ReplaceAll(j.root, "'", `'\''`) + "'" + virtual}
	}
	return argv, func() {
		if err == nil {
			os.Remove(path)
		}
	}, nil
}

var errScriptExists = errors.New("the file of the script exists already")

// write saves the script. Like the agent, it treats any path as an existing file
// unless looking it up says that the file is missing; a name that is too long is
// one example.
func (j job) write(path string) error {
	if j.kind != shellType && strings.ContainsAny(j.name, `<>:"/\|?*`) {
		return errors.New("the file name is not allowed on Windows")
	}
	if _, err := os.Stat(path); os.IsNotExist(err) {
		// A process that starts meanwhile would have a copy of the open file until it is
		// another program, and the script could not be executed: "text file busy".
		syscall.ForkLock.RLock()
		err := os.WriteFile(path, j.content, 0o666)
		syscall.ForkLock.RUnlock()
		if err != nil {
			os.Remove(path)
			return err
		}
	} else if j.fresh {
		return errScriptExists
	}
	return os.Chmod(path, 0o755)
}

func (j job) extension() string {
	switch j.kind {
	case powerShellType:
		return ".ps1"
	case batType:
		return ".bat"
	}
	return ".sh"
}
