package command

import (
	"path"
	"strings"
	"unicode"
)

// maxFirstLine is how many bytes of a #! line Linux before 5.1 reads.
// (rule 14)
const maxFirstLine = 127

const byteOrderMark = "\ufeff"

// corrected returns a script's content without what got in by accident and can
// be removed without guessing: a byte order mark in front, and the CR of CR LF. (rules 9 and 10)
func corrected(content string) string {
	return strings.ReplaceAll(strings.TrimPrefix(content, byteOrderMark), "\r\n", "\n")
}

// OffsetIn converts an offset in the corrected content to one in the content.
func (r Run) OffsetIn(at int) int {
	i := len(r.Content) - len(strings.TrimPrefix(r.Content, byteOrderMark))
	for ; at > 0 && i < len(r.Content); i++ {
		if !strings.HasPrefix(r.Content[i:], "\r\n") {
			at--
		}
	}
	return i
}

// content checks a script. (rules 8 to 19)
func (l *mistakes) content(commandType, content string) {
	l.utf8("content", content)
	text := corrected(content)
	if strings.TrimSpace(text) == "" {
		l.add("content", 0, "is empty: write the script")
		return
	}
	body := strings.TrimPrefix(content, byteOrderMark)
	skipped := len(content) - len(body)
	if i := strings.Index(body, byteOrderMark); i >= 0 {
		l.add("content", skipped+i, "has a byte order mark (U+FEFF) at byte %d: remove it", skipped+i+1)
	}
	for i, r := range body {
		at := skipped + i
		switch {
		case r == '\r' && !strings.HasPrefix(body[i:], "\r\n"):
			l.add("content", at, "has a carriage return that ends no line, at byte %d: end lines with LF", at+1)
			return
		case unicode.IsControl(r) && !strings.ContainsRune("\t\n\r", r):
			l.add("content", at, "has a control character at byte %d: write it as an escape, such as \\033", at+1)
			return
		}
	}
	switch {
	case isWindows(commandType):
		l.windows(commandType, content, text)
	case commandType == RunShellScript:
		l.firstLine(text)
	}
}

// firstLine checks that the kernel will start the interpreter that the author
// of a #! line meant. (rules 11 to 16)
func (l *mistakes) firstLine(text string) {
	line, _, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(line, "#!") {
		l.misplaced(text)
		return
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return r > unicode.MaxASCII && invisible(r) }); i >= 0 {
		l.add("content", 0, "has a #! line with an invisible character at byte %d of it: write a plain blank, or nothing", i+1)
		return
	}
	words := strings.FieldsFunc(line[2:], blank)
	if len(words) == 0 {
		return // sh runs it
	}
	name, args := path.Base(words[0]), words[1:]
	switch {
	case len(line) > maxFirstLine:
		l.add("content", 0, "has a #! line of %d bytes: Linux reads at most %d", len(line), maxFirstLine)
	case !strings.HasPrefix(words[0], "/"):
		l.add("content", 0, "has a #! line with a relative path: write the interpreter's absolute path")
	case name == "env" && Interpreter(text) == "env":
		l.add("content", 0, "has a #! line in which env has no program: write it behind env")
	case len(args) > 1 && name == "env" && !strings.HasPrefix(args[0], "-S") && !strings.HasPrefix(args[0], "--split-string"):
		l.add("content", 0, "has a #! line with several words behind env, which Linux passes as one: write env -S before them")
	case len(args) > 1 && name != "env" && name != "perl":
		l.add("content", 0, "has a #! line with several arguments, which Linux passes as one: keep one, or set the others in the script")
	case len(args) == 1 && shells[name] && !option(args[0]):
		l.add("content", 0, "has a #! line with an argument that keeps the shell from running this script: write an option that begins with -, and is not -c or -s")
	}
}

// misplaced reports a #! line that does nothing, because something comes before
// it or it is misspelt. (rule 12)
func (l *mistakes) misplaced(text string) {
	first, _, _ := strings.Cut(text, "\n")
	for _, head := range []string{"# !/", "!#/", "#/"} {
		if rest, ok := strings.CutPrefix(first, head); ok && (head != "#/" || strings.HasPrefix(rest, "bin/") || strings.HasPrefix(rest, "usr/bin/env ")) {
			l.add("content", 0, "begins with %s, so that sh would run it: write #!/", head)
			return
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimFunc(line, invisible)
		if rest, ok := strings.CutPrefix(line, "#!"); ok && strings.HasPrefix(strings.TrimLeftFunc(rest, invisible), "/") {
			l.add("content", 0, "has a #! line that is not the first, so that sh would run it: remove what stands before it")
			return
		}
		if line != "" && line[0] != '#' {
			return
		}
	}
}

// shells are the interpreters that take options before a script's path.
var shells = map[string]bool{"sh": true, "bash": true, "dash": true, "ash": true, "ksh": true, "zsh": true}

// option reports whether a shell still runs its script with this option: with
// -c it would run the path again and again, with -s nothing.
func option(arg string) bool {
	return strings.HasPrefix(arg, "--") || arg != "" && strings.ContainsRune("-+", rune(arg[0])) && !strings.ContainsAny(arg, "cs")
}

// invisible reports whether a character looks like nothing or like a blank.
func invisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

func isWindows(commandType string) bool {
	return commandType == RunBatScript || commandType == RunPowerShellScript
}

func blank(r rune) bool { return r == ' ' || r == '\t' }

// windows checks a script that Windows runs. (rules 17 and 18)
func (l *mistakes) windows(commandType, content, text string) {
	if line, _, _ := strings.Cut(text, "\n"); strings.HasPrefix(line, "#!") {
		if name := Interpreter(text); commandType != RunPowerShellScript || name != "pwsh" && name != "powershell" {
			l.add("content", 0, "begins with #!, but Windows ignores that line: use the type %s, or remove the line", RunShellScript)
		}
	}
	for i, r := range content {
		if r < unicode.MaxASCII || r == unicode.MaxASCII || i == 0 && r == 0xfeff {
			continue
		}
		if !unicode.Is(gbk, r) {
			l.add("content", i, "has a character at byte %d that GBK lacks: the agent on a Chinese Windows would run an empty script; remove it, or pass it in a parameter", i+1)
			return
		}
	}
}

// Interpreter returns the program that a shell script's #! line names, without
// its folder; sh if no such line names one.
func Interpreter(content string) string {
	line, _, _ := strings.Cut(corrected(content), "\n")
	line, ok := strings.CutPrefix(line, "#!")
	if !ok {
		return "sh"
	}
	words := strings.FieldsFunc(line, blank)
	if len(words) == 0 {
		return "sh"
	}
	if path.Base(words[0]) != "env" {
		return path.Base(words[0])
	}
	for _, word := range words[1:] {
		word = strings.TrimPrefix(word, "-S")
		if word != "" && !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			return path.Base(word)
		}
	}
	return "env"
}
