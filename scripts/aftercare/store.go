package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
)

// The variables with the tables' place and the access key.
const (
	variableEndpoint = "AFTERCARE_TABLESTORE_ENDPOINT"
	variableInstance = "AFTERCARE_TABLESTORE_INSTANCE"
	variableKeyID    = "ALIBABA_CLOUD_ACCESS_KEY_ID"
	variableSecret   = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
	variableToken    = "ALIBABA_CLOUD_SECURITY_TOKEN"
)

const keysHelp = `
The access key comes from the environment: ` + variableKeyID + `,
` + variableSecret + `, and ` + variableToken + `
for a temporary one.`

// store holds the tables' place, from flags or the environment.
type store struct {
	getenv             func(string) string
	endpoint, instance string
	timeout            time.Duration
}

// storeFlags adds the flags for the tables' place.
func storeFlags(cmd *cobra.Command, getenv func(string) string) *store {
	s := &store{getenv: getenv}
	flags := cmd.Flags()
	flags.StringVar(&s.endpoint, "tablestore-endpoint", "", "the Tablestore instance's `URL` (default $"+variableEndpoint+")")
	flags.StringVar(&s.instance, "tablestore-instance", "", "the Tablestore instance's `name` (default $"+variableInstance+")")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Second, "give up after this `time`")
	cmd.Long = cmd.Short + ". Times are in UTC.\n" + keysHelp
	return s
}

// with opens the ledger for use, which the timeout bounds.
func (s *store) with(ctx context.Context, use func(context.Context, *ledger.Ledger) error) error {
	get := func(flag, variable string) string {
		if flag != "" {
			return flag
		}
		return strings.TrimSpace(s.getenv(variable))
	}
	endpoint, instance := get(s.endpoint, variableEndpoint), get(s.instance, variableInstance)
	id, secret := s.getenv(variableKeyID), s.getenv(variableSecret)
	var mistakes []error
	for _, required := range []struct{ value, mistake string }{
		{endpoint, "the endpoint is missing: set --tablestore-endpoint or " + variableEndpoint},
		{instance, "the Tablestore instance is missing: set --tablestore-instance or " + variableInstance},
		{id, variableKeyID + " is missing"},
		{secret, variableSecret + " is missing"},
	} {
		if required.value == "" {
			mistakes = append(mistakes, errors.New(required.mistake))
		}
	}
	if s.timeout <= 0 {
		mistakes = append(mistakes, errors.New("--timeout must be more than 0"))
	}
	if len(mistakes) > 0 {
		return cli.Usage(errors.Join(mistakes...))
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	pool := transport.NewPool(time.Now)
	defer pool.CloseIdleConnections()
	l, err := ledger.Open(ctx, ledger.Config{Endpoint: endpoint, Instance: instance, Transport: pool},
		transport.NewCredentials(id, secret, s.getenv(variableToken)))
	if err != nil {
		return cli.Usage(err)
	}
	return use(ctx, l)
}
