// Command noop is a function that does nothing, on the functions' FC SDK.
package main

import (
	"context"
	"net/http"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
)

type answer struct {
	RequestID string `json:"requestId"`
}

func main() {
	t := http.DefaultTransport.(*http.Transport)
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = 100
	fc.Start(func(context.Context, []byte) (answer, error) { return answer{"none"}, nil })
}
