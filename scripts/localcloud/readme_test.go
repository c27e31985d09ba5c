package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readmeScript makes a script of README.md's "Ten minutes by hand": "make
// local" in one shell, each line in another, in a folder that has what make
// builds. Each line must print the text below it, where … stands for any text and
// a line of … for any lines.
func readmeScript(t *testing.T, dist string) string {
	t.Helper()
	for _, program := range []string{"aftercare", "localcloud"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dist, "bin", program), "../"+program)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", program, err, out)
		}
	}
	script := `mkdir .local
exec ln -s $DIST .local/dist
exec ln -s $DIST/bin bin
exec cp $PROJECT s.yaml
exec sh -c 'echo $$ >up.pid; exec ` + makeLocal(t) + ` --free-ports >out' &up&
await out '^ready$'
` + byHand(t) + `terminate up.pid
wait up
`
	file := filepath.Join(t.TempDir(), "readme.txtar")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// makeLocal is what "make local" runs when all is built.
func makeLocal(t *testing.T) string {
	t.Helper()
	makefile, err := filepath.Abs("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	dry := exec.Command("make", "--no-print-directory", "-n", "-o", "tools", "-f", makefile, "local")
	dry.Dir = t.TempDir() // no functions, so none to build
	out, err := dry.Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	line := lines[len(lines)-1] // behind those that build
	if err != nil || !strings.HasPrefix(line, "bin/localcloud up") {
		t.Fatalf("make local runs %q, %v", line, err)
	}
	return line
}

// once lists the lines that do something. The others only look, and run until
// their output is as shown.
var once = regexp.MustCompile(`localcloud (create|boot)|aftercare submit`)

// byHand returns this part of README.md as lines of a script.
func byHand(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, begun := strings.Cut(string(readme), "<!-- by hand -->\n```\n$ ")
	part, _, ended := strings.Cut(part, "```\n<!-- /by hand -->")
	if !begun || !ended {
		t.Fatal("README.md has no lines to type between <!-- by hand --> and <!-- /by hand -->")
	}
	var script strings.Builder
	for _, step := range strings.Split(part, "\n$ ") {
		line, shown, _ := strings.Cut(step, "\n")
		command := "sh -c " + argument(". .local/env; "+line+" 2>&1")
		if once.MatchString(line) {
			fmt.Fprintf(&script, "exec %s\nstdout %s\n", command, argument(pattern(shown)))
		} else {
			fmt.Fprintf(&script, "eventually %s %s\n", argument(pattern(shown)), command)
		}
	}
	return script.String()
}

// argument returns a text as one argument in a script.
func argument(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// pattern returns a pattern for an output with parts left out.
func pattern(shown string) string {
	var lines []string
	for line := range strings.Lines(shown) {
		line = strings.TrimSuffix(line, "\n")
		if line == "…" {
			lines = append(lines, `(.*\n)*`)
			continue
		}
		line = regexp.MustCompile(" {2,}").ReplaceAllString(regexp.QuoteMeta(line), " +")
		lines = append(lines, strings.ReplaceAll(line, "…", ".*")+`\n`)
	}
	return "^" + strings.Join(lines, "")
}
