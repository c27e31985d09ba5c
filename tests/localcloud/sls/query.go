package sls

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// search is what GetLogs asks for.
type search struct {
	From    int64  `json:"from"` // seconds
	To      int64  `json:"to"`   // seconds, not included
	Query   string `json:"query"`
	Topic   string `json:"topic"`
	Line    int    `json:"line"`
	Offset  int    `json:"offset"`
	Reverse bool   `json:"reverse"`
}

// maxLine is how many lines an answer has at most.
const maxLine = 100

// getLogs answers with the lines alone.
func (s *Server) getLogs(r request) (any, *apiError) {
	q := search{Query: r.query["query"], Topic: r.query["topic"], Reverse: r.query["reverse"] == "true", Line: maxLine}
	var bad []error
	number := func(name string, to *int64) {
		if text := r.query[name]; text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			bad, *to = append(bad, err), n
		}
	}
	line, offset := int64(maxLine), int64(0)
	number("from", &q.From)
	number("to", &q.To)
	number("line", &line)
	number("offset", &offset)
	if slices.ContainsFunc(bad, func(err error) bool { return err != nil }) {
		return nil, refuse(http.StatusBadRequest, "ParameterInvalid", "from, to, line and offset are whole numbers")
	}
	q.Line, q.Offset = int(line), int(offset)
	lines, e := s.find(r, q)
	if e != nil {
		return nil, e
	}
	return lines, nil
}

// getLogsV2 answers with a head besides.
func (s *Server) getLogsV2(r request) (any, *apiError) {
	q := search{Line: maxLine}
	if json.Unmarshal(r.body, &q) != nil {
		return nil, refuse(http.StatusBadRequest, "PostBodyInvalid", "The request body is not valid JSON object.")
	}
	lines, e := s.find(r, q)
	if e != nil {
		return nil, e
	}
	return document{"meta": document{"progress": "Complete", "count": len(lines), "hasSQL": false, "isAccurate": true}, "data": lines}, nil
}

// find returns the lines that fit, oldest first, or newest first if reversed.
func (s *Server) find(r request, q search) ([]map[string]string, *apiError) {
	l, e := s.logstore(r)
	switch {
	case e != nil:
		return nil, e
	case l.Index == nil:
		return nil, refuse(http.StatusBadRequest, "IndexConfigNotExist", "logstore without index config")
	case q.From >= q.To:
		return nil, refuse(http.StatusBadRequest, "InvalidTimeRange", "request time range is invalid")
	case q.Line < 0 || q.Line > maxLine || q.Offset < 0:
		return nil, refuse(http.StatusBadRequest, "InvalidLine", "line is from 0 to %d", maxLine)
	}
	fits, e := compile(q.Query)
	if e != nil {
		return nil, e
	}
	var found []Line
	for _, line := range s.lines[[2]string{r.project, r.store}] {
		at := line.At.Unix()
		if at >= q.From && at < q.To && (q.Topic == "" || q.Topic == line.Topic) && fits(line) {
			found = append(found, line)
		}
	}
	slices.SortStableFunc(found, func(a, b Line) int { return a.At.Compare(b.At) })
	if q.Reverse {
		slices.Reverse(found)
	}
	begin := min(q.Offset, len(found))
	out := []map[string]string{}
	for _, line := range found[begin:min(begin+cmp.Or(q.Line, maxLine), len(found))] {
		view := map[string]string{"__time__": strconv.FormatInt(line.At.Unix(), 10), "__topic__": line.Topic, "__source__": "localcloud"}
		for name, value := range line.Fields {
			view[name] = value
		}
		out = append(out, view)
	}
	return out, nil
}

// separators split texts into words, as those of the console's standard index do.
const separators = ", '\";=()[]{}?@&<>/:\n\t\r"

// holds reports whether all words of a value are among those of a text, in any
// case.
func holds(text, value string) bool {
	words := func(text string) []string {
		return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(separators, r) })
	}
	all := words(text)
	return !slices.ContainsFunc(words(value), func(word string) bool { return !slices.Contains(all, word) })
}

// term is KEY: VALUE or a word. Values may be quoted.
var term = regexp.MustCompile(`^(?:([\w.-]+|__\w+__)\s*:\s*)?(?:"([^"]*)"|([^\s"|():<>=]+))$`)

// compile reads a query: terms joined by and.
func compile(query string) (func(Line) bool, *apiError) {
	var all []func(Line) bool
	for part := range strings.SplitSeq(query, " and ") {
		part = strings.TrimSpace(part)
		if part == "" || part == "*" {
			continue
		}
		m := term.FindStringSubmatch(part)
		if m == nil {
			return nil, notImitated("this query: it knows words and KEY: VALUE, joined by and")
		}
		key, value := m[1], cmp.Or(m[2], m[3])
		all = append(all, func(l Line) bool {
			if key == "__topic__" {
				return l.Topic == value
			}
			for name, text := range l.Fields {
				if (key == "" || key == name) && holds(text, value) {
					return true
				}
			}
			return false
		})
	}
	return func(l Line) bool {
		return !slices.ContainsFunc(all, func(fits func(Line) bool) bool { return !fits(l) })
	}, nil
}
