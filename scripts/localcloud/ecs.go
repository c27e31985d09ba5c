package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
)

func newECS() *cobra.Command {
	var o ecs.Options
	var events string
	var instances []string
	cmd := kind{
		name: "ecs", title: "ECS Cloud Assistant", limits: ecs.Limits, keys: true, programs: true,
		example: "  localcloud ecs --access-key-id me --access-key-secret s3cret --instance i-web-1 --boot-delay 1s",
		start:   func(f serviceFlags) (server, error) { return startECS(f, o, instances, events) },
	}.command()
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "dir", "", "the `folder` of the instances' folders (default: a temporary one)")
	flags.StringArrayVar(&instances, "instance", nil, "an `id` to create and boot at the start; may be repeated")
	flags.StringVar(&events, "events", "", "a `file` that gets each service event as a JSON line")
	flags.StringVar(&o.Region, "region", "cn-hangzhou", "the `region`")
	delayFlags(flags, &o.Delays)
	return cmd
}

// aloneECS is ECS with what to clean up when it closes.
type aloneECS struct {
	*ecs.Server
	dir   string
	clean []func() error
}

func (a *aloneECS) Close() error {
	errs := []error{a.Server.Close()}
	for _, f := range a.clean {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// forget closes ECS, and removes the folders of its instances.
func (a *aloneECS) forget() error {
	instances := a.Instances()
	errs := []error{a.Close()}
	for _, i := range instances {
		errs = append(errs, os.RemoveAll(filepath.Join(a.dir, i.ID)))
	}
	return errors.Join(errs...)
}

func startECS(f serviceFlags, o ecs.Options, instances []string, events string) (server, error) {
	var clean []func() error
	undo := func(err error) error {
		for _, f := range clean {
			err = errors.Join(err, f())
		}
		return err
	}
	if o.Dir == "" {
		if f.data != "" {
			return nil, cli.Usage(errors.New("--data needs --dir: instances keep their files there"))
		}
		dir, err := os.MkdirTemp("", "localcloud-ecs-")
		if err != nil {
			return nil, err
		}
		o.Dir = dir
		clean = append(clean, func() error { return os.RemoveAll(dir) })
	}
	if events != "" {
		file, err := os.OpenFile(events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, undo(err)
		}
		clean = append(clean, file.Close)
		lines := json.NewEncoder(file)
		lines.SetEscapeHTML(false)
		o.Emit = func(e ecs.CloudEvent) {
			if err := lines.Encode(e); err != nil {
				fmt.Fprintln(os.Stderr, "localcloud: write an event:", err)
			}
		}
	}
	o.Listen, o.Path, o.Keys = f.listen, f.data, access.NewKeys(f.key)
	s, err := ecs.Start(o)
	if err != nil {
		return nil, undo(err)
	}
	alone := &aloneECS{Server: s, dir: o.Dir, clean: clean}
	if err := bootAll(s, instances); err != nil {
		return nil, errors.Join(err, alone.Close())
	}
	return alone, nil
}

// bootAll creates the instances that do not exist, and boots the stopped ones.
func bootAll(s *ecs.Server, ids []string) error {
	state := map[string]string{}
	for _, i := range s.Instances() {
		state[i.ID] = i.State
	}
	for _, id := range ids {
		if state[id] == "" {
			if err := s.CreateInstance(ecs.Instance{ID: id}); err != nil {
				return err
			}
		}
		if state[id] != "Running" {
			if err := s.Boot(id); err != nil {
				return err
			}
		}
		state[id] = "Running"
	}
	return nil
}
