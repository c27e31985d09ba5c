package decide

import (
	"cmp"
	"slices"
	"strings"
)

// inOrder sorts a list. It sorts pointers: so all kinds of lists share the code, of
// which each would add 18 KB to the functions otherwise.
func inOrder[T any](list []T, compare func(a, b T) int) {
	sorted := make([]*T, len(list))
	for i, v := range list {
		sorted[i] = &v
	}
	slices.SortStableFunc(sorted, func(a, b *T) int { return compare(*a, *b) })
	for i, v := range sorted {
		list[i] = *v
	}
}

// inCreation sorts runs by when they were made.
func inCreation(a, b FlowRun) int {
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// inPlanning sorts messages by when they were planned.
func inPlanning(a, b Message) int {
	return cmp.Or(a.PlannedAt.Compare(b.PlannedAt), strings.Compare(a.Key, b.Key), cmp.Compare(a.Rev, b.Rev))
}

// Sort puts messages into the order in which they were planned.
func Sort(list []Message) { inOrder(list, inPlanning) }

// inReleaseOrder sorts tasks by priority, 9 first, then by submission.
func inReleaseOrder(a, b Task) int {
	if a.Priority != b.Priority {
		return b.Priority - a.Priority
	}
	if c := a.SubmittedAt.Compare(b.SubmittedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// sorted returns the tasks in one state, in the order of their release.
func (s State) sorted(state TaskState) []Task {
	var out []Task
	for _, t := range s.Tasks {
		if t.State == state {
			out = append(out, t)
		}
	}
	inOrder(out, inReleaseOrder)
	return out
}

// Sort puts sends into the order in which they are performed: commands in the
// order of their release, then stops.
func (s State) Sort(list []Send) {
	rank := func(k SendKind) int {
		if k.starts() {
			return 0
		}
		return 1
	}
	inOrder(list, func(a, b Send) int {
		return cmp.Or(rank(a.Kind)-rank(b.Kind), inReleaseOrder(s.Tasks[a.TaskID], s.Tasks[b.TaskID]), strings.Compare(a.Key, b.Key))
	})
}
