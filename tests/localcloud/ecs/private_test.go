package ecs_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestErrorsNameNeitherUsersNorFolders reads the events, which others keep.
func TestErrorsNameNeitherUsersNorFolders(t *testing.T) {
	c := ready(t, nil)
	c.end(c.run(shell("true").with(args{"Username": "secret-user"})))
	c.end(c.run(shell("true").with(args{"WorkingDir": "/home/secret-folder"})))
	c.eventually("the events", func() bool { return len(c.completed()) == 2 })
	if text := fmt.Sprint(c.completed()); strings.Contains(text, "secret") || strings.Count(text, "does not exist on the instance") != 2 {
		t.Errorf("the events say %s", text)
	}
}
