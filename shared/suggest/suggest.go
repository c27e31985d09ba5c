// Package suggest guesses which word was meant by one that is not known.
package suggest

import (
	"fmt"
	"strings"
)

// Hint returns a hint for an unknown word: the candidate that is probably meant,
// otherwise the list of candidates, which what names.
func Hint(word, what string, candidates []string) string {
	if meant := Nearest(word, candidates); meant != "" {
		return DidYouMean(meant)
	}
	return fmt.Sprintf(": %s are %s", what, strings.Join(candidates, ", "))
}

// DidYouMean is the hint that suggests one word.
func DidYouMean(word string) string { return fmt.Sprintf(", did you mean %q?", word) }

// Nearest returns the candidate that an unknown word is a prefix of or closest
// to; empty if none is near.
func Nearest(word string, candidates []string) string {
	best, distance := "", 1+max(1, len(word)/3)
	for _, candidate := range candidates {
		if strings.EqualFold(word, candidate) || len(word) > 2 && strings.HasPrefix(candidate, word) {
			return candidate
		}
		if d := editDistance(word, candidate, distance); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours between two words; limit if there are as many or more.
func editDistance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	before, row := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return min(limit, row[len(y)])
}
