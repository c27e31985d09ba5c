package command

import (
	"maps"
	"slices"
	"strings"
)

// variables checks parameters that reach a script as environment variables.
// (rules 20 and 21)
func (l *mistakes) variables(r Run) {
	if len(r.Parameters) == 0 {
		return
	}
	if why := takesNone(r.Type, r.Content); why != "" {
		l.add("parameters", 0, "%s", why)
	}
	if n := len(r.Parameters); n > MaxParameters {
		l.add("parameters", 0, "has %d entries, at most %d are allowed", n, MaxParameters)
		return
	}
	folded := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		field := "parameters." + name
		switch folds := fold(r.Type, name); {
		case !validName(name):
			l.add(field, -1, "is not a name for a parameter: use letters, digits and _, not a digit first, at most %d", MaxParameterName)
		case reserved(r.Type, name):
			l.add(field, -1, "has a meaning of its own as an environment variable: rename it, and set that variable in the script if need be")
		case folded[folds] != "":
			l.add(field, -1, "is the same environment variable as %s on Windows: rename one", folded[folds])
		default:
			folded[folds] = name
		}
		l.utf8(field, r.Parameters[name])
		if i := strings.IndexByte(r.Parameters[name], 0); i >= 0 {
			l.add(field, i, "has a NUL byte, which no environment variable can hold")
		}
	}
}

// takesNone says why a script cannot take parameters; empty if it can. Shell
// scripts can if sh or bash runs them, PowerShell scripts unless they begin with
// something that must come first, and batch files never.
func takesNone(commandType, content string) string {
	switch commandType {
	case RunShellScript:
		if name := Interpreter(content); name != "sh" && name != "bash" {
			return "reach scripts of sh, bash and PowerShell only: this #! line names another interpreter"
		}
	case RunPowerShellScript:
		if word := mustComeFirst(corrected(content)); word != "" {
			return "do not reach a script that begins with " + word + ", because no line may precede that: read $env:NAME without it"
		}
	case RunBatScript:
		return "do not reach a batch file: only sh, bash and PowerShell take them"
	}
	return ""
}

// mustComeFirst names the beginning of a PowerShell script if no statement may
// precede it: a param block, a using statement, an attribute of the script, or
// a named block such as process, which would run Get-Process. Otherwise it
// returns "".
func mustComeFirst(content string) string {
	rest := content
	for {
		rest = strings.TrimLeft(rest, " \t\r\n;")
		switch {
		case strings.HasPrefix(rest, "<#"):
			_, after, closed := strings.Cut(rest, "#>")
			if !closed {
				return ""
			}
			rest = after
			continue
		case strings.HasPrefix(rest, "#"):
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		break
	}
	lower := strings.ToLower(rest)
	if inside, ok := strings.CutPrefix(lower, "["); ok {
		inside = strings.TrimLeft(inside, " \t")
		// An attribute has arguments, as in [CmdletBinding()]; a type has none.
		name := inside[:len(inside)-len(strings.TrimLeftFunc(inside, func(r rune) bool { return isAlphanumeric(r) || r == '.' || r == '_' }))]
		if name != "" && strings.HasPrefix(inside[len(name):], "(") {
			return "an attribute"
		}
		return ""
	}
	for _, word := range []string{"param", "using", "begin", "process", "end", "clean", "dynamicparam"} {
		after, ok := strings.CutPrefix(lower, word)
		after = strings.TrimLeft(after, " \t\r\n`")
		switch {
		case !ok:
		case word == "param" && (strings.HasPrefix(after, "(") || strings.HasPrefix(after, "#") || strings.HasPrefix(after, "<#")),
			word == "using" && len(after) < len(lower)-len(word),
			word != "using" && word != "param" && strings.HasPrefix(after, "{"):
			return word
		}
	}
	return ""
}

// validName reports whether name is 1 to 64 letters, digits and _, and does not
// begin with a digit. A regular expression would be compiled at every cold start.
func validName(name string) bool {
	return name != "" && len(name) <= MaxParameterName && (name[0] < '0' || name[0] > '9') &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
}

// fold returns the form in which parameters' names are compared: Windows
// ignores the case of environment variables.
func fold(commandType, name string) string {
	if isWindows(commandType) {
		return strings.ToUpper(name)
	}
	return name
}

func reserved(commandType, name string) bool {
	name = fold(commandType, name)
	own := shell
	if isWindows(commandType) {
		own = windows
	}
	return own.has(name) || programs.has(name) || proxies.has(strings.ToUpper(name))
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

// shell holds the variables that change how a shell, the dynamic linker or the
// C library works, and those that a shell sets itself or refuses to set.
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

// windows holds the variables that change how Windows finds programs and
// modules and loads profilers.
var windows = names{
	prefixes: []string{"__PS"},
	whole: []string{
		"PATH", "PATHEXT", "COMSPEC", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "TEMP", "TMP", "USERPROFILE", "PSMODULEPATH",
		"PSEXECUTIONPOLICYPREFERENCE", "PSMODULEANALYSISCACHEPATH", "PROGRAMFILES", "PROGRAMDATA", "APPDATA", "LOCALAPPDATA",
	},
}

// programs holds the variables that make programs run other code, or trust
// other hosts.
var programs = names{
	prefixes: []string{"PYTHON", "PERL5", "COR_", "CORECLR_", "DOTNET_", "COMPLUS_", "GIT_CONFIG", "PIP_", "NPM_CONFIG_", "LUA_INIT", "LUA_PATH", "LUA_CPATH", "BUNDLE_"},
	whole: []string{
		"NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "RUBYOPT", "RUBYLIB", "RUSTC_WRAPPER",
		"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "MAVEN_OPTS", "GRADLE_OPTS", "GOFLAGS", "MAKEFLAGS", "MAKEFILES",
		"AWKPATH", "AWKLIBPATH", "M4PATH", "PHPRC", "PHP_INI_SCAN_DIR", "PERLLIB", "GEM_PATH", "GEM_HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "TAR_OPTIONS", "GREP_OPTIONS",
		"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXTERNAL_DIFF", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_PROXY_COMMAND",
		"GIT_EDITOR", "GIT_PAGER", "GIT_SSL_NO_VERIFY", "RSYNC_RSH", "CVS_RSH", "SSH_ASKPASS", "SSH_AUTH_SOCK", "SUDO_ASKPASS",
		"LESSOPEN", "LESSCLOSE", "PAGER", "MANPAGER", "EDITOR", "VISUAL", "BROWSER", "SYSTEMD_PAGER", "SYSTEMD_EDITOR",
		"SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "CURL_HOME", "REQUESTS_CA_BUNDLE", "WGETRC",
		"OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "TERMINFO", "TERMINFO_DIRS", "TERMCAP",
	},
}

// proxies holds the variables that redirect what programs send. Most programs
// ignore their case.
var proxies = names{whole: []string{
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "RSYNC_PROXY", "SOCKS_PROXY", "WS_PROXY", "WSS_PROXY", "ALL_PROXY", "NO_PROXY",
}}
