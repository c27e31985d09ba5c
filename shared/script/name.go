package script

import (
	"fmt"
	"slices"
	"strings"
)

// CheckName says what is wrong with a parameter's name for a command of this
// type; nil if it can be one. It must be a name of an environment variable of
// at most 64 characters, and none that changes how shells, the dynamic linker
// or interpreters work, or that a shell sets or keeps from being set.
func CheckName(commandType, name string) error {
	if !validName(name) {
		return fmt.Errorf("%.70q cannot be a parameter's name: use letters, digits and _, not a digit first, at most 64 characters", name)
	}
	if reserved(commandType, name) {
		return fmt.Errorf("%s cannot be a parameter's name, because it has a meaning of its own as an environment variable: rename it", name)
	}
	return nil
}

// validName reports whether name is one to 64 letters, digits and _, and begins
// with no digit. A regular expression would be compiled at every cold start.
func validName(name string) bool {
	return name != "" && len(name) <= 64 && (name[0] < '0' || name[0] > '9') &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
}

// FoldName returns what tells two names of parameters apart: Windows ignores
// the case of environment variables.
func FoldName(commandType, name string) string {
	if commandType == RunShellScript {
		return name
	}
	return strings.ToUpper(name)
}

func reserved(commandType, name string) bool {
	name = FoldName(commandType, name)
	own := windows
	if commandType == RunShellScript {
		own = shell
	}
	return own.has(name) || interpreters.has(name)
}

// names is a set of names, and of prefixes of names.
type names struct {
	prefixes []string
	whole    []string
}

func (n names) has(name string) bool {
	if slices.Contains(n.whole, name) {
		return true
	}
	for _, prefix := range n.prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// shell is what changes how a shell, the dynamic linker or the C library
// works, and what a shell sets by itself or refuses to set.
var shell = names{
	prefixes: []string{"LD_", "DYLD_", "BASH", "COMP_", "LC_", "MALLOC_"},
	whole: []string{
		"PATH", "ENV", "IFS", "CDPATH", "SHELL", "SHELLOPTS", "GLOBIGNORE", "POSIXLY_CORRECT", "HOME", "TMPDIR",
		"PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "EXECIGNORE", "FIGNORE", "HISTFILE", "INPUTRC", "TMOUT", "FUNCNEST",
		"_", "UID", "EUID", "PPID", "PWD", "OLDPWD", "RANDOM", "SRANDOM", "SECONDS", "LINENO", "HISTCMD", "HISTCONTROL",
		"OPTIND", "OPTARG", "OPTERR", "REPLY", "DIRSTACK", "FUNCNAME", "GROUPS", "PIPESTATUS", "EPOCHSECONDS", "EPOCHREALTIME",
		"SHLVL", "COLUMNS", "LINES", "MAPFILE", "COPROC", "READLINE_LINE",
		"LANG", "LANGUAGE", "LOCPATH", "NLSPATH", "GCONV_PATH", "GLIBC_TUNABLES", "HOSTALIASES", "RESOLV_HOST_CONF", "RES_OPTIONS", "LOCALDOMAIN",
	},
}

// windows is what changes how Windows finds programs and modules and loads
// profilers.
var windows = names{
	prefixes: []string{"__PS"},
	whole: []string{
		"PATH", "PATHEXT", "COMSPEC", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "TEMP", "TMP", "USERPROFILE", "PSMODULEPATH",
		"PSEXECUTIONPOLICYPREFERENCE", "PSMODULEANALYSISCACHEPATH", "PROGRAMFILES", "PROGRAMDATA", "APPDATA", "LOCALAPPDATA",
	},
}

// interpreters is what makes programs that a script calls run other code.
var interpreters = names{
	prefixes: []string{"PYTHON", "PERL5", "COR_", "CORECLR_", "DOTNET_", "COMPLUS_"},
	whole: []string{
		"NODE_OPTIONS", "NODE_PATH", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH",
		"GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "LESSOPEN", "LESSCLOSE", "SSLKEYLOGFILE", "OPENSSL_CONF", "OPENSSL_MODULES",
	},
}
