package assistant_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/assistant"
	"aftercare/shared/engine"
)

const answersFile = "testdata/answers.txt"

var update = flag.Bool("update", false, "write what is got as what is wanted: read it before you keep it")

// TestEveryAnswerMeansWhatTheFileSays makes the calls of the file. A paragraph is
// a name, how the service answers one try after the other, and calls. Each call
// meets the answers from the first one on, and the last one again and again. The
// requests that it made follow as >, and what it returned as =.
// (decide rules 20, 23, 24)
// (command rules 23, 25)
func TestEveryAnswerMeansWhatTheFileSays(t *testing.T) {
	want, err := os.ReadFile(answersFile)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var s *script
	for line := range strings.SplitSeq(strings.TrimSuffix(string(want), "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, ">"), strings.HasPrefix(line, "="):
			continue
		case strings.HasPrefix(line, "#"):
			s = &script{t: t}
		case strings.HasPrefix(line, "? "):
			s.tries = nil
			result, err := ask(t, client(t, assistant.Config{Region: "cn-test", PerTry: time.Hour, Retries: 3, Sleep: noWait, RoundTripper: s}), line[2:])
			got = append(append(append(got, line), s.asked()...), "= "+outcome(result, err))
			continue
		case line != "":
			s.answers = append(s.answers, line)
		}
		got = append(got, line)
	}
	all := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(answersFile, []byte(all), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want), all); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// ask makes a call: its name and its arguments, where - is an empty one. Run and
// Invoke are sends, and their argument is what differs from the usual one.
func ask(t *testing.T, c *assistant.Client, line string) (any, error) {
	name, rest, _ := strings.Cut(line, " ")
	args := append(strings.Fields(rest), "", "")
	for i, arg := range args {
		if arg == "-" {
			args[i] = ""
		}
	}
	send := runSend()
	switch name {
	case "Invoke":
		send = invokeSend()
		fallthrough
	case "Run":
		if err := json.Unmarshal([]byte(rest), &send); err != nil {
			t.Fatal(err)
		}
		return c.Send(t.Context(), send)
	case "Stop":
		return nil, c.Stop(t.Context(), args[0], args[1])
	case "FindByToken":
		return c.FindByToken(t.Context(), args[0], args[1])
	case "FindByID":
		return c.FindByID(t.Context(), args[0], args[1])
	case "InstancesOf":
		return c.InstancesOf(t.Context(), args[0])
	case "Instances":
		var sel engine.Selector
		if err := json.Unmarshal([]byte(rest), &sel); err != nil {
			t.Fatal(err)
		}
		return c.Instances(t.Context(), sel)
	case "Output":
		return c.Output(t.Context(), args[0], args[1])
	}
	return c.AgentStatuses(t.Context(), args[:len(args)-2])
}

var unset = regexp.MustCompile(`"\w+":(""|null|"0001-01-01T00:00:00Z"),?`)

// outcome shows the fields of a result that are set, or an error with its classes.
func outcome(result any, err error) string {
	if err == nil {
		text, _ := json.Marshal(result)
		return unset.ReplaceAllString(string(text), "")
	}
	of := ""
	for _, class := range classes {
		if errors.Is(err, class) {
			of += "[" + class.Error() + "] "
		}
	}
	return of + err.Error()
}

// script is a RoundTripper that answers as the lines of a paragraph say: by a
// status and a body or an error code, or not at all.
type script struct {
	t       *testing.T
	answers []string
	tries   []*http.Request
}

// long is more than an answer may have.
var long = strings.Repeat(" ", 9<<20)

var isCode = regexp.MustCompile(`^[\w.]+$`)

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		s.t.Error(err)
	}
	s.tries = append(s.tries, r)
	n := len(s.tries)
	answer := s.answers[min(n, len(s.answers))-1]
	switch answer {
	case "no connection":
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	case "cut":
		return nil, io.ErrUnexpectedEOF
	}
	status, body, _ := strings.Cut(answer, " ")
	code, err := strconv.Atoi(status)
	if err != nil {
		s.t.Fatal(err)
	}
	if isCode.MatchString(body) {
		body = fmt.Sprintf(`{"RequestId":"REQ-%d","Code":%q}`, n, body)
	}
	body, half := strings.CutSuffix(strings.NewReplacer("{n}", strconv.Itoa(n), "{long}", long).Replace(body), "{cut}")
	resp := canned(code, body)
	if half {
		resp.Body = io.NopCloser(io.MultiReader(resp.Body, iotest.ErrReader(io.ErrUnexpectedEOF)))
	}
	return resp, nil
}

// asked are the requests: the API and the body. No parameter of the body is in
// the URL, too, and no nonce comes twice.
func (s *script) asked() (lines []string) {
	nonces := map[string]bool{}
	var before url.Values
	for n, r := range s.tries {
		query := r.URL.Query()
		if nonces[query.Get("SignatureNonce")] {
			s.t.Error("a later try has the same nonce")
		}
		nonces[query.Get("SignatureNonce")] = true
		line := "> " + query.Get("Action")
		for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
			values := slices.Clone(r.PostForm[name])
			if script, err := base64.StdEncoding.DecodeString(values[0]); name == "CommandContent" && err == nil {
				values[0] = string(script)
			}
			line += fmt.Sprintf(" %s=%q", name, values)
			if query.Has(name) {
				s.t.Errorf("%s is in the URL, too", name)
			}
		}
		if cmp.Equal(before, r.PostForm) {
			line = "> the same"
		}
		if before = r.PostForm; n < 4 {
			lines = append(lines, line)
		}
	}
	if len(s.tries) > 4 {
		lines = append(lines, fmt.Sprintf("> %d in all", len(s.tries)))
	}
	return lines
}

func noWait(context.Context, time.Duration) {}
