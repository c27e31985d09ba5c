package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"aftercare/tests/localcloud/eventbridge"
)

// post is a target that sends each payload to an address.
func post(address string) eventbridge.Target {
	return func(ctx context.Context, payload []byte) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(payload))
		if err != nil {
			return fmt.Errorf("make a request: %w", err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("send an event: %w", err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return fmt.Errorf("read an answer: %w", err)
		}
		if res.StatusCode/100 != 2 {
			return fmt.Errorf("the target answered %s", res.Status)
		}
		return nil
	}
}

// hostPort returns an endpoint without its scheme.
func hostPort(endpoint string) string {
	_, rest, found := strings.Cut(endpoint, "://")
	if !found {
		return endpoint
	}
	return rest
}
