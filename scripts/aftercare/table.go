package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/event"
)

// say prints a sentence, on lines that fit the screen.
func say(w io.Writer, format string, args ...any) { screen.Say(w, "", fmt.Sprintf(format, args...)) }

// between is how long something took, empty if unknown.
func between(from, to time.Time) string {
	if from.IsZero() || to.IsZero() {
		return ""
	}
	return to.Sub(from).Round(time.Second).String()
}

// code is the exit code of an end with this status, empty if it has no code.
func code(status string, exit *int64) string {
	if exit = event.Status(status).Exit(exit); exit == nil {
		return ""
	}
	return strconv.FormatInt(*exit, 10)
}

// errorOf joins an error's code and its text.
func errorOf(code, text string) string {
	if code == "" || text == "" {
		return code + text
	}
	return code + ": " + text
}

// output is the flag -o.
type output string

func outputFlag(cmd *cobra.Command) *output {
	return (*output)(cli.Word(cmd, "output", "o", "table", "the `form`: table or json", "table", "json"))
}

func (o *output) json() bool { return *o == "json" }

// printJSON prints a value for programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// jsonList prints a list for programs while it grows.
type jsonList struct {
	w     io.Writer
	begun bool
}

func (l *jsonList) add(v any) error {
	mark := ",\n  "
	if !l.begun {
		mark, l.begun = "[\n  ", true
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("  ", "  ")
	err := e.Encode(v)
	if err == nil {
		_, err = io.WriteString(l.w, mark+strings.TrimSuffix(b.String(), "\n"))
	}
	return err
}

func (l *jsonList) end() error {
	end := "\n]\n"
	if !l.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(l.w, end)
	return err
}
