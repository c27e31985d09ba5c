// Command raw is a function that does nothing, without any SDK: it speaks the
// protocol of Function Compute's runtime by package net/http alone.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	if err := run("http://" + os.Getenv("FC_RUNTIME_API") + "/2020-11-11/runtime/invocation/"); err != nil {
		fmt.Fprintln(os.Stderr, "raw:", err)
		os.Exit(1)
	}
}

func run(base string) error {
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, next.Body)
		next.Body.Close()
		if err != nil {
			return err
		}
		id := next.Header.Get("x-fc-request-id")
		answered, err := http.Post(base+id+"/response", "application/json", strings.NewReader(`{"requestId":"none"}`))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answered.Body)
		answered.Body.Close()
		if err != nil {
			return err
		}
	}
}
