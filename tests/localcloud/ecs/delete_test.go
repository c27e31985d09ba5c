package ecs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"aftercare/tests/localcloud/ecs"
)

func TestADeletedInstanceIsGone(t *testing.T) {
	dir, path := t.TempDir(), statePath(t)
	keep := func(o *ecs.Options) { o.Dir, o.Path = dir, path }
	c := ready(t, keep)
	if err := c.Delete(one); !errors.Is(err, ecs.ErrState) {
		t.Errorf("deleting a running instance: %v", err)
	}
	id := c.run(shell("true").with(args{"RepeatMode": "NextRebootOnly"}))
	if err := c.Stop(one); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(one); err != nil {
		t.Fatal(err)
	}
	gone := func(c *cloud) {
		t.Helper()
		found, _ := c.pages("DescribeInstances", nil, "InstanceId", "Instances", "Instance")
		check(t, "instances", fmt.Sprint(found), "[]")
		check(t, "its command", fmt.Sprint(dig(c.invocations(args{"InvokeId": id})[0], "InvokeInstances", "InvokeInstance").([]any)[0].(map[string]any)["ErrorCode"]), "InstanceReleased")
		_, err := c.call("RunCommand", shell("true"))
		check(t, "a command for it", fault(err), "InvalidInstance.NotFound 404")
	}
	gone(c)
	c.eventually("its last state", func() bool {
		all := c.ofType(ecs.TypeStateChange)
		var data map[string]string
		json.Unmarshal(all[len(all)-1].Data, &data)
		return data["state"] == "Deleted"
	})
	if _, err := os.Stat(filepath.Join(dir, one)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	gone(open(t, keep))
}
