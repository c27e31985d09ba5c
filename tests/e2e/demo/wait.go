package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/ledger"
)

// until asks again and again until something has happened, 40 s at most.
func (s *story) until(ctx context.Context, what string, happened func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for {
		ok, err := happened()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting for %s", what)
		}
	}
}

// untilEnded waits until the named tasks have ended.
func (s *story) untilEnded(ctx context.Context, names ...string) error {
	return s.until(ctx, strings.Join(names, ", ")+" to end", func() (bool, error) {
		ended := map[string]bool{}
		for _, id := range instances {
			records, err := s.c.ledger.Records(ctx, id)
			if err != nil {
				return false, err
			}
			for _, t := range records.Tasks {
				ended[t.ID] = true
			}
		}
		return !slices.ContainsFunc(names, func(name string) bool { return !ended[s.tasks[name]] }), nil
	})
}

// untilRuns waits until n runs of a flow are on record, ended or refused.
func (s *story) untilRuns(ctx context.Context, id, name string, n int) error {
	return s.until(ctx, fmt.Sprintf("run %d of %s on %s to end", n, name, id), func() (bool, error) {
		records, err := s.c.ledger.Records(ctx, id)
		return len(runsOf(records, name)) >= n, err
	})
}

// recorded reads the ledger's records of every instance.
func (s *story) recorded(ctx context.Context) (map[string]ledger.Records, error) {
	all := map[string]ledger.Records{}
	for _, id := range instances {
		records, err := s.c.ledger.Records(ctx, id)
		if err != nil {
			return nil, err
		}
		all[id] = records
	}
	return all, nil
}
