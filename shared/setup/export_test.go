package setup

import (
	"context"
	"net/url"
)

// Compact is the policy in its shortest form.
func Compact(p Policy) string { return p.compact() }

// Call makes any call, as by hand.
func (r *RAM) Call(ctx context.Context, action string, parameters url.Values) error {
	return r.call(ctx, action, parameters, nil)
}

// Call makes any call, as by hand.
func (c *SLS) Call(ctx context.Context, method, project, path string, query url.Values, body, into any) error {
	return c.call(ctx, "Call", method, project, path, query, body, into)
}
