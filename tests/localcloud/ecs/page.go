package ecs

import (
	"encoding/base64"
	"fmt"
	"sort"
)

// listed is one line of an answer, made only if it is on the page that was
// asked for, with the key by which it is sorted.
type listed struct {
	key  string
	line func() map[string]any
}

// newestFirst is a key under which later invocations, and later outcomes of a
// task, come first.
func newestFirst(seq uint64, instance, outcome int) string {
	return fmt.Sprintf("%016x%04x%08x", ^seq, instance, ^uint32(outcome))
}

// paging is how a call wants its answer cut.
type paging struct {
	byToken    bool
	after      string
	size       int64
	pageNumber int64
}

// readPaging reads MaxResults and NextToken, or the older PageNumber and
// PageSize if those are given instead.
func readPaging(p params, most int64) (paging, *apiError) {
	out := paging{byToken: p.has("MaxResults") || p.has("NextToken") || !p.has("PageNumber") && !p.has("PageSize")}
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
	if token := p.text("NextToken"); token != "" {
		key, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(key) == 0 {
			return out, bad("InvalidParameter.NextToken", "the NextToken is not one of this service")
		}
		out.after = string(key)
	}
	return out, nil
}

// cut writes one page of lines, and what a client needs for the next, into
// answer.
func (g paging) cut(lines []listed, answer map[string]any) []map[string]any {
	sort.Slice(lines, func(i, j int) bool { return lines[i].key < lines[j].key })
	answer["TotalCount"] = len(lines)
	first := int((g.pageNumber - 1) * g.size)
	if g.byToken {
		first = sort.Search(len(lines), func(i int) bool { return lines[i].key > g.after })
	} else {
		answer["PageNumber"], answer["PageSize"] = g.pageNumber, g.size
	}
	first = min(first, len(lines))
	last := min(first+int(g.size), len(lines))
	answer["NextToken"] = ""
	if g.byToken && last < len(lines) {
		answer["NextToken"] = base64.RawURLEncoding.EncodeToString([]byte(lines[last-1].key))
	}
	page := make([]map[string]any, 0, last-first)
	for _, l := range lines[first:last] {
		page = append(page, l.line())
	}
	return page
}
