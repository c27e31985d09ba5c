package functioncompute

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// The waits between the tries of an asynchronous invocation: 0.5 s, 1 s, 2 s
// and so on. Source:
// https://www.alibabacloud.com/help/en/functioncompute/fc/error-handling-1-2
const (
	firstAsyncDelay = 500 * time.Millisecond
	maxAsyncDelay   = 512 * time.Second
)

// enqueue accepts an asynchronous invocation.
func (s *Server) enqueue(to target, requestID string, payload []byte) error {
	s.queued.Add(1)
	if !s.spawn(func() {
		defer s.queued.Add(-1)
		s.runAsync(to, requestID, payload)
	}) {
		s.queued.Add(-1)
		return errClosed
	}
	return nil
}

// asyncConfig is how a function's asynchronous invocations are repeated, and where
// their outcomes go.
type asyncConfig struct {
	maxRetries           int
	maxAge               time.Duration
	onSuccess, onFailure Destination
}

// asyncDefaults hold for a qualifier for which nothing is set.
var asyncDefaults = asyncConfig{maxRetries: 3, maxAge: 5 * time.Hour}

// asyncConfig returns what holds for an invocation now, and the function's name
// as a resource. An alias or a version does not inherit what is set for LATEST.
func (s *Server) asyncConfig(to target) (config asyncConfig, arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.functions[to.name]
	if d == nil {
		return asyncDefaults, ""
	}
	config, set := d.async[cmp.Or(to.qualifier, qualifier)]
	if !set {
		config = asyncDefaults
	}
	return config, d.latest.arn()
}

// AsyncPending returns how many asynchronous invocations are queued, running or
// waiting for their next try.
func (s *Server) AsyncPending() int { return int(s.queued.Load()) }

// runAsync tries an invocation until it succeeds or gives up. It repeats function
// errors a limited number of times, and a call that no instance could take until
// it is too old.
func (s *Server) runAsync(to target, requestID string, payload []byte) {
	accepted := time.Now()
	config, arn := s.asyncConfig(to)
	maxAge := s.asyncScaled(config.maxAge)
	for try, retries := 0, 0; ; try++ {
		res, err := s.execute(to, &invocation{id: requestID, qualifier: to.qualifier, async: true, payload: payload, retry: retries})
		if errors.Is(err, errClosed) {
			return
		}
		if err == nil && res.FunctionError == "" {
			s.deliver(config.onSuccess, outcome{arn: arn, res: res, payload: payload, tries: try + 1})
			return
		}
		delay := s.asyncScaled(min(firstAsyncDelay<<min(try, 20), maxAsyncDelay))
		exhausted := err == nil && retries == config.maxRetries
		if exhausted || time.Since(accepted)+delay > maxAge {
			s.deliver(config.onFailure, outcome{arn: arn, res: res, err: err, payload: payload, tries: try + 1})
			return
		}
		if err == nil {
			retries++
		}
		select {
		case <-time.After(delay):
		case <-s.stop:
			return
		}
	}
}

func (s *Server) asyncScaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.opt.AsyncScale)
}

// outcome is how an asynchronous invocation ended.
type outcome struct {
	arn     string // of the function
	res     Result
	err     error // of the service
	payload []byte
	tries   int
}

// deliver sends an outcome to a destination, in the form described at
// https://www.alibabacloud.com/help/en/fc/user-guide/result-callback
func (s *Server) deliver(to Destination, o outcome) {
	if to == (Destination{}) {
		return
	}
	condition, status := "Success", 200
	var refused *APIError
	switch {
	case errors.As(o.err, &refused):
		condition, status = refused.Code, refused.Status
	case o.res.FunctionError != "":
		condition = o.res.FunctionError
	}
	message, err := json.Marshal(map[string]any{
		"timestamp": s.opt.Now().UnixMilli(),
		"requestContext": map[string]any{
			"requestId":              o.res.RequestID,
			"functionArn":            o.arn,
			"condition":              condition,
			"approximateInvokeCount": o.tries,
		},
		"requestPayload": string(o.payload),
		"responseContext": map[string]any{
			"statusCode":    status,
			"functionError": o.res.FunctionError,
		},
		"responsePayload": string(o.res.Body),
	})
	if err == nil && to.Function != "" {
		_, err = s.InvokeAsync(to.Function, message)
	} else if err == nil {
		err = s.appendLine(to.File, message)
	}
	if err != nil {
		s.logf("outcome of request %s of %s did not reach its destination: %v", o.res.RequestID, o.arn, err)
	}
}

func (s *Server) appendLine(path string, line []byte) error {
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open destination file: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// logf writes a line of the service itself.
func (s *Server) logf(format string, args ...any) {
	w := s.log.writer("functioncompute: ")
	fmt.Fprintf(w, format, args...)
	w.flush()
}
