package alert

import (
	"encoding/json"
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

// codeIn returns the named member of a JSON object; ok is false if it is not
// a number, or if body is no JSON object.
func codeIn(body []byte, name string) (code float64, ok bool) {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return 0, false
	}
	code, ok = answer[name].(float64)
	return code, ok
}
