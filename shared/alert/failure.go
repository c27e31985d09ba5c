package alert

import (
	"fmt"
	"net/http"

	"aftercare/shared/engine"
)

func statusError(status int) error {
	class := engine.ErrUnavailable
	switch status {
	case http.StatusTooManyRequests:
		class = engine.ErrThrottled
	case http.StatusUnauthorized, http.StatusForbidden:
		class = engine.ErrDenied
	}
	return fmt.Errorf("answered with HTTP status %d: %w", status, class)
}
