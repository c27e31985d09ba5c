package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The documents for people, from the root of the repository.
var documents = []string{
	"README.md", "functions/README.md", "scripts/README.md", "scripts/env/README.md", "tests/bench/README.md", "tests/localcloud/README.md",
}

func textOf(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", document))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anchors returns the anchors of a document's headings, as GitHub and GitLab form
// them.
func anchors(text string) []string {
	var all []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		word := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(word, " ", "-"))
	}
	return all
}

func TestEveryLinkOfTheDocumentsLeadsSomewhere(t *testing.T) {
	links, headings := 0, map[string][]string{}
	for _, document := range documents {
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(textOf(t, document), -1) {
			if strings.HasPrefix(link[1], "https://") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(link[1], "#")
			to := document
			if file != "" {
				to = filepath.Join(filepath.Dir(document), file)
			}
			if _, err := os.Stat(filepath.Join("..", "..", to)); err != nil {
				t.Errorf("%s has a link to %s: %v", document, link[1], err)
			} else if anchor != "" && headings[to] == nil {
				headings[to] = anchors(textOf(t, to))
			}
			if anchor != "" && !slices.Contains(headings[to], anchor) {
				t.Errorf("%s has a link to %s, and there is no such heading", document, link[1])
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found", links)
	}
}

// TestTheFrontPageIsShort: a stranger reads it in two minutes.
func TestTheFrontPageIsShort(t *testing.T) {
	const most = 250
	if n := strings.Count(textOf(t, "README.md"), "\n"); n > most {
		t.Errorf("README.md has %d lines, at most %d are allowed", n, most)
	}
}
