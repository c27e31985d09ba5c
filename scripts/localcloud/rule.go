package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"aftercare/tests/localcloud/eventbridge"
)

// readRules reads the file of --rules.
func readRules(path string) ([]eventbridge.Rule, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	var specs []struct {
		Name    string          `json:"name"`
		Bus     string          `json:"bus"`
		Pattern json.RawMessage `json:"pattern"`
		URL     string          `json:"url"`
		Retry   string          `json:"retry"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&specs); err != nil {
		return nil, fmt.Errorf("read the rules in %s: %w", path, err)
	}
	var out []eventbridge.Rule
	for _, s := range specs {
		u, err := url.Parse(s.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("read the rules in %s: rule %q: url must be http:// or https://", path, s.Name)
		}
		out = append(out, eventbridge.Rule{
			Name: s.Name, Bus: s.Bus, Pattern: string(s.Pattern), Retry: eventbridge.RetryStrategy(s.Retry),
			Target: post(s.URL),
		})
	}
	return out, nil
}

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

// hostPort is an endpoint without its scheme.
func hostPort(endpoint string) string {
	_, rest, found := strings.Cut(endpoint, "://")
	if !found {
		return endpoint
	}
	return rest
}
