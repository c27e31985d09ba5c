package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/engine"
)

// targets are the flags that say for which instances something is meant.
type targets struct {
	ids, tags []string
	name      string
	group     string
}

func targetFlags(cmd *cobra.Command) *targets {
	t := &targets{}
	flags := cmd.Flags()
	flags.StringSliceVar(&t.ids, "instance", nil, "the instance with this `id`; may be repeated")
	t.tagFlag(cmd)
	flags.StringVar(&t.name, "instance-name", "", "instances with this `name`, where * is any text")
	flags.StringVar(&t.group, "resource-group", "", "instances of the resource group with this `id`")
	return t
}

func (t *targets) tagFlag(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&t.tags, "tag", nil, "instances with this tag, as `KEY=VALUE` or KEY; may be repeated")
}

// selects reports whether ECS must be asked which instances are meant.
func (t *targets) selects() bool { return len(t.tags) > 0 || t.name != "" || t.group != "" }

func (t *targets) given() bool { return t.selects() || len(t.ids) > 0 }

// services are those that find needs.
func (t *targets) services() service {
	if t.selects() {
		return ofECS
	}
	return 0
}

// find returns the instances in the order of their ids. It asks ECS unless there
// are only ids.
func (t *targets) find(ctx context.Context, c *connection) ([]string, error) {
	if !t.selects() {
		return slices.Compact(slices.Sorted(slices.Values(t.ids))), nil
	}
	sel := engine.Selector{IDs: t.ids, Name: t.name, ResourceGroup: t.group, Tags: map[string]string{}}
	for _, tag := range t.tags {
		key, value, _ := strings.Cut(tag, "=")
		if key == "" {
			return nil, cli.Usage(fmt.Errorf("--tag %q must be KEY=VALUE or KEY", tag))
		}
		sel.Tags[key] = value
	}
	return selected(ctx, c, sel)
}

// selected are the ids of the instances that ECS finds, at least one.
func selected(ctx context.Context, c *connection, sel engine.Selector) ([]string, error) {
	found, err := c.assistant.Instances(ctx, sel)
	if err == nil && len(found) == 0 {
		err = cli.NotFound("ECS knows no such instance")
	}
	return slices.Sorted(maps.Keys(found)), err
}
