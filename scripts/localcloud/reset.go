package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/access/accesstest"
	"aftercare/tests/localcloud/tablestore"
)

func newReset() *cobra.Command {
	var address, instance string
	var key access.Key
	cmd := &cobra.Command{
		Use:   "reset [SERVICE]",
		Short: "Make a running local cloud, or one service that runs alone, forget everything",
		Long: `reset starts all services of a local cloud anew, on the same ports and with the
same keys, or the one SERVICE that runs alone: tablestore, ecs or eventbridge.
Nothing of tables, instances, events, faults and alerts is left. What is made at
the start is made again: Aftercare's tables, the instances of --instance, and what
the file of --seed holds, which is read again.`,
		Example: `  localcloud reset
  localcloud reset tablestore --address 127.0.0.1:8087 --access-key-id me --access-key-secret s3cret`,
		Args: cli.Args("[SERVICE]"),
	}
	data := dataFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&address, "address", "", "where SERVICE listens")
	flags.StringVar(&key.ID, "access-key-id", "", "the access key `id` of SERVICE")
	flags.StringVar(&key.Secret, "access-key-secret", "", "its `secret`")
	flags.StringVar(&instance, "instance", "any", "the Tablestore instance's `name`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			c, err := client(*data)
			if err != nil {
				return err
			}
			return reach(*data, c.Reset(cmd.Context()))
		}
		if address == "" || key.ID == "" || key.Secret == "" {
			return cli.Usage(errors.New("--address, --access-key-id and --access-key-secret are required with SERVICE"))
		}
		req, err := http.NewRequest(http.MethodPost, "http://"+address+"/reset", http.NoBody)
		if err != nil {
			return cli.Usage(err)
		}
		switch args[0] {
		case "tablestore":
			tablestore.Sign(req, nil, instance, key, time.Now())
		case "ecs", "eventbridge":
			accesstest.Sign(req, "", key, time.Now(), rand.Text())
		default:
			return cli.Usage(fmt.Errorf("%q is not tablestore, ecs or eventbridge", args[0]))
		}
		return sendReset(cmd.Context(), req)
	}
	return cmd
}

func sendReset(ctx context.Context, req *http.Request) error {
	res, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the service answered %s: %s", res.Status, strings.ToValidUTF8(strings.TrimSpace(string(text)), "?"))
	}
	return err
}
