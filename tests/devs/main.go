// Command devs stands in for Serverless Devs ("s") where the registry of its
// components cannot be reached. It reads what the real s printed for "s preview -o
// json", and calls Function Compute as the component fc3 does (component.go), so that
// scripts/deploy.sh can be run whole against the local cloud.
//
//	s preview ...      is the real s
//	s deploy -t FILE [-y] [--function] [--trigger]
//	s remove -t FILE [-y]
//
// The real s is SERVERLESS_DEVS, a path. The access key comes from the variable
// <access>_serverless_devs_access, as it does for s. Function Compute is
// AFTERCARE_FC_ENDPOINT.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "s:", err)
		os.Exit(101) // as s does
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("a command is missing: preview, deploy or remove")
	}
	if args[0] == "preview" {
		return real(args, os.Stdout)
	}
	flags := flag.NewFlagSet("s", flag.ContinueOnError)
	var c component
	file := flags.String("t", "s.yaml", "the deployment")
	flags.BoolVar(&c.yes, "y", false, "answer every question with yes")
	function := flags.Bool("function", false, "deploy only functions")
	trigger := flags.Bool("trigger", false, "deploy only triggers")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *function || *trigger {
		c.only = map[string]bool{"function": *function, "trigger": *trigger}
	}
	d, err := preview(*file)
	if err != nil {
		return err
	}
	if c.base, err = filepath.Abs(filepath.Dir(*file)); err != nil {
		return err
	}
	if c.api, err = connect(d.Access); err != nil {
		return err
	}
	for _, r := range d.order {
		switch args[0] {
		case "deploy":
			err = c.deploy(ctx, r)
		case "remove":
			err = c.remove(ctx, r)
		default:
			return fmt.Errorf("%q is not imitated, only preview, deploy and remove", args[0])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// real runs the real s.
func real(args []string, out *os.File) error {
	cmd := exec.Command(os.Getenv("SERVERLESS_DEVS"), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, out, os.Stderr
	return cmd.Run()
}

// deployment is what the real s makes of a file and the environment.
type deployment struct {
	Access    string
	Resources map[string]*resource
	order     []*resource
}

// resource is one function.
type resource struct {
	name      string
	Component string
	Actions   map[string][]struct{ Run, Path string }
	Props     map[string]any
}

// preview has the real s read a file.
func preview(file string) (deployment, error) {
	var d deployment
	out, err := os.CreateTemp("", "preview-")
	if err != nil {
		return d, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	if err := real([]string{"preview", "-t", file, "-o", "json"}, out); err != nil {
		return d, fmt.Errorf("preview: %w", err)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		return d, err
	}
	_, object, _ := strings.Cut("\n"+string(text), "\n{") // behind its warnings
	if err := json.Unmarshal([]byte("{"+object), &d); err != nil {
		return d, fmt.Errorf("preview: %w", err)
	}
	for name, r := range d.Resources {
		r.name = name
		d.order = append(d.order, r)
	}
	// s deploys independent resources side by side: any order will do.
	slices.SortFunc(d.order, func(a, b *resource) int { return strings.Compare(b.name, a.name) })
	return d, nil
}

// connect makes a client of Function Compute with the key that s would use.
func connect(access string) (*openapi.Client, error) {
	var key struct{ AccessKeyID, AccessKeySecret, SecurityToken string }
	variable := access + "_serverless_devs_access"
	if err := json.Unmarshal([]byte(os.Getenv(variable)), &key); err != nil {
		return nil, fmt.Errorf("%s holds no access key: %w", variable, err)
	}
	return openapi.New(openapi.Config{
		Endpoint: os.Getenv("AFTERCARE_FC_ENDPOINT"), Version: "2023-03-30", RoundTripper: transport.NewPool(time.Now),
	}, transport.NewCredentials(key.AccessKeyID, key.AccessKeySecret, key.SecurityToken))
}
