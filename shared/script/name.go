package script

import (
	"fmt"
	"regexp"
	"strings"
)

var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// CheckName says what is wrong with a parameter's name for a command of this
// type; nil if it can be one. It must be a name of an environment variable of
// at most 64 characters, and none that changes how shells, the dynamic linker
// or interpreters work, or that a shell sets or keeps from being set.
func CheckName(commandType, name string) error {
	if !parameterName.MatchString(name) {
		return fmt.Errorf("%.70q cannot be a parameter's name: use letters, digits and _, not a digit first, at most 64 characters", name)
	}
	if reserved(commandType, name) {
		return fmt.Errorf("%s cannot be a parameter's name, because it has a meaning of its own as an environment variable: rename it", name)
	}
	return nil
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
	if reservedNames[name] {
		return true
	}
	for _, prefix := range reservedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// reservedPrefixes are those of the dynamic linkers, of bash and its
// completion, of the locale, of the C library's allocator, of Python and Perl,
// and of the .NET runtime, its profilers and PowerShell's lockdown.
var reservedPrefixes = []string{
	"LD_", "DYLD_", "BASH", "COMP_", "LC_", "MALLOC_", "PYTHON", "PERL5",
	"COR_", "CORECLR_", "DOTNET_", "COMPLUS_", "__PS",
}

var reservedNames = setOf(
	// What finds programs, splits words and starts shells.
	"PATH", "ENV", "IFS", "CDPATH", "SHELL", "SHELLOPTS", "GLOBIGNORE", "POSIXLY_CORRECT", "HOME", "TMPDIR",
	"PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "EXECIGNORE", "FIGNORE", "HISTFILE", "INPUTRC", "TMOUT", "FUNCNEST",
	// What a shell sets, changes or refuses to set.
	"_", "UID", "EUID", "PPID", "PWD", "OLDPWD", "RANDOM", "SRANDOM", "SECONDS", "LINENO", "HISTCMD", "HISTCONTROL", "OPTIND", "OPTARG", "OPTERR",
	"REPLY", "DIRSTACK", "FUNCNAME", "GROUPS", "PIPESTATUS", "EPOCHSECONDS", "EPOCHREALTIME",
	"SHLVL", "COLUMNS", "LINES", "MAPFILE", "COPROC", "READLINE_LINE",
	// The C library and interpreters.
	"LANG", "LANGUAGE", "LOCPATH", "NLSPATH", "GCONV_PATH", "GLIBC_TUNABLES", "HOSTALIASES", "RESOLV_HOST_CONF", "RES_OPTIONS", "LOCALDOMAIN",
	"NODE_OPTIONS", "NODE_PATH", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH",
	"GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "LESSOPEN", "LESSCLOSE", "SSLKEYLOGFILE", "OPENSSL_CONF", "OPENSSL_MODULES",
	// Windows.
	"PATHEXT", "COMSPEC", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "TEMP", "TMP", "USERPROFILE", "PSMODULEPATH", "PSEXECUTIONPOLICYPREFERENCE",
	"PSMODULEANALYSISCACHEPATH", "PROGRAMFILES", "PROGRAMDATA", "APPDATA", "LOCALAPPDATA",
)

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
