package ecs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"sort"
)

// listed is one line of an answer, with its sort key. The line is made only if
// it is on the requested page.
type listed struct {
	key  string
	line func() map[string]any
}

// newestFirst returns a key that sorts later invocations, and later outcomes of
// a task, first.
func newestFirst(seq uint64, instance, outcome int) string {
	return fmt.Sprintf("%016x%04x%08x", ^seq, instance, ^uint32(outcome))
}

// paging is how a call wants its answer cut into pages.
type paging struct {
	query      string // identifies what is asked for, on whichever page
	byToken    bool
	after      string
	size       int64
	pageNumber int64
}

// readPaging reads MaxResults and NextToken, or the older PageNumber and
// PageSize if those are given instead.
func readPaging(p params, most int64) (paging, *apiError) {
	query := maps.Clone(p.form)
	// These parameters do not change which lines there are.
	for _, name := range []string{"MaxResults", "NextToken", "PageNumber", "PageSize", "IncludeOutput", "ContentEncoding"} {
		delete(query, name)
	}
	out := paging{query: p.action + " " + hashOf(query)}
	out.byToken = p.has("MaxResults") || p.has("NextToken") || !p.has("PageNumber") && !p.has("PageSize")
	sizeName := "PageSize"
	if out.byToken {
		sizeName = "MaxResults"
	}
	var e *apiError
	if out.size, e = p.number(sizeName, 10); e != nil {
		return out, e
	}
	if out.size < 1 || out.size > most {
		return out, bad("InvalidParameter."+sizeName, "%s is not from 1 to %d", sizeName, most)
	}
	if out.pageNumber, e = p.number("PageNumber", 1); e != nil {
		return out, e
	}
	if out.pageNumber < 1 {
		return out, bad("InvalidParameter.PageNumber", "PageNumber is not 1 or more")
	}
	if given := p.text("NextToken"); given != "" {
		raw, _ := base64.RawURLEncoding.DecodeString(given)
		out.after = string(raw[min(tokenSum, len(raw)):])
		if given != out.token(out.after) {
			return out, bad("InvalidParameter.NextToken", "the NextToken is not one that this service gave for this query")
		}
	}
	return out, nil
}

// tokenSum is the length of the checksum in a token, in bytes.
const tokenSum = 12

// token returns a token for the lines after a key, valid for this query only.
// Like the keys, it survives a restart.
func (g paging) token(after string) string {
	sum := sha256.Sum256([]byte(g.query + " " + after))
	return base64.RawURLEncoding.EncodeToString(append(sum[:tokenSum], after...))
}

// cut returns one page of lines, and adds to answer what a client needs for the
// next page.
func (g paging) cut(lines []listed, answer map[string]any) []map[string]any {
	sort.Slice(lines, func(i, j int) bool { return lines[i].key < lines[j].key })
	answer["TotalCount"] = len(lines)
	first := int(min(g.pageNumber-1, int64(len(lines))) * g.size)
	if g.byToken {
		first = sort.Search(len(lines), func(i int) bool { return lines[i].key > g.after })
	} else {
		answer["PageNumber"], answer["PageSize"] = g.pageNumber, g.size
	}
	first = min(first, len(lines))
	last := min(first+int(g.size), len(lines))
	answer["NextToken"] = ""
	if g.byToken && last < len(lines) {
		answer["NextToken"] = g.token(lines[last-1].key)
	}
	page := make([]map[string]any, 0, last-first)
	for _, l := range lines[first:last] {
		page = append(page, l.line())
	}
	return page
}

// describe makes a Describe action from list, which it calls with the lock held.
// The action answers with one page of the lines, under the two names. most is
// the greatest page size.
func describe(most int64, outer, inner string, list func(*Server, params) ([]listed, *apiError)) handler {
	return func(s *Server, _ context.Context, p params) (map[string]any, *apiError) {
		page, e := readPaging(p, most)
		if e != nil {
			return nil, e
		}
		if named := len(p.list("InstanceId")); named > 0 {
			page.size = int64(named) // MaxResults does not count then
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		lines, e := list(s, p)
		if e != nil {
			return nil, e
		}
		answer := map[string]any{}
		answer[outer] = map[string]any{inner: page.cut(lines, answer)}
		return answer, nil
	}
}

// within makes an action that puts another's answer under a name.
func within(name string, act handler) handler {
	return func(s *Server, ctx context.Context, p params) (map[string]any, *apiError) {
		answer, e := act(s, ctx, p)
		return map[string]any{name: answer}, e
	}
}
